"""DICOM elements of plain files, walked over quickly; whatever is not plain is left to pydicom.

Elements stay as stored and are converted by pydicom when asked for, as with its own reader, which is slower on the way
there. Private elements are passed over, but for Siemens' number of images in a mosaic.

Source: DICOM PS3.5 section 7.1, PS3.10 section 7.1.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_IMPLICIT, _EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
_UNDEFINED = 0xFFFFFFFF
_PIXELS = 0x7FE00000
_MOSAIC = 0x0019100A
_START = 132


def walked(data: bytes, *, header_only: bool = False) -> FileDataset | None:
    """The data set of a file in uncompressed little endian, or ``None`` where pydicom must read it.

    Args:
        data: the file's bytes, or with ``header_only`` a beginning that reaches to the pixels.
        header_only: stop before the pixels.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset

    if data[128:_START] != b"DICM":
        return None
    try:
        meta, at = _elements(data, _START, explicit=True, group=2)
        syntax = next((one.value for tag, one in meta.items() if tag == 0x00020010), b"").rstrip(b"\0 ")
        if syntax not in (_IMPLICIT, _EXPLICIT):
            return None
        explicit = syntax == _EXPLICIT
        found, end = _elements(data, at, explicit=explicit, header_only=header_only)
    except (struct.error, ValueError):
        return None
    if not header_only and end != len(data):
        return None
    dataset = FileDataset("", found, preamble=data[:128], file_meta=FileMetaDataset(meta))
    dataset.set_original_encoding(not explicit, True, None)
    return dataset


def _elements(
    data: bytes, at: int, *, explicit: bool, group: int | None = None, header_only: bool = False
) -> tuple[dict[Any, Any], int]:
    """Raw elements from ``at`` on by tag, and where they end.

    Raises:
        ValueError: something is not plain: an undefined length, another order, a value beyond the end.
        struct.error: the end is within an element.
    """
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import BaseTag

    found: dict[Any, Any] = {}
    size, last = len(data), -1
    while at < size:
        high, low = struct.unpack_from("<HH", data, at)
        if group is not None and high != group:
            return found, at
        number = (high << 16) | low
        if header_only and number >= _PIXELS:
            return found, at
        if number <= last:
            raise ValueError("the elements are not in order")
        name = None
        if explicit:
            kind = data[at + 4 : at + 6]
            if kind in _SHORT:
                (length,) = struct.unpack_from("<H", data, at + 6)
                start = at + 8
            elif kind in _LONG:
                (length,) = struct.unpack_from("<I", data, at + 8)
                start = at + 12
            else:
                raise ValueError("no value representation")
            name = kind.decode()
        else:
            (length,) = struct.unpack_from("<I", data, at + 4)
            start = at + 8
        at = start + length
        if length == _UNDEFINED or at > size:
            raise ValueError("an undefined length, or a value that is cut off")
        last = number
        if high & 1 and number != _MOSAIC:
            continue
        tag = BaseTag(number)
        found[tag] = RawDataElement(tag, name, length, data[start:at], start, not explicit, True)
    if header_only or (group is not None and not found):
        raise ValueError("the end came first")
    return found, at
