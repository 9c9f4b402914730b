"""Gzip files of one or several members (RFC 1952 section 2.2), inflated no further than asked."""

from __future__ import annotations

import zlib

GZIP_MAGIC = b"\x1f\x8b\x08"
_PIECE = 1 << 20


def inflate(data: bytes, start: int, count: int) -> bytearray:
    """Bytes ``start`` to ``start + count`` of what a gzip file holds; fewer where it ends before.

    What lies before ``start`` is inflated piece by piece and dropped, and nothing after the end is inflated.

    Raises:
        zlib.error: the file is damaged.
    """
    kept, passed = bytearray(), 0
    rest = data
    while rest.startswith(GZIP_MAGIC) and len(kept) < count:
        inflater = zlib.decompressobj(wbits=31)
        while not inflater.eof and len(kept) < count:
            piece = inflater.decompress(rest, min(_PIECE, start + count - passed))
            if not piece and not inflater.unconsumed_tail and not inflater.eof:
                return kept
            kept += piece[max(0, start - passed) :]
            passed += len(piece)
            rest = inflater.unconsumed_tail
        # Writers may pad between members with zeros.
        rest = inflater.unused_data.lstrip(b"\0")
    return kept


def inflated_head(head: bytes, size: int = 544) -> bytes:
    """First ``size`` bytes inside a gzip file that begins with ``head``; empty if it is no gzip file."""
    try:
        return bytes(inflate(head, 0, size))
    except zlib.error:
        return b""
