"""Pictures are varied as exports vary: any shape goes through, and what each change promises holds."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tumorlens.errors import DatasetError
from tumorlens.training.gate.vary import (
    crown,
    load_grey,
    recolor,
    shrink,
    strip,
    thick,
    vary_brain,
    vary_other,
)

pytestmark = pytest.mark.extra_train


@pytest.mark.parametrize("shape", [(16, 16), (20, 300), (300, 20), (128, 128)])
@pytest.mark.parametrize("vary", [vary_brain, vary_other])
def test_pictures_of_any_shape_can_be_varied(shape, vary):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for seed in range(60):
        varied = vary(picture, np.random.default_rng(seed))
        assert varied.dtype == np.uint8
        assert varied.ndim == 2
        assert min(varied.shape) >= 3


def test_a_file_that_is_no_picture_is_named(tmp_path):
    path = tmp_path / "note.png"
    path.write_text("no picture")
    with pytest.raises(DatasetError, match=r"note\.png cannot be decoded"):
        load_grey(path)


def _head() -> np.ndarray:
    rows, cols = np.mgrid[:120, :100]
    inside = ((rows - 60) / 50) ** 2 + ((cols - 50) / 40) ** 2 <= 1
    return np.where(inside, np.random.default_rng(0).integers(90, 160, inside.shape), 0).astype(np.uint8)


def test_stripping_takes_the_rim_and_keeps_what_is_within():
    head = _head()
    for seed in range(20):
        kept = strip(head, np.random.default_rng(seed))
        middle = kept[kept.shape[0] // 2 - 5 : kept.shape[0] // 2 + 5, kept.shape[1] // 2 - 5 : kept.shape[1] // 2 + 5]
        assert middle.min() >= 90
        assert 0.4 * np.count_nonzero(head) < np.count_nonzero(kept) < 0.95 * np.count_nonzero(head)


def test_a_picture_without_a_head_is_not_stripped():
    speck = np.zeros((60, 60), dtype=np.uint8)
    speck[30:33, 30:33] = 200
    assert np.array_equal(strip(speck, np.random.default_rng(0)), speck)


def test_near_the_crown_a_small_piece_is_alone_on_the_dark():
    sizes = []
    for seed in range(20):
        made = crown(_head(), np.random.default_rng(seed))
        assert made.shape == (100, 100)
        assert np.median(made) < 20 < made.max()
        sizes.append(np.mean(made > 40))
    assert max(sizes) < 0.3
    assert min(sizes) < 0.03


def test_a_shrunk_slice_keeps_its_frame_and_fills_no_more_than_before():
    head = _head()
    shares = []
    for seed in range(30):
        small = shrink(head, np.random.default_rng(seed), 0.15)
        assert small.shape == head.shape
        shares.append(np.mean(small > 60) / np.mean(head > 60))
    assert min(shares) < 0.1
    assert max(shares) < 1.05


def test_thick_slices_are_coarse_along_their_rows_alone():
    noise = np.random.default_rng(1).integers(0, 256, (96, 96)).astype(np.uint8)
    for seed in range(20):
        coarse = thick(noise, np.random.default_rng(seed)).astype(float)
        assert coarse.shape[1] == 96
        assert np.abs(np.diff(coarse, axis=0)).mean() < 0.7 * np.abs(np.diff(coarse, axis=1)).mean()


def test_another_contrast_leaves_air_dark_and_the_shape_as_it_was():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    drawn = {recolor(ramp, np.random.default_rng(seed)).tobytes() for seed in range(10)}
    assert len(drawn) == 10
    for seed in range(20):
        air = recolor(ramp, np.random.default_rng(seed))
        assert air.shape == ramp.shape
        assert air[:, 0].max() <= 25
