"""Pictures made of heads: repeatable, in 8 bits, of the slice's outline, and none of its anatomy."""

from __future__ import annotations

import numpy as np
import pytest

from tumorlens.datasets.non_brain_from_heads import FROM_HEADS, head_ct, label_map, make_from_head, outline_of, scramble
from tumorlens.inference.gate import flat_reason
from tumorlens.phantoms import demo_phantoms

HEAD = np.clip(demo_phantoms()[0].pixels, 0, 255).astype(np.uint8)
MAKERS = [maker for makers in FROM_HEADS.values() for maker in dict.fromkeys(makers)]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("shape", [(224, 160), (33, 200), (40, 40)])
def test_every_maker_takes_a_slice_of_any_proportions(maker, shape):
    slice_ = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for seed in range(6):
        made = maker(slice_, np.random.default_rng(seed))
        assert made.dtype == np.uint8
        assert made.shape == shape or made.shape[0] == made.shape[1]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda one: one.__name__)
def test_equal_generators_make_equal_pictures_and_the_slice_stays_as_it_is(maker):
    before = HEAD.copy()
    first = maker(HEAD, np.random.default_rng(5))
    assert np.array_equal(first, maker(HEAD, np.random.default_rng(5)))
    assert np.array_equal(HEAD, before)
    assert first.min() < first.max()


@pytest.mark.parametrize("maker", MAKERS, ids=lambda one: one.__name__)
def test_an_empty_slice_is_survived(maker):
    for seed in range(8):
        maker(np.zeros((48, 40), dtype=np.uint8), np.random.default_rng(seed))


def test_the_outline_is_that_of_the_head():
    true = demo_phantoms()[0].head
    found = outline_of(HEAD) > 0
    assert (found & true).sum() / (found | true).sum() > 0.9


def test_in_a_ct_the_rim_is_the_brightest_and_the_brain_nearly_one_grey():
    core = outline_of(HEAD)
    rows, cols = np.nonzero(core)
    middle = slice(int(rows.mean()) - 12, int(rows.mean()) + 12), slice(int(cols.mean()) - 12, int(cols.mean()) + 12)
    for seed in range(12):
        made = head_ct(HEAD, np.random.default_rng(seed)).astype(float)
        assert np.percentile(made, 99) > 190
        assert np.median(made[middle]) < 0.75 * np.percentile(made, 99)


def test_many_label_maps_are_known_for_what_they_are_without_a_network():
    caught = [flat_reason(label_map(HEAD, np.random.default_rng(seed)).astype(np.float32), 8) for seed in range(60)]
    assert sum(one is not None for one in caught) >= 12
    assert flat_reason(HEAD.astype(np.float32), 8) is None


def test_a_scrambled_slice_keeps_its_histogram_and_loses_its_order():
    # A side that every number of tiles divides, so that nothing is resampled.
    slice_ = (np.arange(60 * 60, dtype=np.int64).reshape(60, 60) % 251).astype(np.uint8)
    mixed = scramble(slice_, np.random.default_rng(1))
    assert mixed.shape == (60, 60)
    assert np.array_equal(np.sort(mixed, axis=None), np.sort(slice_, axis=None))
    assert np.mean(mixed == slice_) < 0.5


@pytest.mark.parametrize("shape", [(224, 160), (33, 200), (20, 20)])
def test_a_slice_of_any_proportions_is_scrambled_into_a_square(shape):
    slice_ = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    mixed = scramble(slice_, np.random.default_rng(2))
    assert mixed.shape[0] == mixed.shape[1]
    assert 0 <= max(32, min(shape)) - mixed.shape[0] < 6


def test_a_kind_is_made_by_one_of_its_makers_and_an_unknown_one_is_refused():
    made = make_from_head("head_ct", HEAD, np.random.default_rng(3))
    assert made.shape == HEAD.shape
    with pytest.raises(ValueError, match="'cat' is not made of heads; those that are are head_ct, mask, scrambled"):
        make_from_head("cat", HEAD, np.random.default_rng(0))
