from __future__ import annotations

import numpy as np
import pytest

from tumorlens.errors import InputError, InvalidScanError, LimitError
from tumorlens.io import limits


@pytest.mark.parametrize("size", [(16, 16), (8192, 8192), (4096, 16_384), (16_384, 16)])
def test_allowed_pictures(size: tuple[int, int]) -> None:
    limits.check_picture(*size)


@pytest.mark.parametrize("size", [(15, 100), (100, 15), (0, 0), (8193, 8192), (16_385, 16), (20_000, 20_000)])
def test_refused_pictures(size: tuple[int, int]) -> None:
    with pytest.raises(LimitError):
        limits.check_picture(*size)


def test_volumes() -> None:
    limits.check_volume((1024, 512, 512), 4)
    for shape, size in [((1025, 512, 512), 1), ((1024, 512, 512), 8), ((16_385, 16, 16), 1), ((0, 16, 16), 1)]:
        with pytest.raises(LimitError):
            limits.check_volume(shape, size)


def test_checked_pixels() -> None:
    pixels = np.arange(400, dtype=np.float64).reshape(20, 20)
    assert limits.checked_pixels(pixels).dtype == np.float32
    with pytest.raises(InvalidScanError, match="1 of the 400"):
        limits.checked_pixels(np.where(pixels == 3, 1e300, pixels))
    with pytest.raises(InputError, match="same value"):
        limits.checked_pixels(np.full((2, 20, 20), 3))
    with pytest.raises(LimitError, match="8 x 20"):
        limits.checked_pixels(np.zeros((2, 8, 20)))
