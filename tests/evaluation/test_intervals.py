import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.evaluation import bootstrap_mean


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
