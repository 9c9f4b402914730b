from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tumorlens.web.scratch import PREFIX, Scratch, sweep

CRASH = """
import os, sys, time
from pathlib import Path
from tumorlens.web.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
scratch.new_file().write_bytes(b"patient")
print(scratch.folder, flush=True)
time.sleep(60)
"""


def test_a_crashed_process_is_swept_after_and_a_living_one_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CRASH, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert sweep(tmp_path) == 0
        assert len(list(folder.iterdir())) == 2
        process.kill()
        process.wait()
    assert sweep(tmp_path) == 1
    assert not folder.exists()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").write_text("x")
    (tmp_path / f"{PREFIX}folder").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    assert sweep(tmp_path) == 0
    assert (elsewhere / "lock").exists()


def test_closing_removes_everything(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.new_file().write_bytes(b"x")
    assert scratch.folder.stat().st_mode & 0o077 == 0
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_starting_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"other-{number}").mkdir()
    Scratch(tmp_path).close()
    assert len(list(tmp_path.iterdir())) == 200
