import numpy as np
import pytest

from tumorlens.training.reader.rules import Judged, fit_kind_rules, fit_platt, fit_tumor_rules, weighted_quantile
from tumorlens.training.reader.unlike import fit_unlike, unlike_scores

pytestmark = pytest.mark.extra_train


def judged(count: int = 4000, scale: float = 2.0) -> Judged:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, count)
    tumor = rng.uniform(size=count) < 1 / (1 + np.exp(-(scale * logit - 0.5)))
    kind = np.where(tumor, rng.integers(0, 3, count), -1)
    kinds = rng.normal(0, 1, (count, 3))
    kinds[tumor, kind[tumor]] += 2.5
    weight = np.ones(count)
    return Judged(logit.astype(np.float32), kinds.astype(np.float32), tumor, kind.astype(np.int64), weight)


def test_platt_finds_scale_and_bias() -> None:
    made = judged()
    scale, bias = fit_platt(made.tumor_logit, made.tumor, made.weight)
    assert scale == pytest.approx(2.0, abs=0.2) and bias == pytest.approx(-0.5, abs=0.15)


def test_the_threshold_leaves_as_many_alone_as_asked_and_doubt_holds_the_truth() -> None:
    made = judged()
    rules = fit_tumor_rules(made, 0.95)
    probability = 1 / (1 + np.exp(-(rules.scale * made.tumor_logit + rules.bias)))
    assert (probability[~made.tumor] < rules.threshold).mean() == pytest.approx(0.95, abs=0.01)
    low, high = rules.doubt
    assert low <= rules.threshold <= high
    assert (probability[made.tumor] > low).mean() >= 0.94
    assert (probability[~made.tumor] < high).mean() >= 0.94


def test_kinds_keep_the_truth_possible() -> None:
    made = judged()
    temperature, threshold = fit_kind_rules(made)
    known = made.kind >= 0
    scaled = np.exp(made.kind_logits[known] / temperature)
    of_truth = (scaled / scaled.sum(axis=1, keepdims=True))[np.arange(known.sum()), made.kind[known]]
    assert temperature > 0 and (of_truth >= threshold).mean() >= 0.95


def test_weights_count() -> None:
    values, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 8.0])
    assert weighted_quantile(values, weights, 0.5) == 3.0
    assert weighted_quantile(values, np.ones(3), 0.5) == 2.0


def test_made_shifts_are_unlike() -> None:
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(8, 64))
    known = (rng.normal(size=(2000, 8)) @ mixing + rng.normal(0, 0.1, (2000, 64))).astype(np.float32)
    score = fit_unlike(known, np.ones(2000))
    limit = np.quantile(unlike_scores(score, known), 0.95)
    assert np.median(unlike_scores(score, known)) == pytest.approx(1.0, abs=0.4)
    far = (6 * rng.normal(size=(200, 8)) @ mixing).astype(np.float32)
    outside = known[:200] + rng.normal(0, 3, (200, 64)).astype(np.float32)
    assert (unlike_scores(score, far) > limit).mean() > 0.8
    assert (unlike_scores(score, outside) > limit).mean() > 0.95
