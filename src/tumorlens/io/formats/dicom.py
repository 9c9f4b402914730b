"""DICOM files and series."""

from __future__ import annotations

import struct

from tumorlens.io.dicom import read_dicom
from tumorlens.io.format import Format

_VR = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


def _matches(head: bytes) -> bool:
    """Whether the preamble is there, or the bytes are a data set without it: a first element of group 2 or 8.

    Source: DICOM PS3.10 section 7.1.
    """
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}HH", head)
        if group not in (0x0002, 0x0008) or element > 0x2FFF:
            continue
        if head[4:6] in _VR:
            return True
        length = struct.unpack_from(f"{order}I", head, 4)[0]
        if order == "<" and group == 0x0008 and length <= 1024 and length % 2 == 0:
            return len(head) >= 16
    return False


FORMAT = Format("dicom", "DICOM", (".dcm", ".dicom", ".ima"), _matches, read_dicom)
