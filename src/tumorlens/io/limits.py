"""The stated limits of what is read, and the checks that hold every reader to them.

Sizes are checked on what a header says, before anything is decoded, so that a small file cannot ask for much memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, InvalidScanError, LimitError

MIN_SIDE = 16
"""Fewest rows and fewest columns, in pixels."""

MAX_SIDE = 16_384
"""Most rows, columns or slices."""

MAX_PIXELS = 2**26
"""Most pixels of one picture (8,192 x 8,192)."""

MAX_VOXELS = 2**28
"""Most voxels of one volume (1,024 x 512 x 512)."""

MAX_FILE_BYTES = 2**30
"""Largest file, and largest inflated size of a compressed one: 1 GiB."""


def check_picture(rows: int, cols: int) -> None:
    """Holds the size of a picture, as its header states it, to the limits.

    Raises:
        LimitError: a side or the number of pixels is out of bounds.
    """
    if min(rows, cols) < MIN_SIDE:
        raise LimitError(
            f"This picture is {rows:,} x {cols:,} pixels (rows x columns), and one needs at least "
            f"{MIN_SIDE} x {MIN_SIDE}: export the scan at its own resolution."
        )
    if max(rows, cols) > MAX_SIDE or rows * cols > MAX_PIXELS:
        raise LimitError(
            f"This picture is {rows:,} x {cols:,} pixels (rows x columns), and the limit is {MAX_SIDE:,} a side and "
            f"{MAX_PIXELS:,} in all: crop or shrink it."
        )


def check_volume(shape: tuple[int, ...], bytes_per_voxel: int = 1) -> None:
    """Holds the size of a volume, as its header states it, to the limits.

    Args:
        shape: voxels along each axis, in any order.
        bytes_per_voxel: stored size of one voxel.

    Raises:
        LimitError: an axis, the number of voxels or the stored size is out of bounds.
    """
    voxels = math.prod(shape)
    extent = " x ".join(f"{count:,}" for count in shape)
    if voxels < 1 or min(shape) < 1:
        raise LimitError(f"This volume has no voxels (its shape is {extent}): export it again.")
    if max(shape) > MAX_SIDE or voxels > MAX_VOXELS:
        raise LimitError(
            f"This volume is {extent} voxels, and the limit is {MAX_SIDE:,} an axis and {MAX_VOXELS:,} in all: "
            "crop or resample it."
        )
    check_bytes(voxels * bytes_per_voxel)


def check_bytes(size: int) -> None:
    """Holds a number of bytes to be read or inflated to the limit.

    Raises:
        LimitError: it is larger.
    """
    if size > MAX_FILE_BYTES:
        raise LimitError(
            f"This file takes {size:,} bytes to read, and the limit is {MAX_FILE_BYTES:,}: crop or resample the scan."
        )


def check_memory(shape: tuple[int, ...], bytes_per_voxel: int, memory: int) -> None:
    """Holds the memory that a scan takes, as its header states it, to the budget.

    Raises:
        LimitError: it takes more.
    """
    needed = math.prod(shape) * bytes_per_voxel
    if needed > memory:
        extent = " x ".join(f"{count:,}" for count in shape)
        raise LimitError(
            f"This scan is {extent} voxels and takes {needed:,} bytes of memory, and the budget is {memory:,}: crop or "
            "resample it, or allow more by --memory."
        )


def checked_pixels(pixels: NDArray[np.generic], warnings: list[str] | None = None) -> NDArray[Any]:
    """Decoded pixels, read-only, if they can be a scan: large enough, not all the same, and some of them finite.

    Integers of up to 32 bits keep their type, and anything else becomes float32. Values that are NaN or infinite
    become the smallest of the others, which is the background's, and ``warnings`` says how many.

    Args:
        pixels: ``[rows, cols]`` or ``[slices, rows, cols]`` of any real type.
        warnings: takes a sentence about values that are not finite.

    Raises:
        LimitError: rows or columns are too few or too many.
        InvalidScanError: none is finite, or some are not and there is nobody to warn.
        InputError: all have the same value.
    """
    if pixels.ndim == 3:
        check_volume(pixels.shape)
        if min(pixels.shape[1:]) < MIN_SIDE:
            check_picture(*pixels.shape[1:])
    else:
        check_picture(*pixels.shape)
    kept = pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 4
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("=") if kept else np.float32)
    if not kept:
        values = _filled(values, warnings)
    if values.min() == values.max():
        raise InputError(
            f"Every pixel has the same value ({float(values.flat[0]):g}), so there is nothing to read: "
            "check how the scan was exported."
        )
    if values.flags.writeable:
        values.flags.writeable = False
    return values


def _filled(values: NDArray[np.float32], warnings: list[str] | None) -> NDArray[np.float32]:
    finite = np.isfinite(values)
    bad = values.size - int(np.count_nonzero(finite))
    if not bad:
        return values
    if warnings is None or bad == values.size:
        raise InvalidScanError(
            f"{bad:,} of the {values.size:,} values are NaN or infinite: replace them, by the background's value for "
            "example, and save the file again."
        )
    lowest = values[finite].min()
    warnings.append(
        f"{bad:,} of the {values.size:,} values are NaN or infinite, and were read as background ({lowest:g})."
    )
    return np.where(finite, values, lowest).astype(np.float32)
