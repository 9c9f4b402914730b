"""NRRD volumes, attached (.nrrd) or detached (.nhdr).

Source: https://teem.sourceforge.net/nrrd/format.html
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
    "i1": "signed char|int8|int8_t",
    "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t",
    "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float",
    "f8": "double",
}
_BY_NAME = {name: code for code, names in _TYPES.items() for name in names.split("|")}
_TO_RAS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_SPATIAL = ("domain", "space", "???", "none")
_MAX_HEADER = 65_536


def _matches(head: bytes) -> bool:
    return head.startswith(b"NRRD000")


def _read(data: bytes, source: Source, request: ReadRequest) -> Scan:
    return guarded("an NRRD file", lambda: _decode(data, source, request))


def _decode(data: bytes, source: Source, request: ReadRequest) -> Scan:
    fields, start = _fields(data)
    sizes = [int(one) for one in fields["sizes"].split()]
    if len(sizes) != int(fields["dimension"]) or len(sizes) not in (2, 3):
        raise UnreadableFileError(
            f"This NRRD file has {len(sizes)} axes, and a scan has 2 or 3: save one grey volume of it."
        )
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * len(sizes)
    if any(kind not in _SPATIAL for kind in kinds):
        raise UnreadableFileError(
            "This NRRD file holds vectors, colors or a list of volumes, and a scan is grey: save one grey volume of it."
        )
    code = _BY_NAME.get(fields["type"].lower())
    if code is None:
        raise UnreadableFileError("This NRRD file's type is not a number type that is read: save it as short or float.")
    how = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(fields["encoding"].lower())
    if how is None:
        raise UnreadableFileError("This NRRD file's encoding is neither raw nor gzip: save it with one of these.")
    if int(fields.get("byte skip", "0")) or int(fields.get("line skip", "0")):
        raise UnreadableFileError("This NRRD file skips lines or bytes of its data, which is not read: save it again.")
    dtype = np.dtype(code)
    if dtype.itemsize > 1:
        endian = fields.get("endian", "").lower()
        if endian not in ("little", "big"):
            raise UnreadableFileError("This NRRD file does not state its endian: save it again.")
        dtype = dtype.newbyteorder("<" if endian == "little" else ">")
    shape = (*sizes, 1)[:3]
    check_volume(shape, dtype.itemsize)
    check_memory(shape, 2 * dtype.itemsize, request.memory)
    content = (
        memoryview(data)[start:]
        if "data file" not in fields
        else detached_bytes(fields["data file"], source, "an NRRD", ".nrrd")
    )
    found = stored_bytes(content, how, 0, math.prod(shape) * dtype.itemsize, "NRRD")
    warnings: list[str] = []
    request.chosen(1, warnings)
    affine, stated = _affine(fields, len(sizes), shape, warnings)
    volume = np.frombuffer(found, dtype=dtype).reshape(shape, order="F")
    return scan_of(volume, affine, stated, "nrrd", source, warnings)


def _fields(data: bytes) -> tuple[dict[str, str], int]:
    """The header's fields, and where it ends."""
    end = re.compile(rb"\r?\n\r?\n").search(data, 0, _MAX_HEADER)
    stop = len(data) if end is None else end.end()
    if end is None and (len(data) > _MAX_HEADER or not re.search(rb"(?im)^data ?file:", data)):
        raise UnreadableFileError("This NRRD file's header has no end, so it is truncated: export it again.")
    fields: dict[str, str] = {}
    for line in data[:stop].decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            key = name.strip().lower()
            fields[{"datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip"}.get(key, key)] = (
                value.strip()
            )
    missing = [name for name in ("dimension", "sizes", "type", "encoding") if name not in fields]
    if missing:
        raise UnreadableFileError(f"This NRRD file does not state its {missing[0]}: export it again.")
    return fields, stop


def _vector(text: str) -> list[float]:
    return [float(one) for one in text.strip().strip("()").split(",")]


def _affine(
    fields: dict[str, str], axes: int, shape: tuple[int, ...], warnings: list[str]
) -> tuple[NDArray[np.float64], bool]:
    """4 x 4 to RAS+ millimeters, and whether the file states the sizes of a voxel."""
    turned = _TO_RAS.get(fields.get("space", "").lower())
    directions = re.findall(r"\([^)]*\)", fields.get("space directions", ""))
    if turned is not None and len(directions) == axes == 3:
        affine = np.eye(4)
        affine[:3, :3] = np.array([_vector(one) for one in directions]).T
        affine[:3, 3] = _vector(fields["space origin"]) if "space origin" in fields else 0
        affine[:3] *= np.array(turned)[:, None]
        if np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-12:
            return affine, True
    warnings.append("The file states no orientation that is read, so left and right are unknown.")
    spacings = [float(one) for one in fields.get("spacings", "").split()]
    stated = len(spacings) == axes and all(math.isfinite(one) and one > 0 for one in spacings)
    if not stated:
        warnings.append("The file states no voxel size, so lengths stay in pixels.")
    lengths = (*spacings, 1.0)[:3] if stated else (1.0, 1.0, 1.0)
    return np.diag([-lengths[0], -lengths[1], lengths[2], 1.0]), stated


FORMAT = Format("nrrd", "NRRD", (".nrrd", ".nhdr"), _matches, _read)
