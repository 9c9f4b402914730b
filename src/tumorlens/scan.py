"""``Scan``: slices of grey pixels with the geometry that their file states, valid by construction.

A picture is a volume of one slice; ``Slice`` is a view of one slice, and ``Grid`` remembers how the file stores it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InvalidScanError, UsageError

SpacingSource = Literal["dicom", "nifti", "mgz", "nrrd", "metaimage", "tiff", "user", "none"]
Plane = Literal["axial", "coronal", "sagittal"]

_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
_KEPT_KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "f4")


@dataclass(frozen=True)
class Source:
    """Where a scan came from.

    Attributes:
        path: path as given by the user, or ``None`` for an array in memory.
        sha256: hex digest of the file's bytes (of the array's bytes for an array in memory).
        format: name of the format found by content (``"array"`` for an array in memory).
    """

    path: str | None = None
    sha256: str = ""
    format: str = "array"


@dataclass(frozen=True, eq=False)
class Grid:
    """How a file stores the volume that was turned for reading, so that a mask is written back voxel for voxel.

    Attributes:
        shape: voxels along the three stored axes.
        affine: 4 x 4 float64 from stored index ``(i, j, k, 1)`` to RAS+ millimeters.
        axes: which stored axis became slice, row and column.
        flips: whether slice, row and column run against their stored axis.
        codes: sform and qform code of the file.
        header: the file's NIfTI header without its free texts; empty for another format.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    codes: tuple[int, int] = (0, 0)
    header: bytes = b""

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2] or len(self.flips) != 3 or len(self.shape) != 3:
            raise InvalidScanError(f"A grid turns 3 axes, each once, and these are {self.axes} with {self.flips}.")
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    def from_stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view ``[slices, rows, cols]`` of an array on the stored axes."""
        return array.transpose(self.axes)[self._steps]

    def to_stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view on the stored axes of an array ``[slices, rows, cols]``: the way back of :meth:`from_stored`."""
        return array[self._steps].transpose(tuple(int(axis) for axis in np.argsort(self.axes)))

    def packed(self) -> bytes:
        """The grid as JSON, for a database."""
        values = {
            "shape": self.shape,
            "affine": self.affine.tolist(),
            "axes": self.axes,
            "flips": self.flips,
            "codes": self.codes,
            "header": self.header.hex(),
        }
        return json.dumps(values).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Grid:
        """The grid that :meth:`packed` gave away."""
        values = json.loads(data)
        header = bytes.fromhex(values.pop("header"))
        affine = np.array(values.pop("affine"))
        return cls(affine=affine, header=header, **{name: tuple(value) for name, value in values.items()})

    @property
    def reading_affine(self) -> NDArray[np.float64]:
        """4 x 4 from ``(slice, row, col, 1)`` to RAS+ millimeters."""
        turn = np.zeros((4, 4))
        turn[3, 3] = 1
        for place, (axis, flipped) in enumerate(zip(self.axes, self.flips, strict=True)):
            turn[axis, place] = -1 if flipped else 1
            turn[axis, 3] = self.shape[axis] - 1 if flipped else 0
        return np.asarray(self.affine @ turn)

    @property
    def _steps(self) -> tuple[slice, slice, slice]:
        first, second, third = (slice(None, None, -1 if flipped else None) for flipped in self.flips)
        return first, second, third


@dataclass(frozen=True, eq=False)
class Scan:
    """Slices of grey pixels and what is known about their geometry.

    Attributes:
        pixels: ``[slices, rows, cols]``, finite and read-only, in the integer type of the file or else float32; an
            array ``[rows, cols]`` is taken as one slice.
        spacing_mm: distance in millimeters between neighboring pixel centers in the plane, ``(row, col)``; ``None``
            where the source states none. Three numbers ``(slice, row, col)`` set ``slice_mm`` too.
        spacing_source: who states the spacing; ``"none"`` if and only if ``spacing_mm`` is ``None``.
        affine: 4 x 4 float64 from array index ``(slice, row, col, 1)`` to RAS+ millimeters.
        modality: DICOM modality code such as ``"MR"``, or ``"unknown"``.
        source: file, digest and format.
        warnings: plain sentences about what the reader had to decide, for the user to see.
        slice_mm: distance in millimeters between neighboring slice centers; ``None`` where it is not stated, differs,
            or where there is one slice only.
        grid: how the file stores the volume; ``None`` for a picture.
        refusal: what the file says of itself that makes an answer meaningless, in one sentence, or ``None``.

    Raises:
        InvalidScanError: a value breaks one of these rules.
    """

    pixels: NDArray[Any]
    spacing_mm: tuple[float, ...] | None = None
    spacing_source: SpacingSource = "none"
    affine: NDArray[np.float64] | None = None
    modality: str = "unknown"
    source: Source = field(default_factory=Source)
    warnings: tuple[str, ...] = ()
    slice_mm: float | None = None
    grid: Grid | None = None
    refusal: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", _checked_pixels(self.pixels))
        if self.spacing_source not in get_args(SpacingSource):
            raise InvalidScanError(f"spacing_source is {self.spacing_source!r}, not one of {get_args(SpacingSource)}.")
        if (self.spacing_mm is None) != (self.spacing_source == "none"):
            raise InvalidScanError("spacing_source must be 'none' exactly where spacing_mm is None.")
        if self.spacing_mm is not None:
            values = _checked_spacing(self.spacing_mm)
            object.__setattr__(self, "spacing_mm", values[-2:])
            if len(values) == 3:
                object.__setattr__(self, "slice_mm", values[0])
        if self.slice_mm is not None and not (np.isfinite(self.slice_mm) and self.slice_mm > 0):
            raise InvalidScanError(f"The slice distance {self.slice_mm} must be finite and above 0 millimeters.")
        if self.affine is not None:
            object.__setattr__(self, "affine", _checked_affine(self.affine))
        if self.grid is not None and self.grid.from_stored(np.empty(self.grid.shape, np.bool_)).shape != self.shape:
            raise InvalidScanError(f"The grid stores {self.grid.shape} voxels, and the pixels are {self.shape}.")

    @property
    def is_volume(self) -> bool:
        """Whether there are several slices, or one that its file stores as a volume."""
        return len(self.pixels) > 1 or self.grid is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        slices, rows, cols = self.pixels.shape
        return slices, rows, cols

    @property
    def plane(self) -> Plane | None:
        """Anatomical plane that the slices lie nearest to, or ``None`` where the source states no orientation."""
        if self.affine is None:
            return None
        normal = np.cross(self.affine[:3, 1], self.affine[:3, 2])
        return _PLANES[int(np.argmax(np.abs(normal)))]

    def with_spacing(self, spacing_mm: tuple[float, float]) -> Scan:
        """The same scan with the in-plane spacing ``(row, col)`` that the user states, in millimeters."""
        if len(spacing_mm) != 2:
            raise UsageError(f"The spacing is {spacing_mm}: give two numbers, ROW,COL in millimeters.")
        return replace(self, spacing_mm=spacing_mm, spacing_source="user")

    def slice(self, index: int | None = None) -> Slice:
        """A view of one slice; the middle one for ``None``.

        Raises:
            UsageError: there is no such slice.
        """
        return Slice(self, len(self.pixels) // 2 if index is None else index)


@dataclass(frozen=True, eq=False)
class Slice:
    """A view of one slice of a scan; what it says of geometry, source and warnings is the scan's.

    Attributes:
        scan: the whole.
        index: number of the slice, from 0.

    Raises:
        UsageError: there is no such slice.
    """

    scan: Scan
    index: int = 0

    def __post_init__(self) -> None:
        count = len(self.scan.pixels)
        if not 0 <= self.index < count:
            raise UsageError(f"Slice {self.index} does not exist: this scan has {count}, numbered 0 to {count - 1}.")

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """Float32 ``[rows, cols]``, read-only."""
        pixels = np.ascontiguousarray(self.scan.pixels[self.index], dtype=np.float32)
        pixels.flags.writeable = False
        return pixels

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.scan.shape[1:]

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """``(row, col)`` in millimeters, or ``None``."""
        spacing = self.scan.spacing_mm
        return None if spacing is None else (spacing[0], spacing[1])

    @property
    def spacing_source(self) -> SpacingSource:
        """Who states the spacing."""
        return self.scan.spacing_source

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """4 x 4 from ``(0, row, col, 1)`` of this slice to RAS+ millimeters."""
        if self.scan.affine is None:
            return None
        affine = self.scan.affine.copy()
        affine[:3, 3] += affine[:3, 0] * self.index
        return affine

    @property
    def modality(self) -> str:
        """DICOM modality code, or ``"unknown"``."""
        return self.scan.modality

    @property
    def source(self) -> Source:
        """File, digest and format."""
        return self.scan.source

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader had to decide."""
        return self.scan.warnings

    def with_spacing(self, spacing_mm: tuple[float, float]) -> Slice:
        """The same slice with the spacing that the user states; see :meth:`Scan.with_spacing`."""
        return Slice(self.scan.with_spacing(spacing_mm), self.index)

    def with_source(self, source: Source) -> Slice:
        """The same slice under another source."""
        return Slice(replace(self.scan, source=source), self.index)

    def with_pixels(self, pixels: NDArray[Any]) -> Slice:
        """A slice of its own with other pixels ``[rows, cols]`` of the same place."""
        return Slice(replace(self.scan, pixels=pixels, affine=self.affine, grid=None, slice_mm=None))


def as_slice(scan: Scan | Slice) -> Slice:
    """The one slice of a scan.

    Raises:
        UsageError: it has several.
    """
    if isinstance(scan, Slice):
        return scan
    if len(scan.pixels) > 1:
        raise UsageError(f"This scan has {len(scan.pixels)} slices, and one is asked for: take scan.slice(NUMBER).")
    return scan.slice(0)


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


def _checked_pixels(given: NDArray[Any]) -> NDArray[Any]:
    """Pixels ``[slices, rows, cols]`` that nobody else can write to."""
    pixels = np.asarray(given)
    if pixels.ndim not in (2, 3):
        raise InvalidScanError(f"A scan has 2 or 3 axes, not {pixels.ndim}: pass [rows, cols] or [slices, rows, cols].")
    if pixels.size == 0:
        raise InvalidScanError(f"A scan needs at least one pixel, and this one has shape {pixels.shape}.")
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8)
    if pixels.dtype.str[1:] not in _KEPT_KINDS or not pixels.dtype.isnative:
        pixels = pixels.astype(
            np.float32 if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > 4 else pixels.dtype.newbyteorder("=")
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InvalidScanError("The pixels hold NaN or infinite values: replace them before analyzing.")
    # A read-only array is taken as nobody's: readers hand over such, and a changed field costs no copy.
    if pixels.flags.writeable:
        pixels = pixels.copy()
        pixels.flags.writeable = False
    return pixels if pixels.ndim == 3 else pixels[None]


def _checked_spacing(spacing: tuple[float, ...]) -> tuple[float, ...]:
    values = tuple(float(value) for value in spacing)
    if len(values) not in (2, 3):
        raise InvalidScanError(
            f"The spacing {values} has {len(values)} numbers: give (row, col), or the slice's first."
        )
    if not all(np.isfinite(value) and value > 0 for value in values):
        raise InvalidScanError(f"The spacing {values} must be finite and above 0 millimeters on every axis.")
    return values


def _checked_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InvalidScanError(f"An affine is a finite 4 x 4 matrix, and this one has shape {matrix.shape}.")
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise InvalidScanError("The affine is singular: its three axes do not span space.")
    matrix.flags.writeable = False
    return matrix
