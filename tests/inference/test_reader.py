"""Readers: from the outputs of one network to an answer, and how far it can be trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_models import CLASSES, SIDE, write_classifier, write_reader
from rule_session import RuleSession, manifest

from tumorlens.errors import WeightsError
from tumorlens.inference.analysis import UNCERTAIN_KIND, Analysis
from tumorlens.inference.analyze import NO_OUTLINE, Analyzer
from tumorlens.inference.areas import UNSURE_OUTLINE
from tumorlens.inference.findings import NOT_MEASURED, UNLIKE
from tumorlens.inference.manifest import AreaInterval, KnownLook, ReadingRules
from tumorlens.inference.reader import Reader, label_of, open_reader, possible
from tumorlens.inference.shipped import DEFAULT_CLASSIFIER, DEFAULT_READER, default_model, shipped_model, weights_folder
from tumorlens.phantoms import demo_phantoms
from tumorlens.preprocessing import Preprocessing
from tumorlens.preprocessing.content import head_area
from tumorlens.scan import Scan

pytestmark = pytest.mark.extra_train

RULES = ReadingRules(kinds=CLASSES[:3], tumor_threshold=0.5, doubt=(0.2, 0.8), kind_threshold=0.1)
SPOT = np.full((SIDE, SIDE), 20.0, np.float32)
SPOT[0, 0], SPOT[8:16, 8:20] = 0.0, 100.0
T2 = KnownLook(
    sequence="t2",
    stripped=False,
    with_tumor=200,
    without_tumor=100,
    sensitivity=0.914,
    sensitivity_interval=(0.85, 0.955),
    sources=("made",),
)
ALL = KnownLook(with_tumor=400, without_tumor=300, sensitivity=0.8)


def answered(folder: Path, pixels: np.ndarray = SPOT, **made: object) -> Analysis:
    write_reader(folder, **made)
    return Analyzer(classifier=folder, gate=False).analyze(pixels)


def test_one_network_answers_all_three_questions(tmp_path: Path) -> None:
    found = answered(tmp_path)
    assert found.label == "glioma" and found.message == "Glioma suspected"
    assert found.probabilities["no_tumor"] == pytest.approx(1 / (1 + np.exp(4)), abs=1e-5)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.confidence == found.probabilities["glioma"]
    assert found.prediction_set == ("glioma",) and found.trust is None and found.looked_for is None
    assert found.mask is not None and found.mask.sum() == pytest.approx(96, abs=30)
    assert found.activation_map is not None and found.activation_map.shape == SPOT.shape
    assert [one.task for one in found.models] == ["reading"]
    assert set(found.timings or {}) == {"read", "reader", "measure"}
    assert found.findings is not None
    assert (found.findings.sequence, found.findings.stripped) == ("t2", False)
    assert found.findings.tumor_probability == pytest.approx(1 - found.probabilities["no_tumor"])
    assert sum(found.findings.kind_probabilities.values()) == pytest.approx(1)


def test_scale_bias_and_temperature_calibrate(tmp_path: Path) -> None:
    rules = {"tumor_scale": 0.5, "tumor_bias": -1.0, "kind_temperature": 4.0}
    found = answered(tmp_path, rules=rules).findings
    assert found is not None and found.tumor_logit == pytest.approx(4)
    assert found.tumor_probability == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-5)
    assert found.kind_probabilities["glioma"] == pytest.approx(np.e / (np.e + 2), abs=1e-5)


def test_no_tumor_says_what_was_looked_for_and_how_often_it_is_found(tmp_path: Path) -> None:
    found = answered(tmp_path, bias={"tumor_logit": [-4.0]}, rules={"known": (T2, ALL)})
    assert (found.label, found.message, found.trust) == ("no_tumor", "No tumor detected", None)
    assert found.mask is None and found.regions == () and found.area_interval is None
    assert found.looked_for == (
        "The model looked for glioma, meningioma and pituitary tumor in this one slice, and for no other disease. In "
        "scans that look like this one (T2, whole head), of collections that taught it nothing, it found 91 of 100 "
        "slices with a tumor (95 % interval 85 to 96)."
    )


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ((), NOT_MEASURED),
        ((T2.model_copy(update={"sensitivity": None}),), NOT_MEASURED),
        ((T2.model_copy(update={"sensitivity": None}), ALL), "In scans of all sequences together, of collections"),
        ((T2.model_copy(update={"stripped": None}),), "look like this one (T2), of collections"),
        ((T2.model_copy(update={"stripped": True}), ALL), "it found 80 of 100 slices with a tumor."),
    ],
)
def test_the_closest_measured_look_is_cited(tmp_path: Path, known: tuple[KnownLook, ...], words: str) -> None:
    found = answered(tmp_path, bias={"tumor_logit": [-4.0]}, rules={"known": known})
    assert words in (found.looked_for or "")


def test_a_classifier_says_that_its_sensitivity_was_not_measured(tmp_path: Path) -> None:
    write_classifier(tmp_path, np.array([[0, 0], [0, 0], [0, 0], [4, 4]]))
    found = Analyzer(classifier=tmp_path, gate=False).analyze(SPOT)
    assert found.label == "no_tumor" and found.findings is None
    assert found.looked_for is not None and found.looked_for.endswith(NOT_MEASURED)


@pytest.mark.parametrize("logit", [4.0, -4.0])
def test_an_unlike_scan_rules_nothing_out_and_is_no_all_clear(tmp_path: Path, logit: float) -> None:
    rules = {"unlike_threshold": 2.0, "known": (T2,)}
    found = answered(tmp_path, bias={"tumor_logit": [logit], "unlike": [2.5]}, rules=rules)
    assert found.is_unlike and found.trust == UNLIKE
    assert set(found.prediction_set) == set(CLASSES)
    assert "unlike those that the model knows" in found.message and "No tumor detected" not in found.message
    # What was measured on like scans says nothing of this one.
    assert found.looked_for is not None and found.looked_for.endswith(NOT_MEASURED)
    assert found.to_dict()["findings"]["unlike"] == {"score": 2.5, "threshold": 2.0, "flagged": True}


def test_at_the_threshold_and_without_one_a_scan_is_not_unlike(tmp_path: Path) -> None:
    for limit in (2.5, None):
        found = answered(tmp_path / str(limit), bias={"unlike": [2.5]}, rules={"unlike_threshold": limit})
        assert not found.is_unlike and found.trust is None


def test_a_kind_below_a_half_is_uncertain(tmp_path: Path) -> None:
    found = answered(tmp_path, bias={"kind_logits": [1.0, 0.9, 0.2]})
    assert found.label == "tumor" and found.message == "Tumor of uncertain kind suspected"
    assert found.kind_uncertain and found.to_dict()["findings"]["kind_uncertain"]
    assert found.findings is not None and found.confidence == found.findings.tumor_probability
    assert found.prediction_set == ("glioma", "meningioma", "pituitary")
    remain = "Three remain possible: glioma, meningioma and pituitary tumor (at 95 % coverage)."
    assert found.trust == f"{UNCERTAIN_KIND} {remain}"
    assert found.mask is not None and found.to_dict()["label"] == "tumor"


def test_a_tumor_without_an_outline_is_said_so(tmp_path: Path) -> None:
    found = answered(tmp_path, np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)[::-1] * 0.01)
    assert found.label == "glioma"
    write_reader(tmp_path / "none", min_region_fraction=0.99)
    empty = Analyzer(classifier=tmp_path / "none", gate=False).analyze(SPOT)
    assert empty.message == "Glioma suspected, but no outline found" and NO_OUTLINE in empty.warnings


@pytest.mark.parametrize(
    ("tumor", "unlike", "expected"),
    [
        (0.95, False, ("glioma",)),
        (0.7, False, ("glioma", "no_tumor")),
        (0.4, False, ("no_tumor", "glioma")),
        (0.1, False, ("no_tumor",)),
        (0.95, True, ("glioma", "no_tumor", "meningioma", "pituitary")),
    ],
)
def test_sets_hold_what_the_doubt_leaves_open(tumor: float, unlike: bool, expected: tuple[str, ...]) -> None:
    kinds = {"glioma": 0.96, "meningioma": 0.03, "pituitary": 0.01}
    assert possible(tumor, kinds, RULES, is_unlike=unlike) == expected


def test_the_set_always_holds_what_is_answered() -> None:
    outside = RULES.model_copy(update={"tumor_threshold": 0.9, "doubt": (0.1, 0.2)})
    for tumor in np.linspace(0, 1, 41):
        for kind in (0.34, 0.6, 1.0):
            kinds = {"glioma": kind, "meningioma": (1 - kind) / 2, "pituitary": (1 - kind) / 2}
            for rules in (RULES, outside):
                label, found = label_of(tumor, kinds, rules), possible(tumor, kinds, rules, is_unlike=False)
                assert (set(found) - {"no_tumor"} if label == "tumor" else label in found) and found


def views_of(**rules: object) -> tuple[Reader, RuleSession]:
    """A reader that sees a tumor of 4 where the upper left quarter is brightest, and looks at made arrays."""

    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        half, count = SIDE // 2, len(images)
        corner = images[:, 0, :half, :half].mean(axis=(1, 2))
        return {
            "tumor_logit": np.where(corner > images[:, 0].mean(axis=(1, 2)), 4.0, -1.0),
            "kind_logits": np.tile([4.0, 0.0, 0.0], (count, 1)),
            "mask_logits": 20 * (images[:, :, ::2, ::2] - 0.7),
            "sequence_logits": np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)),
            "stripped_logit": np.ones(count),
            "unlike": images[:, 0, 0, 0],
        }

    given = RULES.model_copy(update=rules)
    session = RuleSession(manifest("reading", reading=given), answer)
    return Reader(session), session  # type: ignore[arg-type]


def scan(row: int, col: int) -> Scan:
    pixels = np.zeros((SIDE, SIDE), np.float32)
    pixels[row : row + 8, col : col + 8] = 1.0
    return Scan(pixels)


def test_mirrored_views_are_averaged_and_masks_come_back_in_place() -> None:
    plain, _ = views_of()
    both, session = views_of(views=("identity", "mirror"))
    one, two = plain([scan(4, 20)])[0], both([scan(4, 20)])[0]
    assert one.tumor_logit == -1 and two.tumor_logit == pytest.approx(1.5)
    assert session.batches == [1, 1]
    np.testing.assert_array_equal(one.outline.mask, two.outline.mask)
    assert one.outline.mask[4:12, 20:28].all() and (one.sequence, one.stripped) == ("flair", True)


@pytest.mark.parametrize("place", [(4, 20), (20, 20), (20, 4)])
def test_the_doubtful_are_turned_too_and_masks_come_back_in_place(place: tuple[int, int]) -> None:
    reader, session = views_of(turns_when_doubtful=True, views=("identity", "mirror"), doubt=(0.1, 0.97))
    sure, doubtful = reader([scan(4, 4), scan(*place)])
    # Two views of both, then two of each of three turns of what is in doubt: the mirror image of the first is, too.
    assert session.batches == [2, 2, *[2] * 6]
    assert doubtful.tumor_logit == pytest.approx(sure.tumor_logit)
    row, col = place
    expected = np.zeros((SIDE, SIDE), bool)
    expected[row : row + 8, col : col + 8] = True
    np.testing.assert_array_equal(doubtful.outline.mask, expected)


def test_what_is_sure_is_not_turned() -> None:
    reader, session = views_of(turns_when_doubtful=True)
    assert reader([scan(4, 4)])[0].tumor_logit == 4
    assert session.batches == [1]


def test_the_score_of_unlike_scans_is_of_the_first_view() -> None:
    reader, _ = views_of(views=("identity", "mirror"), turns_when_doubtful=True, doubt=(0.0, 1.0))
    pixels = np.zeros((SIDE, SIDE), np.float32)
    pixels[0, 0] = 1.0
    prepared = Preprocessing(size=(SIDE, SIDE), crop="none")(pixels).array
    assert reader([Scan(pixels)])[0].unlike == pytest.approx(float(prepared[0, 0, 0]))


def test_many_are_answered_in_one_batch_as_alone(tmp_path: Path) -> None:
    weight = np.zeros((10, 4))
    weight[0] = [9, -9, 0, 0]
    write_reader(tmp_path, weight, {"tumor_logit": [0.0]})
    analyzer = Analyzer(classifier=tmp_path, gate=False)
    slices = [SPOT, SPOT[:, ::-1].copy(), SPOT.T.copy()]
    together = list(analyzer.analyze_many(slices))
    for one, pixels in zip(together, slices, strict=True):
        alone = analyzer.analyze(pixels)
        assert isinstance(one, Analysis) and one.probabilities == pytest.approx(alone.probabilities)
    assert [one.label for one in together if isinstance(one, Analysis)] == ["glioma", "no_tumor", "glioma"]


def test_another_segmenter_outlines_in_the_readers_place(tmp_path: Path) -> None:
    write_reader(tmp_path)
    analyzer = Analyzer(tmp_path, shipped_model("segmenter-small"), gate=False)
    assert [one.task for one in analyzer.manifests] == ["reading", "segmentation"]
    found = analyzer.analyze(demo_phantoms()[1].pixels)
    assert [one.task for one in found.models] == ["reading", "segmentation"]
    assert set(found.timings or {}) == {"read", "reader", "segment", "measure"}


def test_the_reader_that_ships_is_the_default_and_without_one_the_pair_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in weights_folder().iterdir():
        if folder.name != DEFAULT_READER:
            (tmp_path / folder.name).symlink_to(folder.resolve())
    monkeypatch.setenv("TUMORLENS_WEIGHTS", str(tmp_path))
    assert default_model().name == DEFAULT_CLASSIFIER
    assert [one.task for one in Analyzer().manifests] == ["gate", "classification", "segmentation"]
    write_reader(tmp_path / DEFAULT_READER)
    assert [one.task for one in Analyzer().manifests] == ["gate", "reading"]
    pair = Analyzer(classifier=shipped_model(DEFAULT_CLASSIFIER))
    assert [one.task for one in pair.manifests] == ["gate", "classification", "segmentation"]


def test_models_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    write_reader(tmp_path / "lacking", leave_out=["unlike"])
    with pytest.raises(WeightsError, match="answer tumor_logit, kind_logits"):
        open_reader(tmp_path / "lacking")
    with pytest.raises(WeightsError, match="does segmentation, and one for reading"):
        open_reader(shipped_model("segmenter-small"))


@pytest.mark.parametrize(
    "changes",
    [{"doubt": (0.8, 0.2)}, {"doubt": (-0.1, 0.2)}, {"views": ()}, {"kinds": ()}, {"tumor_threshold": 1.0}, {"x": 1}],
)
def test_impossible_rules_are_refused(changes: dict) -> None:
    with pytest.raises(ValueError):
        ReadingRules.model_validate({**RULES.model_dump(), **changes})


def test_a_reader_has_rules_and_no_other_model_does() -> None:
    with pytest.raises(ValueError, match="a reader says how it reads"):
        manifest("reading")
    with pytest.raises(ValueError, match="a reader says how it reads"):
        manifest("segmentation", reading=RULES)


def test_the_interval_of_a_reader_widens_with_its_spread(tmp_path: Path) -> None:
    known = AreaInterval(coverage=0.9, low=0.5, high=2.0, images=10, data="made")
    found = answered(tmp_path, area_interval=known)
    assert found.area_interval is not None and found.mask is not None
    low, high = found.area_interval.total.px
    assert low == pytest.approx(found.mask.sum() * 0.5) and high <= found.mask.sum() * 2


def test_a_boundless_interval_ends_at_the_head_and_is_said_to_be_unsure(tmp_path: Path) -> None:
    write_reader(tmp_path, area_interval=AreaInterval(coverage=0.9, low=0.5, high=1000, images=10, data="made"))
    pixels = demo_phantoms()[1].pixels.copy()
    pixels[90:150, 90:150] = pixels.max()
    found = Analyzer(classifier=tmp_path, gate=False).analyze(np.pad(pixels, 100))
    assert found.area_interval is not None and found.mask is not None
    assert found.area_interval.total.px[1] == pytest.approx(head_area(pixels), rel=0.05)
    assert [one.startswith(UNSURE_OUTLINE) for one in found.warnings] == [True]


def test_a_look_may_be_outlined_by_the_segmenter_that_ships(tmp_path: Path) -> None:
    found = answered(tmp_path / "one", rules={"segmented": ("t2",)})
    assert [one.task for one in found.models] == ["reading", "segmentation"]
    other = answered(tmp_path / "other", rules={"segmented": ("t1c",)})
    assert [one.task for one in other.models] == ["reading"] and other.regions
