"""Formats told apart by content. The suffix of a name is never looked at."""

from __future__ import annotations

import re
import struct

from tumorlens.io.formats import FORMATS
from tumorlens.io.gzipped import GZIP_MAGIC, inflated_head

HEAD_BYTES = 4096
"""How much of a file's beginning the format is told from."""

FORMATS_READ = ", ".join(one.title for one in FORMATS)

_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a RIFF file such as WebP"),
    (b"MATLAB 5.0", "a MATLAB v5 file (in MATLAB, save it with -v7.3)"),
    (b"MINC", "a MINC file"),
    (b"CDF\x01", "a MINC-1 or other NetCDF file"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture (.jp2)"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 code stream (.j2k)"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"8BPS", "a Photoshop picture"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
    (b"SIMPLE  =", "a FITS file"),
    (b"7z\xbc\xaf'\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"(\xb5/\xfd", "a Zstandard file"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"<?xml", "an XML document"),
    (b"BRIK", "an AFNI file"),
)
_BRANDS = {
    b"avif": "an AVIF picture",
    b"heic": "an HEIC picture",
    b"heix": "an HEIC picture",
    b"mif1": "an HEIF picture",
}


def sniff_format(head: bytes) -> str | None:
    """Name of the format of the file that begins with ``head``, or ``None`` if it is none of those that are read.

    Args:
        head: the first :data:`HEAD_BYTES` bytes, or all of a shorter file.
    """
    return next((one.name for one in FORMATS if one.matches(head)), None)


def describe_unknown(head: bytes) -> str:
    """What a file that is not read seems to be, for the sentence that says so."""
    inner = inflated_head(head)
    if inner and (named := _foreign(inner)) is not None:
        return f"{named} in gzip"
    if head.startswith(GZIP_MAGIC):
        return "a tar archive in gzip" if inner[257:262] == b"ustar" else "a gzip file with no NIfTI inside"
    if (named := _foreign(head)) is not None:
        return named
    try:
        text = head[:512].decode("utf-8", errors="strict" if len(head) <= 512 else "ignore")
    except UnicodeDecodeError:
        return "unknown binary data"
    is_text = re.sub(r"[\n\r\t\f]", "", text).isprintable()
    return "plain text" if is_text else "unknown binary data"


def _foreign(head: bytes) -> str | None:
    """Name of a format that is known and not read."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp" and head[8:12] in _BRANDS:
        return _BRANDS[head[8:12]]
    if head[257:262] == b"ustar":
        return "a tar archive"
    sizes = struct.unpack_from("<i", head)[0:1] + struct.unpack_from(">i", head)[0:1] if len(head) >= 348 else ()
    if 348 in sizes and head[344:347] not in (b"n+1", b"ni1"):
        return "an Analyze 7.5 header, which states no orientation"
    return "Bruker or Philips raw data" if head.startswith(b"##TITLE") else None
