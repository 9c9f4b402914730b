import numpy as np
import pytest
from pydantic import ValidationError

from tumorlens.augmentation import Affine, Elastic, ElasticRange, Sample

IMAGE = np.random.default_rng(1).uniform(0, 1, (48, 40)).astype(np.float32)


def test_alpha_0_is_the_identity() -> None:
    deformed, _ = Sample(Affine(), Elastic(0.0, 4.0, seed=1), None).apply(IMAGE)
    np.testing.assert_allclose(deformed, IMAGE, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 4.0, 12.0])
def test_displacement_never_exceeds_alpha(sigma: float) -> None:
    for field in Elastic(30.0, sigma, seed=7).displacement(IMAGE.shape):
        assert field.shape == IMAGE.shape
        assert 0 < np.abs(field).max() <= 30.0


def test_displacement_grows_linearly_with_alpha() -> None:
    single, double = (Elastic(alpha, 4.0, seed=2).displacement(IMAGE.shape)[0] for alpha in (10.0, 20.0))
    np.testing.assert_allclose(double, 2 * single, rtol=1e-5, atol=1e-6)


def test_larger_sigma_gives_a_smoother_field() -> None:
    def roughness(sigma: float) -> float:
        field = Elastic(1.0, sigma, seed=3).displacement((96, 96))[0]
        return float(np.abs(np.diff(field, axis=0)).mean() / field.std())

    assert roughness(2.0) > 1.5 * roughness(8.0)


def test_seed_decides_the_field() -> None:
    first, again, other = (Elastic(10.0, 4.0, seed).displacement(IMAGE.shape)[0] for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_rows_and_columns_move_apart_from_each_other() -> None:
    col, row = Elastic(10.0, 4.0, seed=9).displacement((64, 64))
    assert abs(np.corrcoef(col.ravel(), row.ravel())[0, 1]) < 0.6


def test_probability_and_alpha_are_drawn_within_their_range() -> None:
    limits = ElasticRange(alpha=(5, 60), sigma=8, probability=0.3)
    drawn = [limits.sample(np.random.default_rng(seed)) for seed in range(300)]
    chosen = [one for one in drawn if one is not None]
    assert 60 < len(chosen) < 120
    assert all(5 <= one.alpha <= 60 and one.sigma == 8 for one in chosen)
    assert len({one.seed for one in chosen}) == len(chosen)


def test_same_draws_are_taken_whether_or_not_it_is_chosen() -> None:
    states = []
    for probability in (0.0, 1.0):
        rng = np.random.default_rng(11)
        ElasticRange(alpha=(0, 10), sigma=4, probability=probability).sample(rng)
        states.append(rng.random())
    assert states[0] == states[1]


@pytest.mark.parametrize(("field", "value"), [("sigma", 0), ("probability", 2), ("alpha", 5)])
def test_bad_ranges_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        ElasticRange.model_validate({"alpha": (0, 10), "sigma": 4, field: value})
