"""Output files that exist whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tumorlens.errors import OutputError

_REASONS = {
    errno.EACCES: "permission denied: choose a folder that you may write to",
    errno.EPERM: "permission denied: choose a folder that you may write to",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.ENOENT: "its folder does not exist: create it first",
    errno.ENOTDIR: "its folder is a file: choose another folder",
    errno.EISDIR: "a folder of that name is in the way: choose another name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


@contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to write to, which takes the place of ``path`` only once the block has ended without an error.

    The bytes go to a hidden file in the same folder, reach the disk, and then take the name in one step, so that
    neither a crash nor Ctrl-C leaves half a file; the hidden file is removed on any exception. An ``OSError`` inside
    the block counts as a failure to write.

    Args:
        path: the file to create or replace; its folder must exist.

    Yields:
        The open file.

    Raises:
        OutputError: it cannot be written: permission, disk full, no such folder, a folder in the way.
    """
    target = Path(path)
    hidden = target.with_name(f".tumorlens-{secrets.token_hex(8)}.tmp") if target.name else target
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(target)
    except BaseException as error:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        code = error.errno or 0
        reason = _REASONS.get(code) or f"{error.strerror or type(error).__name__}: check the path and the disk"
        raise OutputError(f"'{target}' cannot be written, {reason}.") from error


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes ``data`` to ``path`` whole or not at all; see :func:`atomic_writer`.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_writer(path) as file:
        file.write(data)
