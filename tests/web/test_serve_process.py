"""The server as a user starts it: its addresses, how it stops, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = "from tumorlens.cli.main import main; main()"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
FOREVER_S = 90


class Server:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert "http://" in first, self.process.communicate()[1]
        self.address = first.split("serves ")[1].split()[0].rstrip("/")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=FOREVER_S) as answer:
            return json.load(answer)

    def post(self, path: str) -> Any:
        request = urllib.request.Request(self.address + path, b"", {"X-Tumorlens": "1"}, method="POST")
        with urllib.request.urlopen(request, timeout=FOREVER_S) as answer:
            return json.load(answer)

    def stop(self, how: int) -> tuple[int, str]:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=FOREVER_S)
        return self.process.returncode, out + err


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def run(*options: str) -> Server:
        servers.append(Server(tmp_path, *options))
        return servers[-1]

    yield run
    for one in servers:
        one.process.kill()
        one.process.communicate()


def scratches(folder: Path) -> list[Path]:
    return list(folder.glob("tumorlens-serve-*"))


@POSIX
def test_kill_9_loses_no_finished_analysis(start: Callable[..., Server], tmp_path: Path) -> None:
    database = tmp_path / "a.sqlite"
    server = start("--store", str(database), "--queue", "500")
    ids = [server.post("/api/v1/examples/phantom-no-tumor")["analyses"][0]["id"] for _ in range(60)]
    until = time.monotonic() + FOREVER_S
    seen: list[str] = []
    while len(seen) < 5 and time.monotonic() < until:
        found = server.get(f"/api/v1/analyses?ids={','.join(ids)}")["analyses"]
        seen = [one["id"] for one in found if one["status"] == "done"]
    server.process.kill()
    server.process.wait()
    assert len(seen) >= 5
    assert len(scratches(tmp_path)) == 1
    again = start("--store", str(database))
    kept = again.get("/api/v1/analyses?limit=200")["analyses"]
    assert set(seen) <= {one["id"] for one in kept} <= set(ids)
    assert all(one["analysis"]["label"] for one in kept)
    with urllib.request.urlopen(f"{again.address}{kept[0]['links']['overlay']}") as answer:
        assert answer.read(4) == b"\x89PNG"
    check = sqlite3.connect(database)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
    # The temporary files of the killed one were swept at the start.
    assert len(scratches(tmp_path)) == 1


@POSIX
def test_ctrl_c_finishes_what_runs_and_says_what_it_drops(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start("--jobs", "1", "--queue", "500")
    for _ in range(60):
        server.post("/api/v1/examples/phantom-no-tumor")
    code, said = server.stop(signal.SIGINT)
    assert code == 0, said
    assert "waiting are dropped" in said
    assert "Stopped." in said
    assert "Traceback" not in said
    assert scratches(tmp_path) == []


@POSIX
def test_a_service_manager_may_stop_it(start: Callable[..., Server], tmp_path: Path) -> None:
    code, said = start().stop(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM), said
    assert "Traceback" not in said
    assert scratches(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--host", "0.0.0.0"], 2, "--token"),
        (["--host", "0.0.0.0", "--token", "short"], 2, "at least 16"),
        (["--host", "no.such.host.invalid", "--token", "x" * 20], 2, "no address of this machine"),
        (["--store", "."], 1, "cannot be used"),
    ],
)
def test_refusals_are_one_sentence(
    options: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from tumorlens.cli.main import app

    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["serve", "--port", "0", *options])
    assert result.exit_code == code, result.output
    lines = [line for line in result.output.splitlines() if line]
    assert len(lines) == 1 and words in lines[0]


def test_a_taken_port_is_one_sentence() -> None:
    from tumorlens.cli.serve import _listen
    from tumorlens.errors import OutputError

    taken = _listen("127.0.0.1", 0)
    with pytest.raises(OutputError, match="another --port"):
        _listen("127.0.0.1", taken.getsockname()[1])
    taken.close()
