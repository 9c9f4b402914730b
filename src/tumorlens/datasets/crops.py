"""Bad crops: pictures in which no head can be found, so that cropping to it leaves the whole picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.reading import read_record
from tumorlens.datasets.records import Record
from tumorlens.preprocessing.geometry import whole
from tumorlens.preprocessing.head import head_box


def crop_fails(pixels: NDArray[np.float32]) -> bool:
    """Whether the crop to the head falls back to the whole picture ``[rows, cols]``.

    A head that fills its picture is no failure: a box drawn inside its outline is smaller than the picture, where the
    fallback ignores the margin.
    """
    return head_box(pixels, margin=-0.05) == whole((pixels.shape[0], pixels.shape[1]))


def is_bad_crop(record: Record) -> bool:
    """Whether the head in a record's picture cannot be cropped.

    Raises:
        UnreadableFileError: the picture cannot be read.
    """
    return crop_fails(read_record(record).pixels)
