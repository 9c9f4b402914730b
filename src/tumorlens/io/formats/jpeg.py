"""JPEG pictures."""

from __future__ import annotations

from tumorlens.io.format import Format
from tumorlens.io.raster import read_raster


def _matches(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


FORMAT = Format("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), _matches, read_raster)
