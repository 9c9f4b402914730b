import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation import bootstrap, bootstrap_many, bootstrap_mean, intervals
from tumorlens.evaluation.classification import accuracy, macro_auroc, macro_f1
from tumorlens.evaluation.intervals import resample_counts


def test_interval_of_a_proportion_matches_the_normal_one() -> None:
    values = np.repeat([1.0, 0.0], [900, 100])
    found = bootstrap_mean(values, resamples=4000)
    half = 1.96 * np.sqrt(0.9 * 0.1 / 1000)
    assert found.value == pytest.approx(0.9)
    assert found.low == pytest.approx(0.9 - half, abs=0.003)
    assert found.high == pytest.approx(0.9 + half, abs=0.003)


def test_groups_of_equal_images_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    of_group = rng.random(50)
    values, groups = np.repeat(of_group, 20), [str(one) for one in np.repeat(np.arange(50), 20)]
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups)
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(1).random(30)
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_interval_holds_the_range_of_the_values(values: list[float]) -> None:
    found = bootstrap_mean(values, resamples=50)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_no_values_and_a_wrong_number_of_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="2 groups for 1 values"):
        bootstrap_mean([1.0], ["a", "b"])


def mean(values: np.ndarray) -> float:
    return float(values.mean())


def test_bootstrap_of_any_figure_holds_its_value_and_is_the_one_of_the_mean() -> None:
    values = np.random.default_rng(0).random(200)
    any_figure, of_mean = bootstrap(mean, (values,)), bootstrap_mean(values)
    assert any_figure.value == pytest.approx(of_mean.value)
    assert any_figure.low == pytest.approx(of_mean.low, abs=0.01)
    assert any_figure.high == pytest.approx(of_mean.high, abs=0.01)
    assert bootstrap(mean, (values,), seed=1) == bootstrap(mean, (values,), seed=1) != bootstrap(mean, (values,))


def test_a_weighted_figure_gives_the_interval_of_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(3, size=90), rng.dirichlet(np.ones(3), size=90)
    groups = [str(one) for one in rng.integers(20, size=90)]
    for metric in (accuracy, macro_f1, macro_auroc):
        plain = bootstrap(lambda *arrays: metric(*arrays), (truth, scores), groups, resamples=60)  # noqa: B023
        quick = bootstrap(metric, (truth, scores), groups, resamples=60)
        assert (plain.value, plain.low, plain.high) == pytest.approx((quick.value, quick.low, quick.high))


def test_groups_are_drawn_whole() -> None:
    groups = np.array(["x", "y", "x", "z", "y", "x"])
    weights = np.concatenate(list(resample_counts(6, groups, resamples=50)))
    for name in "xyz":
        of_group = weights[:, groups == name]
        assert (of_group == of_group[:, :1]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resample_counts(7, resamples=20, seed=3)))
    monkeypatch.setattr(intervals, "CELLS_AT_ONCE", 21)
    blocks = list(resample_counts(7, resamples=20, seed=3))
    assert len(blocks) == 7
    assert (np.concatenate(blocks) == whole).all()


def test_groups_widen_the_interval_of_any_figure() -> None:
    values = np.repeat(np.random.default_rng(0).random(40), 10)
    groups = np.repeat(np.arange(40), 10).astype(str)
    alone, grouped = bootstrap(mean, (values,)), bootstrap(mean, (values,), groups)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_resamples_without_the_figure_are_skipped_and_counted() -> None:
    def share_of_ones(values: np.ndarray) -> float | None:
        return float((values == 1).mean()) if (values == 0).any() else None

    found = bootstrap(share_of_ones, (np.array([0, 1, 1]),), resamples=300)
    # Two thirds to the third power of the resamples hold no 0.
    assert 0.2 < found.skipped / 300 < 0.4
    assert found.value == pytest.approx(2 / 3)
    assert found.to_dict()["skipped"] == found.skipped


def test_a_figure_that_is_undefined_has_no_interval() -> None:
    with pytest.raises(EvaluationError, match="undefined on these images"):
        bootstrap(lambda values: None, (np.ones(3),))
    assert bootstrap_many({"none": lambda values: float("nan"), "mean": mean}, (np.ones(3),))["none"] is None


@pytest.mark.parametrize(
    ("arrays", "groups", "options", "sentence"),
    [
        ((np.empty(0),), None, {}, "no images"),
        ((np.ones(2), np.ones(3)), None, {}, r"\[2, 3\] rows"),
        ((np.ones(2),), ["a"], {}, r"\[1, 2\] rows"),
        ((np.ones(2),), None, {"level": 1.0}, "level 1.0"),
        ((np.ones(2),), None, {"resamples": 0}, "0 resamples"),
    ],
)
def test_what_cannot_be_resampled_is_refused(arrays: tuple, groups: list | None, options: dict, sentence: str) -> None:
    with pytest.raises(EvaluationError, match=sentence):
        bootstrap(lambda *arrays: 1.0, arrays, groups, **options)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_the_interval_of_any_mean_lies_within_the_values(values: list[float]) -> None:
    found = bootstrap(mean, (np.array(values),), resamples=30)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
