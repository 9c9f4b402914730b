"""What the gate is fitted on: repeatable draws, both answers, pictures of any shape."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tumorlens.errors import DatasetError  # noqa: E402
from tumorlens.models.gate_network import GateNetwork  # noqa: E402
from tumorlens.preprocessing import Preprocessing  # noqa: E402
from tumorlens.training.gate.data import (  # noqa: E402
    GateImages,
    crown,
    load_grey,
    recolor,
    shrink,
    strip,
    thick,
    vary_brain,
    vary_other,
)
from tumorlens.training.gate.report import Counted, Refusals, wilson  # noqa: E402

pytestmark = pytest.mark.extra_train

PREPROCESSING = Preprocessing(size=(64, 64), crop="none")


def _images(seed: int = 0) -> GateImages:
    rng = np.random.default_rng(9)
    brains = [rng.integers(0, 256, (60, 50)).astype(np.uint8) for _ in range(3)]
    others = {"photo": [rng.integers(0, 256, (40, 80)).astype(np.uint8)]}
    made = {"noise": [rng.integers(0, 256, (72, 72)).astype(np.uint8)]}
    return GateImages(brains, others, made, PREPROCESSING, 40, seed)


def test_an_item_is_the_same_each_time_and_another_with_another_seed():
    first, again, other = _images(), _images(), _images(1)
    for index in range(8):
        assert torch.equal(first[index][0], again[index][0])
        assert torch.equal(first[index][1], again[index][1])
    assert any(not torch.equal(first[index][0], other[index][0]) for index in range(8))


def test_half_of_the_pictures_are_brains_and_all_fit_the_network():
    images = _images()
    arrays, truths = zip(*(images[index] for index in range(len(images))), strict=True)
    assert float(torch.stack(truths).mean()) == 0.5
    batch = torch.stack(arrays)
    assert batch.shape == (40, 1, 64, 64)
    assert bool(torch.isfinite(batch).all())
    assert GateNetwork(width=4).eval()(batch).shape == (40, 1)


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


def test_the_interval_of_a_share_is_wilsons():
    # Newcombe, Statistics in Medicine 17, 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_sources_of_a_kind_are_added_and_brains_stay_apart():
    found = Refusals(
        [
            Counted("photo", "one", 9, 10),
            Counted("photo", "two", 30, 30),
            Counted("brain", "lgg", 1, 200),
            Counted("brain_blur15", "lgg", 2, 200),
        ]
    )
    metrics = {one.name: one for one in found.metrics()}
    assert set(metrics) == {"refused_photo", "refused_brain_lgg", "refused_brain_blur15_lgg"}
    assert metrics["refused_photo"].value == pytest.approx(39 / 40)
    assert metrics["refused_photo"].images == 40
    assert metrics["refused_photo"].data == "one (10), two (30)"


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
