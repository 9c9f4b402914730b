"""The folder of temporary files: one a process, private, gone when the process ends and swept when it crashed."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "tumorlens-serve-"
_LOCK = "lock"


class Scratch:
    """A private folder that is locked for as long as this process lives.

    Args:
        parent: folder to make it in; ``None`` for the system's temporary folder.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.parent = Path(tempfile.gettempdir()) if parent is None else parent
        sweep(self.parent)
        while True:
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.parent))
            self._lock: int | None = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            _lock_now(self._lock)
            # A sweep by another server, between the two lines above, may have taken the folder away.
            if (self.folder / _LOCK).exists():
                return
            os.close(self._lock)

    def new_file(self) -> Path:
        """A path for a new file; no part of it comes from a user."""
        return self.folder / secrets.token_hex(16)

    def close(self) -> None:
        """Remove the folder and all in it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        shutil.rmtree(self.folder, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a temporary file, if it is still there."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def sweep(parent: Path) -> int:
    """Remove the folders of servers that crashed; how many there were."""
    swept = 0
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_orphan(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _is_orphan(folder: Path) -> bool:
    """Whether a folder is ours and no living process holds its lock."""
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
            return False
        if sys.platform == "win32":
            # Windows does not delete a file that a living process has open.
            (folder / _LOCK).unlink()
            return True
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        _lock_now(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _lock_now(descriptor: int) -> None:
    """Lock an open file, or raise an OSError at once if another process has."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
