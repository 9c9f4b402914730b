"""Color pictures: whether they are grey after all, and the grey that they become."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOR_WARNING = "The picture is in color, and MRI is grey: it was read as luma, and the answer may not mean anything."
"""Warning of every scan whose source was not grey; look for it in ``scan.warnings``."""

_CHROMA = 12 / 255
_COLORED_SHARE = 0.05


def is_grey(rgb: NDArray[np.generic]) -> bool:
    """Whether a color picture shows only grey, up to the chroma noise of JPEG and small colored marks.

    A pixel is colored where its largest and smallest channel differ by more than 12/255 of the range, and a picture
    is grey if at most 5 % of its pixels are. (Among 1,142 pictures of a published MRI collection one had more, a
    scan with a tinted watermark.)

    Args:
        rgb: ``[rows, cols, 3]``; the range is 255 for 8-bit pixels, the largest value otherwise.
    """
    top = 255.0 if rgb.dtype == np.uint8 else max(float(rgb.max()), 1e-12)
    spread = rgb.max(axis=2).astype(np.float32) - rgb.min(axis=2).astype(np.float32)
    return float(np.mean(spread > _CHROMA * top)) <= _COLORED_SHARE


def luma(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """Luma of ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), in the units of the channels; exact where they are equal.

    Args:
        rgb: ``[rows, cols, 3]``.
    """
    red, green, blue = (rgb[:, :, channel].astype(np.float32) for channel in range(3))
    grey: NDArray[np.float32] = green + np.float32(0.299) * (red - green) + np.float32(0.114) * (blue - green)
    return grey
