"""FreeSurfer MGH and MGZ volumes.

Source: https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np

from tumorlens.errors import UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.format import Format
from tumorlens.io.gzipped import GZIP_MAGIC, inflate, inflated_head
from tumorlens.io.limits import check_memory, check_volume
from tumorlens.io.ras_volume import scan_of
from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source

_HEADER = 284
_TYPES = (0, 1, 3, 4)


def _matches(head: bytes) -> bool:
    first = inflated_head(head) if head.startswith(GZIP_MAGIC) else head
    if len(first) < 30:
        return False
    version, *sizes, frames, kind, _, good = struct.unpack_from(">7ih", first)
    return version == 1 and min(*sizes, frames) > 0 and kind in _TYPES and good in (0, 1)


def _read(data: bytes, source: Source, request: ReadRequest) -> Scan:
    hush("nibabel")
    return guarded("an MGH file", lambda: _decode(data, source, request))


def _decode(data: bytes, source: Source, request: ReadRequest) -> Scan:
    from nibabel.freesurfer.mghformat import MGHHeader

    warnings: list[str] = []
    zipped = data.startswith(GZIP_MAGIC)
    header: Any = MGHHeader(bytes(inflate(data, 0, _HEADER)) if zipped else data[:_HEADER], check=False)
    *shape, frames = (int(one) for one in header["dims"])
    dtype = header.get_data_dtype()
    check_volume(tuple(shape), dtype.itemsize)
    check_memory(tuple(shape), 2 * dtype.itemsize, request.memory)
    size = math.prod(shape) * dtype.itemsize
    start = _HEADER + request.chosen(frames, warnings) * size
    try:
        found = inflate(data, start, size) if zipped else data[start : start + size]
    except zlib.error as error:
        raise UnreadableFileError("This MGH file is truncated or damaged: export it again.") from error
    if len(found) < size:
        raise UnreadableFileError(f"This MGH file is truncated ({len(found):,} of {size:,} bytes): export it again.")
    stated = bool(int(header["goodRASFlag"]))
    if not stated:
        warnings.append("The file states no orientation, so left and right are unknown, and lengths stay in pixels.")
    affine = np.asarray(header.get_affine(), dtype=np.float64)
    volume = np.frombuffer(found, dtype=dtype).reshape(shape, order="F")
    return scan_of(volume, affine, stated, "mgz", source, warnings)


FORMAT = Format("mgz", "FreeSurfer MGH and MGZ", (".mgh", ".mgz"), _matches, _read)
