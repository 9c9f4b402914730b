"""Made pictures that are no brain MRI: repeatable, varied, in 8 bits, and never flat."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tumorlens.datasets.non_brain import MAKERS, make_non_brain


@pytest.mark.parametrize("maker", [one for kind in MAKERS.values() for one in kind], ids=lambda one: one.__name__)
@pytest.mark.parametrize("side", [48, 160])
def test_every_maker_draws_a_grey_square_that_is_not_flat(maker, side):
    picture = maker(np.random.default_rng(3), side)
    assert picture.shape == (side, side)
    assert picture.dtype == np.uint8
    assert picture.min() < picture.max()


@pytest.mark.parametrize("kind", MAKERS)
def test_equal_generators_make_equal_pictures_and_others_make_others(kind):
    first = make_non_brain(kind, np.random.default_rng(5), 96)
    assert np.array_equal(first, make_non_brain(kind, np.random.default_rng(5), 96))
    several = {make_non_brain(kind, np.random.default_rng(seed), 64).tobytes() for seed in range(12)}
    assert len(several) == 12


def test_each_kind_uses_all_its_makers():
    for kind, makers in MAKERS.items():
        drawn = set()
        for maker in makers:
            wanted = next(
                seed
                for seed in range(200)
                if int(np.random.default_rng(seed).integers(len(makers))) == makers.index(maker)
            )
            rng = np.random.default_rng(wanted)
            rng.integers(len(makers))
            made = make_non_brain(kind, np.random.default_rng(wanted), 64)
            assert np.array_equal(made, maker(rng, 64))
            drawn.add(hashlib.sha256(made.tobytes()).hexdigest())
        assert len(drawn) == len(set(makers))


def test_an_unknown_kind_and_a_tiny_side_are_refused():
    with pytest.raises(ValueError, match="'cat' is not made"):
        make_non_brain("cat", np.random.default_rng(0))
    with pytest.raises(ValueError, match="31 px is too small"):
        make_non_brain("noise", np.random.default_rng(0), 31)
