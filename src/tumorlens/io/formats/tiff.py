"""TIFF pictures."""

from __future__ import annotations

from tumorlens.io.format import Format
from tumorlens.io.tiff_scan import read_tiff


def _matches(head: bytes) -> bool:
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


FORMAT = Format("tiff", "TIFF (one picture or a stack)", (".tif", ".tiff"), _matches, read_tiff)
