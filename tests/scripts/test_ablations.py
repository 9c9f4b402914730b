"""The scripts that leave parts of the reader's training out: what they ask for, and the table of what came of it."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.extra_train,
    pytest.mark.skipif(shutil.which("bash") is None, reason="data absent: there is no bash here"),
]
ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def ablations(folder: Path, *arguments: object, fails: str = "") -> tuple[int, list[str]]:
    """Exit status and the commands that the script gave, with a ``tumorlens`` that only writes them down."""
    made, said = folder / "bin" / "tumorlens", folder / "said"
    made.parent.mkdir(exist_ok=True)
    made.write_text(
        f'#!/bin/sh\necho "$*" >> "{said}"\n' + (f'case "$*" in *{fails}*) exit 1;; esac\n' if fails else "")
    )
    made.chmod(0o755)
    path = f"{made.parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(SCRIPTS / "ablations.sh"), *map(str, arguments)]
    found = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, check=False, timeout=60)
    return found.returncode, said.read_text().splitlines() if said.exists() else []


def test_every_training_differs_in_one_thing_and_leaves_the_same_out(tmp_path: Path) -> None:
    status, said = ablations(tmp_path, "DATA", tmp_path / "out")
    assert status == 0
    assert len(said) == 12 and sum("seed=1" in line for line in said) == 6
    whole = said[0]
    for name, part in {
        "no-implants": "synthesis.implant.probability=0",
        "no-contrast-curves": "synthesis.contrast.probability=0",
        "no-imagenet": "model.pretrained=none",
        "resnet10t-from-scratch": "model.parameters.encoder=resnet10t",
        "no-brats": "+brats+more:BraTS*",
    }.items():
        (line,) = [one for one in said[:6] if f"/{name}-0" in one]
        assert part in line and part not in whole
        assert "brats:*/BraTS2021_0147*" in line


def test_a_training_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    status, said = ablations(tmp_path, "DATA", tmp_path / "out", 3, fails="no-implants")
    assert (status, len(said)) == (1, 6)
    assert all("seed=3" in line for line in said)


def test_without_its_folders_it_says_how_it_is_called(tmp_path: Path) -> None:
    assert ablations(tmp_path, "DATA") == (2, [])


def test_the_table_is_of_the_slices_that_all_answered(tmp_path: Path) -> None:
    from tumorlens.evaluation.detection import Detection, write_detections

    def row(number: int, probability: float) -> Detection:
        tumor = number % 2 == 0
        kind = "glioma" if tumor else "no_tumor"
        label = "glioma" if probability >= 0.5 else "no_tumor"
        return Detection(
            str(number), "brats", "BraTS 2021", "flair", 1, f"p{number // 4}", tumor, kind, 40 if tumor else 0, 40.0,
            0.0, probability, label, True, 1.0, False, 0.5, label, 1.0, 50.0,
        )  # fmt: skip

    for name, count in (("whole-0", 40), ("worse-0", 60)):
        folder = tmp_path / name / "held"
        folder.mkdir(parents=True)
        worse = name == "worse-0"
        rows = [row(one, 0.9 if (one % 2 == 0) != (worse and one % 3 == 0) else 0.1) for one in range(count)]
        write_detections(folder / "left-out.csv", rows)
    command = [sys.executable, str(SCRIPTS / "ablations_table.py"), str(tmp_path), "--csv", str(tmp_path / "a.csv")]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.startswith("40 slices, 20 with a tumor")
    with (tmp_path / "a.csv").open() as file:
        table = {(one["training"], one["look"]): one for one in csv.DictReader(file)}
    assert {one["slices"] for one in table.values()} == {"40"}
    assert float(table["whole-0", "all"]["auroc"]) == 1.0 > float(table["worse-0", "BraTS 2021"]["auroc"])


def test_an_empty_folder_is_no_table(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "ablations_table.py"), str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 2 and "run scripts/ablations.sh first" in found.stderr
