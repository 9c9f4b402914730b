import re
import subprocess
import sys

import numpy as np
import pytest
from answers import NAMES, described, made_predictions

pytestmark = pytest.mark.extra_eval


@pytest.fixture(scope="module")
def plots() -> list:
    from tumorlens.evaluation.figures import classification_section
    from tumorlens.evaluation.plots import classification_plots
    from tumorlens.evaluation.setting import Setting

    section = classification_section(made_predictions(), Setting(described("classification"), "made", "made"), folds=0)
    return classification_plots(section, {name: name.title() for name in NAMES})


def test_a_classifier_has_its_plots_and_each_explains_itself(plots: list) -> None:
    names = [one.name for one in plots]
    assert names == ["confusion", "roc", "precision_recall", "reliability", "risk_coverage"]
    assert all(one.title and one.caption.endswith(".") and one.png.startswith(b"\x89PNG") for one in plots)


def test_drawings_take_the_color_of_the_page_and_share_no_identifiers(plots: list) -> None:
    from tumorlens.evaluation.plots import INK

    seen: set[str] = set()
    for one in plots:
        assert one.svg.startswith("<svg") and "currentColor" in one.svg and INK not in one.svg
        assert "<script" not in one.svg and "<metadata" not in one.svg
        ids = set(re.findall(r'\bid="([^"]+)"', one.svg))
        assert not ids & seen
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', one.svg)) <= ids
        seen |= ids


def test_the_confusion_matrix_shows_the_counts(plots: list) -> None:
    table = made_predictions()
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (table.truth, table.labels), 1)
    shown = re.findall(r">(\d+)</text>", plots[0].svg)
    assert sorted(map(int, shown)) == sorted(counts.ravel().tolist())


def test_plots_are_the_same_for_the_same_answers_and_leave_no_global_state() -> None:
    from tumorlens.evaluation.plots import segmentation_plots

    dice = np.linspace(0, 1, 12)
    sizes = [("small", dice < 0.5), ("large", dice >= 0.5)]
    first, second = (segmentation_plots(dice, ["Glioma", "Meningioma"] * 6, sizes) for _ in range(2))
    assert [one.svg for one in first] == [one.svg for one in second]
    code = "import sys, tumorlens.evaluation.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
