"""Whether an upload is what it seems: one supported format, and nothing else hidden in the same bytes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from tumorlens.io.sniff import FORMATS_READ, HEAD_BYTES, describe_unknown, sniff_format
from tumorlens.web.problems import ProblemError

ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP_MAGIC = b"PK\x05\x06"
_TAIL_BYTES = 22 + 65_535
_MARKUP = re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|svg|object|embed)[\s>/]", re.IGNORECASE)
_FOREIGN = tuple(b"MZ,\x7fELF,#!,%PDF,PK,GIF8,\x89PNG,\xff\xd8\xff,BM,II,MM,<".split(b","))


def is_zip(path: Path) -> bool:
    """Whether a file begins as a ZIP archive does."""
    with path.open("rb") as file:
        return file.read(4) in (ZIP_MAGIC, EMPTY_ZIP_MAGIC)


def check_content(path: Path) -> None:
    """Sees to it that a file is of one format that is read, and cannot pass for another.

    A file that two programs take for two things (a polyglot: DICOM with a program in its preamble, a picture with an
    archive at its end, a page with a picture's signature) is no scan that anybody exported.

    Raises:
        ProblemError: it is empty, of an unknown format, or two things at once.
    """
    size = path.stat().st_size
    if size == 0:
        raise ProblemError("unreadable", "This file is empty (0 bytes): export or download it again.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    found = sniff_format(head)
    if found is None:
        kind = "a web page or SVG drawing" if _MARKUP.search(head[:1024]) else describe_unknown(head)
        raise ProblemError(
            "unsupported",
            f"This file is {kind}, and what is read is {FORMATS_READ}, or a ZIP archive of them: convert or export it.",
        )
    hidden = _second_nature(head, tail, found)
    if hidden is not None:
        raise ProblemError(
            "unsupported",
            f"This file passes for {found.upper()} and for {hidden} at once, which no scanner writes: export it again.",
        )


def _second_nature(head: bytes, tail: bytes, found: str) -> str | None:
    if found == "dicom" and head[128:132] == b"DICM" and head.startswith(_FOREIGN):
        return "another kind of file in its preamble"
    if b"%PDF-" in head[:1024]:
        return "a PDF document"
    if _MARKUP.search(head[:1024]) is not None:
        return "a web page"
    return "a ZIP archive" if _ends_as_zip(tail) else None


def _ends_as_zip(tail: bytes) -> bool:
    """Whether the bytes end in the record that archives end in (APPNOTE 4.3.16), with a comment of the right length."""
    place = tail.rfind(EMPTY_ZIP_MAGIC)
    if place < 0 or place + 22 > len(tail):
        return False
    disk, start_disk, here, entries, _, _, comment = struct.unpack_from("<HHHHIIH", tail, place + 4)
    return bool(disk == start_disk == 0 and here == entries and place + 22 + comment <= len(tail))
