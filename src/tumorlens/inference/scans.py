"""From what a caller gives to what the models are asked about: one slice, or a whole volume."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, InvalidScanError, TumorlensError, UsageError
from tumorlens.inference.analysis import Failure
from tumorlens.io import read_scan
from tumorlens.io.limits import check_picture
from tumorlens.request import PLAIN, AnalysisRequest
from tumorlens.scan import Scan, Slice, Source

ScanLike = str | os.PathLike[str] | NDArray[Any] | Scan | Slice


@dataclass(frozen=True, eq=False)
class OpenSlice:
    """A 2-D scan, and its place in the volume it was taken from if it was."""

    scan: Slice
    index: int | None
    count: int


def open_slice(scan: ScanLike, request: AnalysisRequest = PLAIN) -> OpenSlice:
    """Read the input, take the slice (the middle one of a volume where none is named) and set the user's spacing.

    Raises:
        InputError: the input cannot be read or is no image.
        UsageError: there is no such slice, or the spacing is not two positive numbers.
    """
    flat = scan if isinstance(scan, Slice) else _to_scan(scan).slice(request.slice_index)
    whole = flat.scan
    chosen = flat.index if whole.is_volume else None
    if request.spacing_mm is not None:
        flat = Slice(_respaced(whole, request.spacing_mm), flat.index)
    if flat.pixels.min() == flat.pixels.max():
        raise InputError("Every pixel of this slice has the same value, so there is nothing to read: choose another.")
    return OpenSlice(flat, chosen, len(whole.pixels))


def _respaced(scan: Scan, spacing_mm: tuple[float, float]) -> Scan:
    try:
        return scan.with_spacing(spacing_mm)
    except InvalidScanError as error:
        raise UsageError(str(error)) from error


def _to_scan(given: ScanLike) -> Scan:
    if isinstance(given, Scan):
        return given
    if isinstance(given, str | os.PathLike):
        return read_scan(given)
    array = np.asarray(given)
    if array.dtype == object or not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_):
        raise InvalidScanError(f"An array of type {array.dtype} is no image: pass numbers, [rows, cols].")
    if np.iscomplexobj(array):
        raise InvalidScanError("The array is complex: pass its magnitude.")
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        raise InvalidScanError(
            f"An array of shape {array.shape} may be a color picture or a volume: pass grey [rows, cols], or a Scan."
        )
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    scan = Scan(array, source=Source(None, digest, "array"))
    check_picture(scan.shape[-2], scan.shape[-1])
    return scan


def opened(scan: ScanLike, request: AnalysisRequest) -> OpenSlice | Scan:
    """One slice, or a volume that is to be answered as a whole, with the user's spacing; see :func:`open_slice`."""
    given = scan if isinstance(scan, Slice) else _to_scan(scan)
    if isinstance(given, Scan) and len(given.pixels) > 1 and request.slice_index is None:
        return given if request.spacing_mm is None else _respaced(given, request.spacing_mm)
    return open_slice(given, request)


def opened_or_failure(scan: ScanLike, request: AnalysisRequest) -> OpenSlice | Scan | Failure:
    """The same, or why it cannot be had."""
    try:
        return opened(scan, request)
    except TumorlensError as error:
        if isinstance(scan, str | os.PathLike):
            return Failure(os.fspath(scan), error)
        source = scan.source.path if isinstance(scan, Scan | Slice) else None
        return Failure(source or f"array of shape {scan.shape}", error)
