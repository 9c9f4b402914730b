"""Names of uploads: never trusted, shown at most, and made fit for a header, a table and a page."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_NAME = 120
FALLBACK = "scan"
_FORMULA = ("=", "+", "-", "@")


def clean_name(raw: str) -> str:
    """The last part of a path in any system's notation, as printable text of at most :data:`MAX_NAME` characters.

    Control and formatting characters (line breaks, zero bytes, marks that turn the direction of writing) are dropped,
    since they could forge a header, a log line or the look of a suffix.
    """
    name = clean_text(re.split(r"[/\\]", raw)[-1])
    if not name.strip("."):
        return FALLBACK
    if len(name) <= MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        return name[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(suffix) - 1]}.{suffix}"


def clean_text(raw: str) -> str:
    """Printable text on one line, each run of spaces made one."""
    kept = "".join(one for one in unicodedata.normalize("NFC", raw) if unicodedata.category(one)[0] != "C")
    return " ".join(kept.split())


def decode_name(raw: bytes) -> str:
    """The text of a name as it came over the wire: UTF-8, or Latin-1 where it is none."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def content_disposition(name: str, kind: str = "inline") -> str:
    """A ``Content-Disposition`` header (RFC 6266) with an ASCII name and the full one as RFC 8187 codes it."""
    cleaned = clean_name(name)
    ascii_name = re.sub(r"[^A-Za-z0-9 ._()-]", "_", cleaned)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(cleaned, safe='')}"


def for_table(name: str) -> str:
    """The name as a cell that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(_FORMULA) else name
