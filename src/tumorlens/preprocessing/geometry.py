"""Where a network's input lies in the slice it was made from, so that maps can be laid back on the slice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """Half-open rectangle ``[row0, col0, row1, col1]`` in pixels."""

    row0: int
    col0: int
    row1: int
    col1: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.row1 - self.row0

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.col1 - self.col0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index that cuts the rectangle out of a ``[rows, cols]`` array."""
        return slice(self.row0, self.row1), slice(self.col0, self.col1)


def whole(shape: tuple[int, ...]) -> Box:
    """The rectangle that covers an image of ``shape`` ``(rows, cols)``."""
    return Box(0, 0, shape[0], shape[1])


def resize(image: NDArray[np.float32], rows: int, cols: int) -> NDArray[np.float32]:
    """Resize ``[rows, cols]``: area averaging where an axis shrinks (no aliasing), bilinear where it grows."""
    if image.shape == (rows, cols):
        return image
    shrinks = rows < image.shape[0] or cols < image.shape[1]
    resized = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.float32)


@dataclass(frozen=True)
class Geometry:
    """Maps the input ``[size, size]`` of a network to the slice it was cut from.

    Attributes:
        slice_shape: ``(rows, cols)`` of the slice.
        box: part of the slice that was kept.
        content: rectangle of the input that the kept part fills; the rest is padding.
        input_shape: ``(rows, cols)`` of the input.
    """

    slice_shape: tuple[int, int]
    box: Box
    content: Box
    input_shape: tuple[int, int]

    def forward(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut, resize and pad (with 0) a ``[rows, cols]`` image of the slice's shape into the input's shape."""
        out = np.zeros(self.input_shape, dtype=np.float32)
        kept = np.ascontiguousarray(image[self.box.slices], dtype=np.float32)
        out[self.content.slices] = resize(kept, self.content.height, self.content.width)
        return out

    def restore(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Lay a ``[rows, cols]`` map of the input's field of view (any resolution) back on the slice; 0 outside."""
        if values.shape != self.input_shape:
            values = cv2.resize(
                np.ascontiguousarray(values, dtype=np.float32), self.input_shape[::-1], interpolation=cv2.INTER_LINEAR
            )
        content = np.ascontiguousarray(values[self.content.slices], dtype=np.float32)
        out = np.zeros(self.slice_shape, dtype=np.float32)
        out[self.box.slices] = cv2.resize(content, (self.box.width, self.box.height), interpolation=cv2.INTER_LINEAR)
        return out


def letterbox(
    slice_shape: tuple[int, int], box: Box, input_shape: tuple[int, int], pixel_aspect: float = 1.0
) -> Geometry:
    """Geometry that keeps proportions: the longer side of ``box`` fills the input, the other is centered.

    Args:
        slice_shape: ``(rows, cols)`` of the slice.
        box: part of the slice to keep.
        input_shape: ``(rows, cols)`` of the network's input.
        pixel_aspect: row spacing over column spacing, so that proportions are those of the patient.
    """
    height, width = box.height * pixel_aspect, float(box.width)
    scale = min(input_shape[0] / height, input_shape[1] / width)
    rows = min(input_shape[0], max(1, round(height * scale)))
    cols = min(input_shape[1], max(1, round(width * scale)))
    top, left = (input_shape[0] - rows) // 2, (input_shape[1] - cols) // 2
    return Geometry(slice_shape, box, Box(top, left, top + rows, left + cols), input_shape)


def stretch(slice_shape: tuple[int, int], box: Box, input_shape: tuple[int, int]) -> Geometry:
    """Geometry that fills the whole input with ``box``, whatever its proportions."""
    return Geometry(slice_shape, box, whole(input_shape), input_shape)
