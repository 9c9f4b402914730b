from __future__ import annotations

import numpy as np

from tumorlens.io.color import is_grey, luma


def test_chroma_noise_is_grey_and_a_tint_is_not() -> None:
    generator = np.random.default_rng(0)
    grey = generator.integers(20, 230, (64, 64, 1)) + generator.integers(-5, 6, (64, 64, 3))
    assert is_grey(grey.astype(np.uint8))
    tinted = grey * [1.0, 0.9, 0.7]
    assert not is_grey(tinted.astype(np.uint8))


def test_share_of_colored_pixels_decides() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:5, :, 0] = 255
    assert is_grey(picture)
    picture[5, 0, 0] = 255
    assert not is_grey(picture)


def test_sixteen_bit_color_is_judged_by_its_own_range() -> None:
    picture = np.zeros((50, 50, 3), np.uint16)
    picture[:, :, 0], picture[:, :, 1] = 900, 400
    assert not is_grey(picture)


def test_luma_of_equal_channels_is_exact() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(luma(np.dstack([values] * 3)), values)
