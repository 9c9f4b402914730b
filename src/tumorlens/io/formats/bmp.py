"""BMP pictures."""

from __future__ import annotations

import struct

from tumorlens.io.format import Format
from tumorlens.io.raster import read_raster

_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


def _matches(head: bytes) -> bool:
    return head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _HEADER_SIZES


FORMAT = Format("bmp", "BMP", (".bmp", ".dib"), _matches, read_raster)
