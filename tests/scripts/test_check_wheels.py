"""The resolution of scripts/check_wheels.py over a made index, without pip or network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_wheels.py"

INDEX = {
    "imaging": ["arrays>=1", "coloring; sys_platform == 'win32'", "backport; python_version < '3.12'"],
    "arrays": [],
    "coloring": [],
    "backport": [],
    "models": ["arrays[fast]<2", "trainer; extra == 'train'"],
    "speedup": [],
}
EXTRAS = {"arrays": ["speedup; extra == 'fast'"]}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_wheels", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_wheels"] = module
    spec.loader.exec_module(module)
    return module


def resolved(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, platform: str, python: str, declared: list[str]
) -> Any:
    def pip(_: Any, requirements: list[Requirement]) -> tuple[list[dict[str, Any]] | None, str]:
        missing = [one.name for one in requirements if one.name not in INDEX]
        if missing:
            return None, f"No matching distribution found for {missing[0]}"
        entries = [
            {
                "metadata": {
                    "name": one.name,
                    "version": "1.0",
                    "requires_dist": INDEX[one.name] + EXTRAS.get(one.name, []),
                },
                "download_info": {"url": f"https://index.example/{one.name}-1.0-py3-none-any.whl"},
            }
            for one in requirements
        ]
        return entries, ""

    monkeypatch.setattr(script.Target, "_pip", pip)
    target = script.Target(platform, python)
    target.resolve(declared)
    return target


def test_markers_are_those_of_the_target(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        (platform, python): set(resolved(script, monkeypatch, platform, python, ["imaging"]).found)
        for platform in ("Linux x86-64", "Windows amd64")
        for python in ("3.11", "3.12")
    }
    assert found == {
        ("Linux x86-64", "3.11"): {"imaging", "arrays", "backport"},
        ("Linux x86-64", "3.12"): {"imaging", "arrays"},
        ("Windows amd64", "3.11"): {"imaging", "arrays", "backport", "coloring"},
        ("Windows amd64", "3.12"): {"imaging", "arrays", "coloring"},
    }


def test_extras_that_come_late_are_followed(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    target = resolved(script, monkeypatch, "macOS arm64", "3.13", ["imaging", "models"])
    assert set(target.found) == {"imaging", "arrays", "models", "speedup"}
    assert not target.gaps


def test_a_gap_is_named_and_the_rest_is_still_resolved(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    target = resolved(script, monkeypatch, "Linux x86-64", "3.12", ["imaging", "source-only>=2"])
    assert set(target.found) == {"imaging", "arrays"}
    assert target.gaps == {"source-only": "No matching distribution found for source-only"}


@pytest.mark.parametrize(("gaps", "status"), [({}, 0), ({"arrays": "No matching distribution"}, 1)])
def test_exit_status_tells_of_gaps(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gaps: dict[str, str],
    status: int,
) -> None:
    def resolve(target: Any, declared: list[str]) -> None:
        assert any(one.startswith("onnxruntime") for one in declared)
        target.found["imaging"] = ("1.0", "imaging-1.0-py3-none-any.whl")
        target.gaps.update(gaps)

    monkeypatch.setattr(script.Target, "resolve", resolve)
    assert script.main() == status
    printed = capsys.readouterr().out
    assert ("NO WHEEL" in printed) == bool(gaps)
    assert "macOS 3.13" in printed
