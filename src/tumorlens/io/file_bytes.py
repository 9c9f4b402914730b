"""The bytes of one file, within the limits, or one sentence why not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tumorlens.errors import TumorlensError, UnreadableFileError
from tumorlens.io.limits import check_bytes


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular, non-empty file of at most ``MAX_FILE_BYTES``.

    Raises:
        UnreadableFileError: missing, not a regular file, empty or not permitted.
        LimitError: larger than the limit.
    """
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFileError(_folder_sentence(path))
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError("This is a device, pipe or socket and no regular file: copy the scan to a file.")
        check_bytes(status.st_size)
        data = Path(path).read_bytes()
    except PermissionError as error:
        raise UnreadableFileError("This file may not be read (permission denied): change its permissions.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableFileError("This file does not exist, or is a link to nothing: check the path.") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a valid path"
        raise UnreadableFileError(f"This file cannot be read ({reason}): check the path and the disk.") from error
    if not data:
        raise UnreadableFileError("This file is empty (0 bytes): export or download it again.")
    return data


def _folder_sentence(path: str | os.PathLike[str]) -> str:
    if not os.access(path, os.R_OK | os.X_OK):
        return "This folder may not be listed (permission denied): change its permissions."
    return "This is a folder, and one file is expected here: name a file inside it."


@contextmanager
def noting(path: str | os.PathLike[str]) -> Iterator[None]:
    """Adds the path to any error of the block as a note: tracebacks show it, ``str(error)`` does not."""
    try:
        yield
    except TumorlensError as error:
        error.add_note(f"file: {os.fspath(path)}")
        raise
