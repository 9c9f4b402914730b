from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from tumorlens.errors import OutputError
from tumorlens.io import atomic_writer, write_atomic


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ä b.json"
    write_atomic(path, b"one")
    write_atomic(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert _names(tmp_path) == ["ä b.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interruption_leaves_the_old_file_whole(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(interruption), atomic_writer(path) as file:
        file.write(b"half of the ne")
        raise interruption
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["a.csv"]


def test_target_is_untouched_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with atomic_writer(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
        assert all(name.startswith(".") for name in _names(tmp_path))
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check the path and the disk"),
    ],
)
def test_failures_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=words):
        write_atomic(tmp_path / "a.json", b"1")
    assert _names(tmp_path) == []


def test_impossible_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, words in [
        (tmp_path / "none" / "a.json", "folder does not exist"),
        (tmp_path / "file" / "a.json", "folder is a file"),
        (tmp_path / "folder", "a folder of that name is in the way"),
        (tmp_path / ("x" * 300), "name is too long"),
        (Path(), "in the way"),
    ]:
        with pytest.raises(OutputError, match=words):
            write_atomic(path, b"1")
    assert _names(tmp_path) == ["file", "folder"]
