"""``Format``: all that the house knows about one file format, in one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source


@dataclass(frozen=True)
class Format:
    """One file format that is read.

    Attributes:
        name: short name, as documents have it.
        title: name for people, as sentences have it.
        suffixes: endings of file names, lower case with the dot, by which folders are searched.
        matches: whether a file that begins with these bytes (:data:`tumorlens.io.sniff.HEAD_BYTES`, or all of a
            shorter file) is of the format; must be true of no other format's files.
        read: the file's bytes as a scan.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Callable[[bytes, Source, ReadRequest], Scan]
