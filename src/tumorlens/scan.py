"""``Scan``: one image or volume with the geometry that its file states, valid by construction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InvalidScanError, UsageError

SpacingSource = Literal["dicom", "nifti", "user", "none"]
ScanFormat = Literal["png", "jpeg", "bmp", "tiff", "dicom", "nifti", "matlab", "array"]


@dataclass(frozen=True)
class Source:
    """Where a scan came from.

    Attributes:
        path: path as given by the user, or ``None`` for an array in memory.
        sha256: hex digest of the file's bytes (of the array's bytes for an array in memory).
        format: container format found by content.
    """

    path: str | None = None
    sha256: str = ""
    format: ScanFormat = "array"


@dataclass(frozen=True, eq=False)
class Scan:
    """Grey pixels and what is known about their geometry.

    Attributes:
        pixels: float32, finite, ``[rows, cols]`` or ``[slices, rows, cols]``; read-only.
        spacing_mm: distance in millimetres between neighbouring pixel centres, ``(row, col)`` or
            ``(slice, row, col)`` as ``pixels`` has axes; ``None`` where the source states none.
        spacing_source: who states the spacing; ``"none"`` if and only if ``spacing_mm`` is ``None``.
        affine: 4 x 4 float64 from array index ``(slice, row, col, 1)`` to RAS+ millimetres, for volumes.
        modality: DICOM modality code such as ``"MR"``, or ``"unknown"``.
        source: file, digest and format.
        warnings: plain sentences about what the reader had to decide, for the user to see.

    Raises:
        InvalidScanError: a value breaks one of these rules.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, ...] | None = None
    spacing_source: SpacingSource = "none"
    affine: NDArray[np.float64] | None = None
    modality: str = "unknown"
    source: Source = field(default_factory=Source)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels = np.ascontiguousarray(self.pixels, dtype=np.float32)
        if pixels.ndim not in (2, 3):
            raise InvalidScanError(
                f"A scan has 2 or 3 axes, not {pixels.ndim}: pass [rows, cols] or [slices, rows, cols]."
            )
        if pixels.size == 0:
            raise InvalidScanError(f"A scan needs at least one pixel, and this one has shape {pixels.shape}.")
        if not np.isfinite(pixels).all():
            raise InvalidScanError("The pixels hold NaN or infinite values: replace them before analyzing.")
        if self.spacing_source not in get_args(SpacingSource):
            raise InvalidScanError(f"spacing_source is {self.spacing_source!r}, not one of {get_args(SpacingSource)}.")
        if (self.spacing_mm is None) != (self.spacing_source == "none"):
            raise InvalidScanError("spacing_source must be 'none' exactly where spacing_mm is None.")
        if self.spacing_mm is not None:
            object.__setattr__(self, "spacing_mm", _checked_spacing(self.spacing_mm, pixels.ndim))
        if self.affine is not None:
            object.__setattr__(self, "affine", _checked_affine(self.affine))
        if pixels is self.pixels or pixels.base is not None:
            pixels = pixels.copy()
        pixels.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)

    @property
    def is_volume(self) -> bool:
        """Whether ``pixels`` is ``[slices, rows, cols]``."""
        return self.pixels.ndim == 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``pixels``."""
        return self.pixels.shape

    def with_spacing(self, spacing_mm: tuple[float, float]) -> Scan:
        """The same scan with the in-plane spacing ``(row, col)`` that the user states, in millimetres.

        Of a volume the distance between slices is kept if known, and taken as unknown (so refused) if not.
        """
        if len(spacing_mm) != 2:
            raise UsageError(f"The spacing is {spacing_mm}: give two numbers, ROW,COL in millimetres.")
        if not self.is_volume:
            return replace(self, spacing_mm=spacing_mm, spacing_source="user")
        if self.spacing_mm is None:
            raise UsageError("This volume states no slice distance: take one slice first, then set its spacing.")
        return replace(self, spacing_mm=(self.spacing_mm[0], *spacing_mm), spacing_source="user")

    def slice(self, index: int | None = None) -> Scan:
        """One slice of a volume as a scan of its own; the middle one for ``None``. A 2-D scan is its own slice 0.

        Raises:
            UsageError: there is no such slice.
        """
        count = self.pixels.shape[0] if self.is_volume else 1
        chosen = count // 2 if index is None else index
        if not 0 <= chosen < count:
            raise UsageError(f"Slice {index} does not exist: this scan has {count}, numbered 0 to {count - 1}.")
        if not self.is_volume:
            return self
        spacing = None if self.spacing_mm is None else self.spacing_mm[1:]
        affine = None
        if self.affine is not None:
            affine = self.affine.copy()
            affine[:3, 3] += affine[:3, 0] * chosen
        return replace(self, pixels=self.pixels[chosen], spacing_mm=spacing, affine=affine)


def parse_spacing(text: str) -> tuple[float, float]:
    """Row and column spacing in millimeters from ``ROW,COL``.

    Raises:
        UsageError: it is not two finite numbers above 0.
    """
    try:
        row, col = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"The spacing is {text!r}: give two numbers, ROW,COL in millimeters.") from error
    if not (0 < row < float("inf") and 0 < col < float("inf")):
        raise UsageError(f"The spacing is {text!r}: both numbers must be finite and above 0 millimeters.")
    return row, col


def _checked_spacing(spacing: tuple[float, ...], axes: int) -> tuple[float, ...]:
    values = tuple(float(value) for value in spacing)
    if len(values) != axes:
        raise InvalidScanError(f"The spacing {values} has {len(values)} numbers, and the pixels have {axes} axes.")
    if not all(np.isfinite(value) and value > 0 for value in values):
        raise InvalidScanError(f"The spacing {values} must be finite and above 0 millimetres on every axis.")
    return values


def _checked_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InvalidScanError(f"An affine is a finite 4 x 4 matrix, and this one has shape {matrix.shape}.")
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise InvalidScanError("The affine is singular: its three axes do not span space.")
    matrix.flags.writeable = False
    return matrix
