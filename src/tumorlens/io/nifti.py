"""NIfTI-1 and NIfTI-2 volumes, plain or gzipped, in their acquired plane and radiological display."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.gzipped import GZIP_MAGIC, inflate, inflated_head
from tumorlens.io.limits import check_memory, check_volume, checked_pixels
from tumorlens.io.nifti_geometry import geometry_of
from tumorlens.io.planes import grid_of
from tumorlens.io.plausible import believed_mm
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.scan import Scan, Source

_FREE_TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")


@dataclass(frozen=True)
class _Stored:
    """Where the voxels of one volume lie in the file."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    start: int
    count: int
    slope: float
    inter: float


def read_nifti(data: bytes, source: Source, request: ReadRequest = ANY, voxels: bytes | None = None) -> Scan:
    """Decodes a volume ``[slices, rows, cols]`` with its affine; ``scl_slope`` and ``scl_inter`` are applied.

    Array axes are permuted and flipped, never resampled: the slices are those of the acquired plane (the axis of one
    voxel, or the coarsest), each shown as radiologists do. The affine maps ``(slice, row, col, 1)`` to RAS+
    millimeters. Voxels stay in the integer type of the file where it states no scaling. A spacing is given only where
    the header states one that a head can have. NaN counts as background, with a warning.

    Args:
        data: the file's bytes, or those of the ``.hdr`` of a pair.
        source: path, digest and format of the file.
        request: which volume of several, and how much memory it may take.
        voxels: the bytes of the ``.img`` of a pair.

    Raises:
        UnreadableFileError: truncated, damaged, half of a pair, or complex or RGB values.
        InputError: all voxels the same.
        LimitError: too small or too large; known from the header, before inflating.
        UsageError: there is no such volume.
        InvalidScanError: no voxel is finite.

    Source: https://nifti.nimh.nih.gov/nifti-1 and the NIfTI-2 header definition.
    """
    hush("nibabel")
    hush("nibabel.global")
    return guarded("a NIfTI file", lambda: _decode(data, source, request, voxels))


def nifti_version(head: bytes) -> int:
    """1 or 2 for the beginning of a NIfTI file or of the header of a pair, and 0 for anything else."""
    if len(head) < 348:
        return 0
    sizes = struct.unpack_from("<i", head)[0], struct.unpack_from(">i", head)[0]
    if 348 in sizes and head[344:348] in (b"n+1\0", b"ni1\0"):
        return 1
    return 2 if 540 in sizes and head[4:12] in (b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n") else 0


def is_pair(data: bytes) -> bool:
    """Whether the bytes are the header of a pair."""
    head = inflated_head(data) if data.startswith(GZIP_MAGIC) else data[:544]
    return head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0"


def nifti_header(data: bytes) -> Any:
    """The nibabel header of a NIfTI file or pair, gzipped or not."""
    import nibabel

    head = inflated_head(data) if data.startswith(GZIP_MAGIC) else data[:544]
    kind = nibabel.Nifti2Header if nifti_version(head) == 2 else nibabel.Nifti1Header
    return kind(head[: kind.template_dtype.itemsize], check=False)


def _decode(data: bytes, source: Source, request: ReadRequest, voxels: bytes | None) -> Scan:
    warnings: list[str] = []
    header = nifti_header(data)
    paired = bytes(header["magic"])[:2] == b"ni"
    if paired and voxels is None:
        raise UnreadableFileError(
            "This is one half of a NIfTI pair, and the other half (.hdr or .img of the same name) is not beside it: "
            "put both into one folder, or save one .nii file."
        )
    stored = _stored(header, request, warnings, paired, len(data))
    check_memory(stored.shape, _bytes_per_voxel(stored), request.memory)
    geometry = geometry_of(header, stored.shape, warnings)
    volume = _voxels(data if voxels is None else voxels, stored)
    grid = grid_of(stored.shape, geometry.affine, geometry.sizes_mm, geometry.codes, _bare(header))
    pixels = checked_pixels(grid.from_stored(volume), warnings)
    spacing, slice_mm = believed_mm(geometry.sizes_mm, grid, pixels.shape, warnings)
    return Scan(
        pixels,
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "nifti",
        affine=grid.reading_affine,
        source=source,
        warnings=tuple(warnings),
        slice_mm=slice_mm,
        grid=grid,
    )


def _stored(header: Any, request: ReadRequest, warnings: list[str], paired: bool, length: int) -> _Stored:
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnreadableFileError(
            f"This NIfTI file holds {header.get_value_label('datatype')} values, and a scan is grey: save one grey "
            "channel or the magnitude."
        )
    if not 2 <= len(shape) <= 7:
        raise UnreadableFileError(f"This NIfTI file has {len(shape)} axes, and a scan has 2 or 3: export it again.")
    first = tuple(int(count) for count in (*shape[:3], 1)[:3])
    check_volume(first, dtype.itemsize)
    count = math.prod(first) * dtype.itemsize
    volumes = math.prod(int(one) for one in shape[3:])
    chosen = request.chosen(volumes, warnings)
    start = _offset(header, paired, length, count * volumes, warnings)
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        slope, inter = 1.0, 0.0
    elif not math.isfinite(inter):
        warnings.append("The file's scl_inter is not a number, so no offset was added.")
        inter = 0.0
    return _Stored((first[0], first[1], first[2]), dtype, start + chosen * count, count, slope, inter)


def _offset(header: Any, paired: bool, length: int, size: int, warnings: list[str]) -> int:
    """Where the voxels begin; writers are seen that leave ``vox_offset`` at 0 in a single file."""
    stated = float(header["vox_offset"])
    offset = int(stated) if math.isfinite(stated) and stated > 0 else 0
    least = 0 if paired else header.template_dtype.itemsize + 4
    if offset >= least or (offset == least - 4 and length == offset + size):
        return offset
    warnings.append(f"The file says that its voxels begin at byte {offset}, inside its header: read from byte {least}.")
    return int(least)


def _bytes_per_voxel(stored: _Stored) -> int:
    """Memory of one voxel while it is read: as stored, and as float where values are scaled or of a wider type."""
    kept = stored.dtype.itemsize <= 4 and stored.dtype.isnative and (stored.slope, stored.inter) == (1.0, 0.0)
    return stored.dtype.itemsize + (0 if kept else 4)


def _voxels(data: bytes, stored: _Stored) -> NDArray[Any]:
    """The volume on its stored axes, scaled as the header says."""
    if data.startswith(GZIP_MAGIC):
        try:
            found: bytes | bytearray | memoryview = inflate(data, stored.start, stored.count)
        except zlib.error as error:
            raise UnreadableFileError(
                "This NIfTI file is truncated or damaged: export or download it again."
            ) from error
    else:
        found = memoryview(data)[stored.start : stored.start + stored.count]
    if len(found) < stored.count:
        raise UnreadableFileError(
            f"This NIfTI file is truncated ({len(found):,} of {stored.count:,} bytes of voxels): export or download it "
            "again."
        )
    volume = np.frombuffer(found, dtype=stored.dtype).reshape(stored.shape, order="F")
    if (stored.slope, stored.inter) == (1.0, 0.0):
        return volume
    scaled: NDArray[np.float32] = volume.astype(np.float32)
    scaled *= np.float32(stored.slope)
    scaled += np.float32(stored.inter)
    return scaled


def _bare(header: Any) -> bytes:
    """The header's bytes without the texts that may name a patient."""
    copy = header.copy()
    for name in _FREE_TEXTS:
        if name in copy.keys():  # noqa: SIM118 - a header is no mapping
            copy[name] = b""
    return bytes(copy.binaryblock)
