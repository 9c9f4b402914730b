"""Files: any supported format into a :class:`tumorlens.scan.Scan`, and overlay, mask and other outputs back to disk."""

from tumorlens.io.atomic import atomic_writer, write_atomic
from tumorlens.io.color import COLOR_WARNING, is_grey
from tumorlens.io.discover import Found, discover
from tumorlens.io.matlab import CjData, read_cjdata
from tumorlens.io.overlay import draw_overlay, encode_png, mask_png
from tumorlens.io.read import read_scan
from tumorlens.io.sniff import sniff_format

__all__ = [
    "COLOR_WARNING",
    "CjData",
    "Found",
    "atomic_writer",
    "discover",
    "draw_overlay",
    "encode_png",
    "is_grey",
    "mask_png",
    "read_cjdata",
    "read_scan",
    "sniff_format",
    "write_atomic",
]
