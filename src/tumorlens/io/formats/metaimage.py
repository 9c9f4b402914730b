"""MetaImage volumes, attached (.mha) or with the voxels beside the header (.mhd).

Source: https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.decoding import guarded
from tumorlens.io.format import Format
from tumorlens.io.limits import check_memory, check_volume
from tumorlens.io.ras_volume import detached_bytes, scan_of, stored_bytes
from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LAST = re.compile(rb"(?im)^ElementDataFile[ \t]*=[ \t]*([^\r\n]*)\r?\n?")
_MAX_HEADER = 65_536


def _matches(head: bytes) -> bool:
    return bool(re.match(rb"(ObjectType|NDims)\s*=", head)) and b"DimSize" in head


def _read(data: bytes, source: Source, request: ReadRequest) -> Scan:
    return guarded("a MetaImage file", lambda: _decode(data, source, request))


def _decode(data: bytes, source: Source, request: ReadRequest) -> Scan:
    fields, start = _fields(data)
    sizes = [int(one) for one in fields["dimsize"].split()]
    if len(sizes) != int(fields["ndims"]) or len(sizes) not in (2, 3):
        raise UnreadableFileError(
            f"This MetaImage file has {len(sizes)} axes, and a scan has 2 or 3: save one grey volume of it."
        )
    if int(fields.get("elementnumberofchannels", "1")) != 1:
        raise UnreadableFileError("This MetaImage file holds vectors or colors, and a scan is grey: save one channel.")
    code = _TYPES.get(fields["elementtype"].upper())
    if code is None:
        raise UnreadableFileError(
            "This MetaImage file's ElementType is not a number type that is read: save it as MET_SHORT or MET_FLOAT."
        )
    if not _true(fields.get("binarydata", "True")) or int(fields.get("headersize", "0")):
        raise UnreadableFileError("This MetaImage file stores text, or data with a header, which is not read.")
    big = _true(fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", "False")))
    dtype = np.dtype(code).newbyteorder(">" if big else "<")
    shape = (*sizes, 1)[:3]
    check_volume(shape, dtype.itemsize)
    check_memory(shape, 2 * dtype.itemsize, request.memory)
    local = fields["elementdatafile"].upper() == "LOCAL"
    content = (
        memoryview(data)[start:] if local else detached_bytes(fields["elementdatafile"], source, "a MetaImage", ".mha")
    )
    how = "zlib" if _true(fields.get("compresseddata", "False")) else "raw"
    found = stored_bytes(content, how, 0, math.prod(shape) * dtype.itemsize, "MetaImage")
    warnings: list[str] = []
    request.chosen(1, warnings)
    affine, stated = _affine(fields, len(sizes), warnings)
    volume = np.frombuffer(found, dtype=dtype).reshape(shape, order="F")
    return scan_of(volume, affine, stated, "metaimage", source, warnings)


def _fields(data: bytes) -> tuple[dict[str, str], int]:
    """The header's fields, and where it ends."""
    last = _LAST.search(data, 0, _MAX_HEADER)
    if last is None:
        raise UnreadableFileError("This MetaImage file names no ElementDataFile, so it is truncated: export it again.")
    pairs = (line.partition("=") for line in data[: last.end()].decode("latin-1").splitlines())
    fields = {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
    for name in ("NDims", "DimSize", "ElementType"):
        if name.lower() not in fields:
            raise UnreadableFileError(f"This MetaImage file does not state its {name}: export it again.")
    return fields, last.end()


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes")


def _affine(fields: dict[str, str], axes: int, warnings: list[str]) -> tuple[NDArray[np.float64], bool]:
    """4 x 4 to RAS+ millimeters from ITK's LPS, and whether the file states the sizes of a voxel."""
    sizes = _numbers(fields, ("elementspacing", "elementsize"), axes)
    stated = sizes is not None and min(sizes) > 0
    if not stated:
        warnings.append("The file states no voxel size, so lengths stay in pixels.")
    lengths = [*(sizes if sizes is not None and stated else [1.0] * axes), 1.0][:3]
    turn = _numbers(fields, ("transformmatrix", "rotation", "orientation"), 9) if axes == 3 else None
    if turn is None or abs(np.linalg.det(np.reshape(turn, (3, 3)))) < 1e-6:
        warnings.append("The file states no orientation, so left and right are unknown.")
        turn = np.eye(3).ravel().tolist()
    affine = np.eye(4)
    # The matrix is written column by column: each three numbers are the direction of one axis.
    affine[:3, :3] = np.reshape(turn, (3, 3)).T * np.array(lengths)
    affine[:3, 3] = _numbers(fields, ("offset", "position", "origin"), 3) or 0
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, stated


def _numbers(fields: dict[str, str], names: tuple[str, ...], count: int) -> list[float] | None:
    text = next((fields[name] for name in names if name in fields), "")
    values = [float(one) for one in text.split()]
    return values if len(values) == count and all(math.isfinite(one) for one in values) else None


FORMAT = Format("metaimage", "MetaImage (.mha, .mhd)", (".mha", ".mhd"), _matches, _read)
