"""Formats told apart by content. The suffix of a name is never looked at."""

from __future__ import annotations

import re
import struct
import zlib

from tumorlens.scan import ScanFormat

HEAD_BYTES = 4096
"""How much of a file's beginning the format is told from."""

FORMATS_READ = "PNG, JPEG, BMP, TIFF, DICOM, NIfTI-1 and NIfTI-2 (.nii, .nii.gz), figshare MATLAB v7.3 (cjdata)"

GZIP_MAGIC = b"\x1f\x8b\x08"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
_DICOM_VR = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a RIFF file such as WebP"),
    (b"MATLAB 5.0", "a MATLAB v5 file (in MATLAB, save it with -v7.3)"),
    (GZIP_MAGIC, "a gzip file with no NIfTI inside"),
)


def sniff_format(head: bytes) -> ScanFormat | None:
    """Format of the file that begins with ``head``, or ``None`` if it is none of those that are read.

    Args:
        head: the first :data:`HEAD_BYTES` bytes, or all of a shorter file.

    Sources: DICOM PS3.10 section 7.1, NIfTI-1 and NIfTI-2 header definitions, HDF5 File Format Specification II.A.
    """
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(_PNG_MAGIC):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADER_SIZES:
        return "bmp"
    if head.startswith(_TIFF_MAGIC):
        return "tiff"
    if any(head.startswith(_HDF5_MAGIC, offset) for offset in (0, 512, 1024, 2048)):
        return "matlab"
    if nifti_version(head) or nifti_version(inflated_head(head)):
        return "nifti"
    return "dicom" if _is_bare_dicom(head) else None


def nifti_version(head: bytes) -> int:
    """1 or 2 for the beginning of a single-file NIfTI, and 0 for anything else (a ``.hdr``/``.img`` pair included)."""
    if len(head) < 348:
        return 0
    sizes = struct.unpack_from("<i", head)[0], struct.unpack_from(">i", head)[0]
    if 348 in sizes and head[344:348] == b"n+1\0":
        return 1
    return 2 if 540 in sizes and head[4:12] == b"n+2\0\r\n\x1a\n" else 0


def inflated_head(head: bytes, size: int = 544) -> bytes:
    """First ``size`` bytes inside a gzip file that begins with ``head``; empty if it is no gzip file."""
    if not head.startswith(GZIP_MAGIC):
        return b""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, size)
    except zlib.error:
        return b""


def describe_unknown(head: bytes) -> str:
    """What a file that is not read seems to be, for the sentence that says so."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if head[344:347] == b"ni1":
        return "one half of a NIfTI pair (.hdr and .img)"
    try:
        text = head[:512].decode("utf-8", errors="strict" if len(head) <= 512 else "ignore")
    except UnicodeDecodeError:
        return "unknown binary data"
    is_text = re.sub(r"[\n\r\t\f]", "", text).isprintable()
    return "plain text" if is_text else "unknown binary data"


def _is_bare_dicom(head: bytes) -> bool:
    """Whether the bytes are a DICOM data set without the preamble: a first element of group 0002 or 0008."""
    if len(head) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}HH", head)
        if group not in (0x0002, 0x0008) or element > 0x2FFF:
            continue
        if head[4:6] in _DICOM_VR:
            return True
        length = struct.unpack_from(f"{order}I", head, 4)[0]
        if order == "<" and group == 0x0008 and length <= 1024 and length % 2 == 0:
            return len(head) >= 16
    return False
