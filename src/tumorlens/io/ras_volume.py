"""A stored volume with an affine to RAS+ into a scan, for formats that state no more than that."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.file_bytes import read_bytes
from tumorlens.io.gzipped import GZIP_MAGIC, inflate
from tumorlens.io.limits import checked_pixels
from tumorlens.io.planes import grid_of
from tumorlens.io.plausible import believed_mm
from tumorlens.scan import Scan, Source, SpacingSource


def scan_of(
    volume: NDArray[Any],
    affine: NDArray[np.float64],
    stated: bool,
    origin: SpacingSource,
    source: Source,
    warnings: list[str],
) -> Scan:
    """A scan in the acquired plane.

    Args:
        volume: voxels on the three stored axes.
        affine: 4 x 4 from stored index to RAS+ millimeters.
        stated: whether the file states the sizes of a voxel.
        origin: who states the spacing.
        source: path, digest and format of the file.
        warnings: what was said so far.
    """
    sizes = [float(one) for one in np.linalg.norm(affine[:3, :3], axis=0)]
    grid = grid_of(volume.shape, affine, sizes if stated else None)
    pixels = checked_pixels(grid.from_stored(volume), warnings)
    spacing, slice_mm = believed_mm(sizes if stated else None, grid, pixels.shape, warnings)
    return Scan(
        pixels,
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else origin,
        affine=grid.reading_affine,
        source=source,
        warnings=tuple(warnings),
        slice_mm=slice_mm,
        grid=grid,
    )


def detached_bytes(name: str, source: Source, what: str, suffix: str) -> bytes:
    """The data file that a header names: one file beside it, and nothing elsewhere.

    Args:
        name: as the header has it.
        source: of the header.
        what: format with its article, such as ``"an NRRD"``.
        suffix: of files of that format that hold header and data.

    Raises:
        UnreadableFileError: it is not such a file, or is not there.
    """
    plain = Path(name)
    if source.path is None or plain.name != name or name.upper().startswith("LIST") or "%" in name:
        raise UnreadableFileError(
            f"This {what.split()[-1]} header names data that are not one file beside it: save the volume as one "
            f"{suffix} file."
        )
    path = Path(source.path).with_name(name)
    if not path.is_file():
        raise UnreadableFileError(
            f"This is {what} header, and the data file that it names is not beside it: put both into one folder."
        )
    return read_bytes(path)


def stored_bytes(
    data: bytes | memoryview, how: str, start: int, count: int, what: str
) -> bytes | memoryview | bytearray:
    """``count`` bytes from ``start`` of data that is ``raw``, ``gzip`` or ``zlib``, inflated no further.

    Raises:
        UnreadableFileError: truncated or damaged.
    """
    damaged = UnreadableFileError(f"This {what} file is truncated or damaged: export it again.")
    try:
        if how == "raw":
            found: bytes | memoryview | bytearray = memoryview(data)[start : start + count]
        elif bytes(data[:3]) == GZIP_MAGIC:
            found = inflate(bytes(data), start, count)
        else:
            found = zlib.decompressobj().decompress(data, start + count)[start:] if how == "zlib" else b""
    except zlib.error:
        raise damaged from None
    if len(found) < count:
        raise damaged
    return found
