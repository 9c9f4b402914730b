import numpy as np
import pytest

from tumorlens.augmentation.contrast import ContrastMap, ContrastRange


def drawn(probability: float, monotone: float, count: int = 200) -> list[ContrastMap | None]:
    made = ContrastRange(probability=probability, monotone=monotone)
    return [made.sample(np.random.default_rng(seed)) for seed in range(count)]


def test_the_background_stays() -> None:
    image = np.zeros((16, 16), np.float32)
    image[4:12, 4:12] = np.linspace(0.2, 1, 64).reshape(8, 8)
    for one in drawn(1.0, 0.3, 50):
        assert one is not None
        changed = one.apply(image)
        assert changed.dtype == np.float32 and changed.min() >= 0 and changed.max() <= 1
        assert (changed[image == 0] == 0).all()


def test_a_monotone_curve_keeps_the_order_and_others_need_not() -> None:
    ramp = np.linspace(0.1, 1, 400, dtype=np.float32).reshape(20, 20)
    rising = [one.apply(ramp).ravel() for one in drawn(1.0, 1.0, 50) if one is not None]
    assert all((np.diff(one) >= -1e-6).all() for one in rising)
    free = [one.apply(ramp).ravel() for one in drawn(1.0, 0.0, 50) if one is not None]
    assert any((np.diff(one) < -1e-4).any() for one in free)


def test_sampling_stands_apart_from_applying() -> None:
    one, again = (ContrastRange(probability=1.0).sample(np.random.default_rng(5)) for _ in range(2))
    assert one == again
    image = np.random.default_rng(0).uniform(size=(8, 8)).astype(np.float32)
    assert one is not None and np.array_equal(one.apply(image), one.apply(image))


def test_as_often_as_asked_and_the_draws_after_it_stay_the_same() -> None:
    assert all(one is None for one in drawn(0.0, 0.5))
    assert 60 < sum(one is not None for one in drawn(0.5, 0.5)) < 140
    after = []
    for probability in (0.0, 1.0):
        rng = np.random.default_rng(9)
        ContrastRange(probability=probability).sample(rng)
        after.append(rng.uniform())
    assert after[0] == after[1]


def test_a_straight_curve_changes_little() -> None:
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert ContrastMap((0.0, 1.0)).apply(image) == pytest.approx(image, abs=0.11)


def test_a_rising_curve_knows_it() -> None:
    assert ContrastMap((0.0, 0.4, 1.0)).is_rising
    assert not ContrastMap((0.0, 0.9, 0.4)).is_rising
