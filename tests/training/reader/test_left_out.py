from dataclasses import replace

import numpy as np
import pytest

from tumorlens.evaluation.detection import Detection
from tumorlens.inference.manifest import ReadingRules
from tumorlens.training.reader.left_out import answered_again, known_looks, rules_of_left_out

pytestmark = pytest.mark.extra_train

RULES = ReadingRules(kinds=("glioma",))
ROW = Detection(
    id="a",
    collection="more",
    source="TCGA-GBM",
    sequence="t2",
    stripped=0,
    person="p",
    tumor=True,
    kind="glioma",
    tumor_px=40,
    tumor_mm2=-1.0,
    logit=2.0,
    probability=0.9,
    label="glioma",
    certain=True,
    unlike=1.0,
    is_unlike=False,
    dice=0.8,
)


def rows(count: int = 400) -> list[Detection]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        tumor = number % 2 == 0
        logit = float(rng.normal(1.0 if tumor else -3.0, 1.5))
        sequence = ("t1", "t2")[number // 2 % 2]
        changes = {"tumor": tumor, "logit": logit, "sequence": sequence, "person": f"p{number // 8}"}
        made.append(replace(ROW, id=str(number), kind="glioma" if tumor else "no_tumor", **changes))
    return made


def test_rules_are_fitted_on_what_was_left_out() -> None:
    found = rules_of_left_out(RULES, rows(), 0.95)
    again = answered_again(rows(), found)
    free = [one for one in again if not one.tumor]
    assert sum(not one.called for one in free) / len(free) == pytest.approx(0.95, abs=0.02)
    assert "left out" in found.fitted_on and found.doubt[0] <= found.tumor_threshold <= found.doubt[1]
    probability = np.array([one.probability for one in again])
    assert probability.mean() == pytest.approx(0.5, abs=0.05)


def test_each_look_with_enough_slices_has_its_figures() -> None:
    found = known_looks(rows())
    assert [(one.sequence, one.stripped) for one in found] == [
        (None, None), ("t1", None), ("t2", None), ("t1", False), ("t2", False),
    ]  # fmt: skip
    for one in found:
        assert one.sensitivity is not None and one.sensitivity_interval is not None
        assert one.sensitivity_interval[0] <= one.sensitivity <= one.sensitivity_interval[1]
    few = known_looks([*rows(60), *(replace(ROW, sequence="flair") for _ in range(30))])
    flair = next(one for one in few if one.sequence == "flair")
    assert flair.sensitivity == 1.0 and flair.specificity is None
    assert known_looks(rows(4)) == ()


def test_other_rules_change_the_answer_and_its_certainty() -> None:
    strict = RULES.model_copy(update={"tumor_threshold": 0.95, "doubt": (0.5, 0.97)})
    (one,) = answered_again([ROW], strict)
    assert one.label == "no_tumor" and not one.certain
    (other,) = answered_again([replace(ROW, label="no_tumor", logit=9.0)], strict)
    assert other.label == "tumor" and other.certain
