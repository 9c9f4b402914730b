"""Scans out of a ZIP archive, member by member, within limits that the archive has no say in."""

from __future__ import annotations

import errno
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from tumorlens.io.discover import SCAN_SUFFIXES
from tumorlens.io.sniff import HEAD_BYTES, sniff_format
from tumorlens.web.names import clean_name
from tumorlens.web.problems import Problem, ProblemError, problem
from tumorlens.web.scratch import Scratch, remove

MAX_RATIO = 100
FREE_BYTES = 16 * 2**20
"""Inflated bytes up to which the ratio is not looked at: a small blank picture compresses well."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    UnicodeError,
    ValueError,
    LookupError,
    RuntimeError,
)
"""What the library raises for archives that are damaged, or made to be: an index out of range among it."""

_CHUNK = 2**18
_EOCD = struct.Struct("<4sHHHHIIH")
_DIRECTORY_BYTES_A_MEMBER = 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SPARE_ENTRIES = 20


@dataclass(frozen=True)
class Member:
    """One scan of an archive, inflated to a temporary file."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may ask for: members that are files, bytes of one, bytes of all."""

    members: int
    member_bytes: int
    total_bytes: int


class Unpacker:
    """Inflates one archive.

    Args:
        path: the archive.
        scratch: where members go, under names of our own.
        limits: what it may ask for.
    """

    def __init__(self, path: Path, scratch: Scratch, limits: ArchiveLimits) -> None:
        self.path, self.scratch, self.limits = path, scratch, limits
        self.members: list[Member] = []
        self.refused: list[tuple[str, Problem]] = []
        self._inflated = 0

    def run(self) -> None:
        """Inflate every member that may be a scan into ``members``; what is wrong with single ones is in ``refused``.

        Raises:
            ProblemError: the archive as a whole is damaged, hostile, too large or without a scan.
        """
        try:
            _check_directory(self.path, self.limits.members)
            with zipfile.ZipFile(self.path) as archive:
                files = [one for one in archive.infolist() if not one.orig_filename.endswith("/")]
                self._check(files)
                for info in files:
                    if not _is_clutter(info.orig_filename):
                        self._take_or_refuse(archive, info)
        except (*DAMAGE, OSError) as error:
            self.discard()
            if not _is_damage(error):
                raise
            raise ProblemError(
                "unreadable", f"This ZIP archive is damaged ({type(error).__name__}): make it again."
            ) from error
        except BaseException:
            self.discard()
            raise
        if not self.members and not self.refused:
            raise ProblemError("unsupported", "This ZIP archive holds no scan: put PNG, DICOM or NIfTI files into it.")

    def discard(self) -> None:
        """Remove what was inflated."""
        for member in self.members:
            remove(member.path)
        self.members.clear()

    def _check(self, files: list[zipfile.ZipInfo]) -> None:
        """Refuse, before anything is inflated, what is hostile by its directory alone."""
        if len(files) > self.limits.members:
            raise ProblemError(
                "too-large",
                f"This ZIP archive holds {len(files):,} files, and the limit is {self.limits.members:,}: split it.",
            )
        for info in files:
            if _is_unsafe(info.orig_filename):
                raise ProblemError(
                    "unsupported", "A path in this ZIP archive leads out of it, so none of it is read: make it again."
                )
            if (info.external_attr >> 16) & 0o170000 == 0o120000:
                raise ProblemError("unsupported", "This ZIP archive holds a link, and not only files: make it again.")
            if info.flag_bits & 0x1:
                raise ProblemError("unsupported", "This ZIP archive is encrypted: make one without a password.")
            if info.compress_type not in _METHODS:
                raise ProblemError(
                    "unsupported", "This ZIP archive is not compressed by 'deflate': make it with ordinary settings."
                )

    def _take_or_refuse(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        """One member; a damaged one, or one whose name is no name, is refused alone."""
        shown = member_name(info.orig_filename) or "a file without a name"
        if "\0" in info.orig_filename or not info.filename.strip():
            why = "The name of this file in the ZIP archive is no name of a file: rename it and make the archive again."
            self.refused.append((shown, problem("unsupported", why)))
            return
        try:
            self._take(archive, info)
        except (*DAMAGE, OSError) as error:
            if not _is_damage(error):
                raise
            why = f"This file of the ZIP archive is damaged ({type(error).__name__}): make the archive again."
            self.refused.append((shown, problem("unreadable", why)))

    def _take(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        name = member_name(info.filename)
        path = self.scratch.new_file()
        size, head = 0, b""
        try:
            with archive.open(info) as source, path.open("xb") as target:
                while chunk := source.read(_CHUNK):
                    size += len(chunk)
                    self._inflated += len(chunk)
                    self._check_bomb(size)
                    head = head or chunk[:HEAD_BYTES]
                    target.write(chunk)
        except BaseException:
            remove(path)
            raise
        if sniff_format(head) is None and not name.lower().endswith(tuple(SCAN_SUFFIXES)):
            remove(path)
            return
        self.members.append(Member(name, path, size))

    def _check_bomb(self, size: int) -> None:
        if size > self.limits.member_bytes or self._inflated > self.limits.total_bytes:
            raise ProblemError(
                "too-large",
                f"A ZIP archive may hold {self.limits.member_bytes:,} bytes a file and {self.limits.total_bytes:,} in "
                "all once inflated, and this one holds more: split it.",
            )
        if self._inflated > max(FREE_BYTES, MAX_RATIO * self.path.stat().st_size):
            raise ProblemError(
                "too-large",
                f"This ZIP archive inflates to more than {MAX_RATIO} times its size, as scans never do: "
                "send the files themselves.",
            )


def _is_damage(error: Exception) -> bool:
    """Whether the archive is to blame: of what the system refuses, only a seek to where nothing can be."""
    return not isinstance(error, OSError) or error.errno == errno.EINVAL


def member_name(raw: str) -> str:
    """Path of a member below its archive, each part fit to be shown."""
    return "/".join(clean_name(part) for part in re.split(r"[/\\]", raw) if part)


def _check_directory(path: Path, members: int) -> None:
    """Hold the archive's directory to a size before it is read into memory, by its end record (APPNOTE 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _EOCD.size - 65_535))
        tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + _EOCD.size > len(tail):
        raise ProblemError("unreadable", "This ZIP archive is cut off: make or upload it again.")
    if tail[max(0, place - 20) : max(0, place - 16)] == b"PK\x06\x07":
        raise ProblemError("unsupported", "This is a ZIP64 archive, which is not read: make a smaller one.")
    _, _, _, _, entries, directory, _, _ = _EOCD.unpack_from(tail, place)
    # Folders and clutter such as __MACOSX are entries too.
    most = 3 * members + _SPARE_ENTRIES
    if entries > most or directory > most * _DIRECTORY_BYTES_A_MEMBER:
        raise ProblemError(
            "too-large", f"This ZIP archive lists {entries:,} entries, and the limit is {members:,} files: split it."
        )


def _is_unsafe(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return name.startswith(("/", "\\")) or ".." in parts or bool(re.match(r"[A-Za-z]:", name))


def _is_clutter(name: str) -> bool:
    parts = name.split("/")
    return any(part.startswith(".") or part == "__MACOSX" for part in parts) or parts[-1].upper() == "DICOMDIR"
