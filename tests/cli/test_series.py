from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tumorlens.cli import report
from tumorlens.cli.batch import Worker
from tumorlens.cli.inputs import parse_shard
from tumorlens.errors import UsageError

UID = "1.2.826.0.1.3680043.8.498.11"
LIES = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.5], "PatientName": "Doe^Secret"}


@pytest.fixture
def series(dicom: Callable[..., Path]) -> Callable[..., list[Path]]:
    def write(folder: str, count: int = 4, number: int = 3, uid: str = UID) -> list[Path]:
        return [
            dicom(
                f"{folder}/IM{index}",
                SeriesInstanceUID=uid,
                SeriesNumber=number,
                InstanceNumber=index,
                ImagePositionPatient=[0, 0, 3 * index],
                **LIES,
            )
            for index in range(count)
        ]

    return write


def stems(folder: Path) -> list[str]:
    return sorted(re.sub("-[0-9a-f]{8}", "-#", str(path.relative_to(folder))) for path in folder.rglob("*.json"))


def test_each_series_of_a_folder_is_one_answer_beside_the_other_files(call, series, save, tmp_path: Path) -> None:
    series("in/patient/DICOM")
    series("in/patient/DICOM", 0)
    series("in/other", 3, 8, UID + ".2")
    save("p.png")
    out = tmp_path / "out"
    result = call("analyze", tmp_path / "in", "--out", out, "--no-gate")
    assert (result.code, result.err) == (0, "")
    assert stems(out) == ["other/series-8-#.json", "p.png.json", "patient/DICOM/series-3-#.json"]
    (path,) = (out / "patient/DICOM").glob("*.json")
    document = json.loads(path.read_text())
    assert document["spacing_mm"] == [0.5, 0.5]
    assert document["source"]["path"] == str(tmp_path / "in/patient/DICOM" / path.stem)
    assert "Secret" not in path.read_text()
    again = call("analyze", tmp_path / "in", "--out", out, "--no-gate")
    assert (again.code, "3 skipped" in again.out) == (0, True)
    series("in/patient/DICOM", 5)
    assert "another content" in call("analyze", tmp_path / "in", "--out", out, "--no-gate").err
    assert call("analyze", tmp_path / "in/patient/DICOM/IM0", "--json").documents[0]["source"]["path"].endswith("IM0")


def test_files_of_a_series_that_cannot_be_read_are_listed_and_the_rest_is_read(call, series, tmp_path: Path) -> None:
    paths = series("in/DICOM", 5)
    paths[2].write_bytes(paths[2].read_bytes()[:-1000])
    result = call("analyze", tmp_path / "in", "--no-gate")
    assert result.code == 0
    assert result.err.startswith(f"Left out: {paths[2]}: This file begins like a DICOM file")
    hidden = call("analyze", tmp_path / "in", "--no-gate", "--anonymous")
    assert "IM2" not in hidden.err + hidden.out
    assert "file 3: " in hidden.err


def test_a_zip_archive_is_its_series(call, series, save, tmp_path: Path) -> None:
    paths = [*series("in/a"), save("p.png"), *series("in/b", 3, 8, UID + ".2")]
    with zipfile.ZipFile(tmp_path / "scans.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.relative_to(tmp_path / "in"))
        archive.writestr("DICOMDIR", b"x")
        archive.writestr("readme.txt", "no scan")
    out = tmp_path / "out"
    assert call("analyze", tmp_path / "scans.zip", "--out", out, "--no-gate").code == 0
    assert stems(out) == ["scans.zip/a/series-3-#.json", "scans.zip/b/series-8-#.json", "scans.zip/p.png.json"]
    (path,) = (out / "scans.zip/a").glob("*.json")
    shown = json.loads(path.read_text())["source"]["path"]
    assert shown == str(tmp_path / "scans.zip/a" / path.stem)
    again = call("analyze", tmp_path / "scans.zip", "--out", out, "--no-gate")
    assert (again.code, "3 skipped" in again.out) == (0, True)


def test_an_archive_that_leads_out_of_itself_or_is_damaged_fails_in_one_sentence(call, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../evil.dcm", b"x")
    result = call("analyze", tmp_path / "bad.zip")
    assert (result.code, "leads out of it" in result.err) == (1, True)
    content = (tmp_path / "bad.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    assert "cut off" in call("analyze", tmp_path / "cut.zip").err


def test_shards_and_limits_take_each_input_once_and_say_so(call, save, tmp_path: Path) -> None:
    for index in range(5):
        save(f"{index}.png", index)
    out = tmp_path / "out"
    first = call("analyze", tmp_path / "in", "--out", out, "--shard", "1/2")
    assert first.err == "Taking 3 of 5 inputs, sorted by name (--shard 1/2).\n"
    assert call("analyze", tmp_path / "in", "--out", out, "--shard", "2/2").code == 0
    assert sorted(path.name for path in out.glob("*.csv")) == ["summary-1-of-2.csv", "summary-2-of-2.csv"]
    assert len(list(out.glob("*.json"))) == 5
    limited = call("analyze", tmp_path / "in", "--json", "--limit", 2)
    assert [Path(one["source"]["path"]).name for one in limited.documents] == ["0.png", "1.png"]
    assert limited.err == "Taking 2 of 5 inputs, sorted by name (--limit 2).\n"
    assert call("analyze", tmp_path / "in", "--shard", "6/7").code == 2


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_shard_is_two_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)


def test_without_a_terminal_progress_is_lines(call, save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LINE_EVERY_S", 0.0)
    for index in range(3):
        save(f"{index}.png", index)
    result = call("analyze", tmp_path / "in", "--json")
    assert result.err.splitlines() == [f"{count} of 3 scans: {count} ok" for count in (1, 2, 3)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_whole_files_and_a_second_call_goes_on(
    call, save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    for index in range(12):
        save(f"{index:02}.png", index)
    out, begun, real = tmp_path / "out", threading.Event(), Worker.__call__

    def slowly(self: Worker, found: object) -> object:
        if begun.is_set():
            time.sleep(0.05)
        outcome = real(self, found)
        if not begun.is_set():
            begun.set()
            os.kill(os.getpid(), number)
        return outcome

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "__call__", slowly)
        result = call("analyze", tmp_path / "in", "--out", out, "--jobs", 1)
    assert (result.code, signal.getsignal(signal.SIGTERM)) == (code, before)
    assert re.search(
        r"Interrupted: \d+ of 12 scans are done, files in .* are whole and the same call goes on", result.err
    )
    done = list(out.rglob("*.json"))
    assert 1 <= len(done) < 12
    assert all(json.loads(path.read_text()) for path in done)
    assert not [path for path in out.rglob("*") if path.is_file() and path.suffix not in (".json", ".png")]
    again = call("analyze", tmp_path / "in", "--out", out)
    assert (again.code, f"{len(done)} skipped" in again.out) == (0, True)
