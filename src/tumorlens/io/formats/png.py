"""PNG pictures."""

from __future__ import annotations

from tumorlens.io.format import Format
from tumorlens.io.raster import read_raster


def _matches(head: bytes) -> bool:
    return head.startswith(b"\x89PNG\r\n\x1a\n")


FORMAT = Format("png", "PNG", (".png",), _matches, read_raster)
