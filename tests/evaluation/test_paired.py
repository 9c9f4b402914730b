import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.classification import accuracy, macro_auroc
from tumorlens.evaluation.paired import (
    compare_classifiers,
    compare_outlines,
    holm,
    mcnemar,
    paired_difference,
    wilcoxon,
)

pytestmark = pytest.mark.extra_eval


def disagreeing(ahead: int, behind: int, equal: int = 50) -> tuple[np.ndarray, np.ndarray]:
    first = np.r_[np.ones(ahead), np.zeros(behind), np.ones(equal)].astype(bool)
    second = np.r_[np.zeros(ahead), np.ones(behind), np.ones(equal)].astype(bool)
    return first, second


def test_mcnemar_is_exact_for_few_disagreements() -> None:
    found = mcnemar(*disagreeing(1, 5))
    # Twice the chance of at most 1 head in 6 throws.
    assert found.p_value == pytest.approx(2 * (1 + 6) / 2**6)
    assert (found.test, found.first_only, found.second_only, found.images) == ("McNemar, exact", 1, 5, 56)
    assert mcnemar(*disagreeing(0, 0)).p_value == 1.0
    assert mcnemar(*disagreeing(12, 12)).test == "McNemar, exact"


def test_mcnemar_is_chi_squared_with_correction_for_many() -> None:
    from scipy.stats import chi2

    found = mcnemar(*disagreeing(10, 30))
    assert found.statistic == pytest.approx((20 - 1) ** 2 / 40)
    assert found.p_value == pytest.approx(chi2.sf(361 / 40, 1))
    assert mcnemar(*disagreeing(20, 20)).p_value == 1.0


def test_wilcoxon_by_hand_and_without_any_difference() -> None:
    first = np.array([0.9, 0.8, 0.7, 0.6, 0.55, 0.5])
    found = wilcoxon(first, first - np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.0]))
    assert (found.statistic, found.p_value) == (0.0, pytest.approx(2 / 2**5))
    assert (found.first_only, found.second_only, found.images) == (5, 0, 6)
    assert wilcoxon(first, first).p_value == 1.0
    with pytest.raises(EvaluationError, match="not finite"):
        wilcoxon([1.0, float("nan")], [1.0, 1.0])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        holm([1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert (np.diff(np.array(corrected)[np.argsort(p_values, kind="stable")]) >= 0).all()


def two_models(images: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=images)
    noise = rng.dirichlet(np.ones(3), size=(2, images))
    good, bad = (noise[index] + skill * np.eye(3)[truth] for index, skill in enumerate((0.8, 0.1)))
    return truth, good / good.sum(axis=1, keepdims=True), bad / bad.sum(axis=1, keepdims=True)


def test_a_difference_is_that_of_the_figures_and_changes_its_sign_with_the_order() -> None:
    truth, good, bad = two_models()
    for metric in (accuracy, macro_auroc):
        found = paired_difference(metric, truth, good, bad)
        assert found.value == pytest.approx(metric(truth, good) - metric(truth, bad))
        assert 0 < found.low <= found.value <= found.high
        other = paired_difference(metric, truth, bad, good)
        assert (other.value, other.low, other.high) == pytest.approx((-found.value, -found.high, -found.low))
    same = paired_difference(accuracy, truth, good, good)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    plain = paired_difference(lambda truth, scores: accuracy(truth, scores), truth, good, bad, resamples=50)
    assert plain == paired_difference(accuracy, truth, good, bad, resamples=50)


def test_pairing_narrows_the_interval_of_two_models_that_agree() -> None:
    truth, good, _ = two_models()
    nearly = good.copy()
    nearly[:5] = np.roll(good[:5], 1, axis=1)
    found = paired_difference(accuracy, truth, good, nearly)
    assert found.high - found.low < 0.04


def test_all_pairs_of_classifiers_are_compared_and_corrected() -> None:
    truth, good, bad = two_models()
    found = compare_classifiers(truth, {"good": good, "bad": bad, "again": good}, resamples=100)
    assert [(one.first, one.second) for one in found] == [("good", "bad"), ("good", "again"), ("bad", "again")]
    assert found[0].difference.value > 0
    assert found[0].p_corrected == pytest.approx(min(1, found[0].test.p_value * 3))
    assert found[1].test.p_value == found[1].p_corrected == 1.0
    assert json.loads(json.dumps(found[0].to_dict()))["test"]["images"] == 300


def test_segmenters_are_compared_by_image() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0.6, 0.8, 60)
    (found,) = compare_outlines({"a": first + 0.1, "b": first + rng.normal(0, 0.02, 60)}, np.arange(60) // 3)
    assert found.difference.value == pytest.approx(0.1, abs=0.01)
    assert found.difference.low > 0.08
    assert found.p_corrected == found.test.p_value < 1e-6


def test_what_cannot_be_compared_is_refused() -> None:
    truth, good, bad = two_models()
    for compare in (lambda: compare_classifiers(truth, {"good": good}), lambda: compare_outlines({"a": [1.0]})):
        with pytest.raises(EvaluationError, match="at least two"):
            compare()
    with pytest.raises(EvaluationError, match="do not fit"):
        compare_classifiers(truth, {"good": good, "bad": bad[:5]})
    with pytest.raises(EvaluationError, match="one pair for each image"):
        mcnemar([True], [True, False])
    with pytest.raises(EvaluationError, match="no images"):
        wilcoxon([], [])
