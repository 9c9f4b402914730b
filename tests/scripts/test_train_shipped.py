"""The script that makes what ships again: it names every recipe, and a dry run does nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tumorlens.inference.shipped import DEFAULT_GATE

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="data absent: there is no bash here")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "train_shipped.sh"


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_a_dry_run_prints_a_step_with_its_recipe_for_every_weight_that_ships(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    found = run("--dry-run", data, out)
    assert found.returncode == 0, found.stderr
    assert not out.exists()
    for folder in sorted((ROOT / "src" / "tumorlens" / "weights").iterdir()):
        if folder.is_dir() and (folder / "manifest.json").is_file():
            name = folder.name
            assert f"tumorlens train {name} --data {data} --out {out}/{name}" in found.stdout
            assert f"src/tumorlens/recipes/{name}.yaml, seed 0" in found.stdout
            assert (ROOT / "src" / "tumorlens" / "recipes" / f"{name}.yaml").is_file()
    assert DEFAULT_GATE in found.stdout


def test_the_pictures_of_the_gate_are_fetched_first(tmp_path: Path) -> None:
    lines = run("--dry-run", tmp_path, "elsewhere").stdout.splitlines()
    fetched = next(at for at, line in enumerate(lines) if "gate_sources.py elsewhere/gate-pictures" in line)
    assert "--set pictures=elsewhere/gate-pictures" in lines[fetched + 1]


def test_installing_copies_the_exports_over_those_in_the_tree(tmp_path: Path) -> None:
    found = run("--dry-run", tmp_path, "--install")
    assert "OUT/gate-small/export/model.onnx" in found.stdout
    assert f"{ROOT}/src/tumorlens/weights/gate-small/" in found.stdout


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--fast", "data"), ("a", "b", "c"), (".",)])
def test_a_wrong_call_says_how_it_is_used(arguments: tuple[str, ...]) -> None:
    found = run(*arguments)
    assert found.returncode == 2
    assert "usage: scripts/train_shipped.sh" in found.stderr


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    found = run("--dry-run", tmp_path / "none")
    assert found.returncode == 2
    assert f"There is no folder {tmp_path / 'none'}" in found.stderr


def test_what_is_done_is_not_done_again_and_what_failed_is_named(tmp_path: Path) -> None:
    data, out, tools = (tmp_path / name for name in ("data", "out", "tools"))
    for folder in (data, out, tools):
        folder.mkdir()
    calls = tmp_path / "calls.txt"
    for name, status in (("python", 0), ("tumorlens", '$([[ "$*" == *classifier-small* ]] && echo 3 || echo 0)')):
        path = tools / name
        path.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> "{calls}"\nexit {status}\n')
        path.chmod(0o755)
    (out / "gate-small.done").touch()
    (out / "reader-lite0" / "checkpoints").mkdir(parents=True)
    (out / "reader-lite0" / "checkpoints" / "last.ckpt").touch()
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    first = run(data, out, PATH=path)
    assert first.returncode == 1
    assert "failed, and tried again by the same command: classifier-small" in first.stderr
    ran = calls.read_text()
    assert "train gate-small" not in ran
    assert f"train reader-lite0 --data {data} --out {out}/reader-lite0 --resume" in ran
    assert (out / "segmenter-small.done").exists()
    assert not (out / "classifier-small.done").exists()
    calls.write_text("")
    run(data, out, PATH=path)
    assert calls.read_text().splitlines() == [
        f"tumorlens train classifier-small --data {data} --out {out}/classifier-small"
    ]
