"""Archives unpacked without trust: no member leaves the folder, is a link, or grows past the limits."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tumorlens.errors import DatasetError, OutputError

MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 1 << 30
MAX_TOTAL_BYTES = 1 << 35
_CHUNK_BYTES = 1 << 20


def unpack_zip(archive: Path, folder: Path, *, max_total: int = MAX_TOTAL_BYTES) -> int:
    """Unpack a zip archive into ``folder`` and say how many files it held.

    Sizes are counted while unpacking, for an archive may state what it likes.

    Raises:
        DatasetError: no zip archive, damaged, encrypted, or a member that is a link, lies outside, or is too large.
        OutputError: the disk is full, or the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir()]
            if len(members) > MAX_MEMBERS:
                raise DatasetError(f"{archive.name} holds {len(members):,} files, and the limit is {MAX_MEMBERS:,}.")
            left = max_total
            for member in members:
                left -= _unpack_member(opened, member, folder, min(left, MAX_MEMBER_BYTES))
            return len(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DatasetError(f"{archive.name} is no whole zip archive ({error}): download it again.") from error
    except OSError as error:
        raise OutputError(
            f"{archive.name} cannot be unpacked to '{folder}' ({error.strerror or error}): free some space, or choose "
            "another folder."
        ) from error


def _unpack_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, limit: int) -> int:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    odd = name.is_absolute() or ".." in name.parts or ":" in member.filename or not name.parts
    if odd or stat.S_ISLNK(member.external_attr >> 16):
        raise DatasetError(f"The archive holds '{member.filename!a}', which could end outside its folder: refused.")
    if member.flag_bits & 1:
        raise DatasetError(f"The archive's member {member.filename!a} is encrypted: unpack it by hand.")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > limit:
                raise DatasetError(f"The archive's member {member.filename!a} unpacks to more than the limit: refused.")
            sink.write(chunk)
    return written


def copy_tree(source: Path, folder: Path) -> int:
    """Copy a folder's files and say how many there are; links are not followed.

    Raises:
        DatasetError: a link is among them.
        OutputError: the disk is full, or the folder cannot be written.
    """
    count = 0
    try:
        for path in sorted(source.rglob("*")):
            if path.is_symlink():
                raise DatasetError(f"{path} is a link: remove it from the cache and download again.")
            if path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                count += 1
    except OSError as error:
        raise OutputError(f"'{source}' cannot be copied to '{folder}' ({error.strerror or error}).") from error
    return count
