"""Prove that every runtime dependency, resolved transitively, has wheels on every platform and Python promised.

    python scripts/check_wheels.py

For each target the dependencies are resolved with ``pip install --dry-run --report`` and ``--only-binary=:all:``. pip
evaluates environment markers for the interpreter it runs in, so each step resolves one layer with ``--no-deps`` and the
markers of the next are evaluated here for the target. Needs the network; nothing is installed. Exit status 1 on a gap.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYTHONS = ("3.11", "3.12", "3.13")
MANYLINUX = (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)), "manylinux2014_x86_64")
PLATFORMS = {
    "Linux x86-64": (MANYLINUX, {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}),
    "Windows amd64": (("win_amd64",), {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}),
    "macOS arm64": (
        ("macosx_14_0_arm64",),
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    ),
}
MACHINES = {"Linux x86-64": "x86_64", "Windows amd64": "AMD64", "macOS arm64": "arm64"}


@dataclass
class Target:
    """One platform with one Python, and what its resolution found."""

    platform: str
    python: str
    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **PLATFORMS[self.platform][1],
            "platform_machine": MACHINES[self.platform],
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }

    def applies(self, requirement: Requirement, extras: set[str]) -> bool:
        if requirement.marker is None:
            return True
        return any(requirement.marker.evaluate({**self.environment, "extra": extra}) for extra in (extras or {""}))

    def resolve(self, declared: list[str]) -> None:
        """Fill ``found`` (name to version and wheel) and ``gaps`` (name to pip's complaint)."""
        wanted: dict[str, Requirement] = {}
        queue = [(Requirement(one), set[str]()) for one in declared]
        while queue:
            changed: set[str] = set()
            for requirement, extras in queue:
                if self.applies(requirement, extras) and _merge(wanted, requirement):
                    changed.add(canonicalize_name(requirement.name))
            queue = []
            for entry in self._wheels([wanted[name] for name in sorted(changed)]):
                metadata = entry["metadata"]
                name = canonicalize_name(metadata["name"])
                self.found[name] = (metadata["version"], entry["download_info"]["url"].rsplit("/", 1)[-1])
                extras = set(wanted[name].extras)
                queue += [(Requirement(one), extras) for one in metadata.get("requires_dist", [])]

    def _wheels(self, requirements: list[Requirement]) -> list[dict]:
        if not requirements:
            return []
        done, complaint = self._pip(requirements)
        if done is not None:
            return done
        if len(requirements) > 1:
            return [entry for one in requirements for entry in self._wheels([one])]
        self.gaps[canonicalize_name(requirements[0].name)] = complaint
        return []

    def _pip(self, requirements: list[Requirement]) -> tuple[list[dict] | None, str]:
        tags = [flag for tag in PLATFORMS[self.platform][0] for flag in ("--platform", tag)]
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--dry-run"]
            command += ["--ignore-installed", "--no-deps", "--only-binary=:all:", "--target", folder, *tags]
            command += ["--implementation", "cp", "--python-version", self.python, "--report", str(report)]
            answer = subprocess.run([*command, *map(_plain, requirements)], capture_output=True, text=True, check=False)
            if answer.returncode:
                return None, (answer.stderr.strip().splitlines() or ["pip failed"])[-1]
            return json.loads(report.read_text())["install"], ""


def _merge(wanted: dict[str, Requirement], requirement: Requirement) -> bool:
    """Add a requirement to those known; whether that asks for anything new."""
    name = canonicalize_name(requirement.name)
    known = wanted.get(name)
    if known is None:
        wanted[name] = Requirement(_plain(requirement))
        return True
    specifier = known.specifier & requirement.specifier
    extras = known.extras | requirement.extras
    if specifier == known.specifier and extras == known.extras:
        return False
    known.specifier, known.extras = SpecifierSet(str(specifier)), extras
    return True


def _plain(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _print_table(targets: list[Target]) -> None:
    names = sorted({name for target in targets for name in (*target.found, *target.gaps)})
    heads = [f"{target.platform.split()[0]} {target.python}" for target in targets]
    first = max(map(len, names))
    print(" " * first, *(f"{head:>13}" for head in heads))
    for name in names:
        cells = [
            "NO WHEEL" if name in target.gaps else target.found.get(name, ("not needed", ""))[0] for target in targets
        ]
        print(f"{name:{first}}", *(f"{cell:>13}" for cell in cells))
    print("wheels".ljust(first), *(f"{len(target.found):>13}" for target in targets))


def main() -> int:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = [Target(platform, python) for platform in PLATFORMS for python in PYTHONS]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda target: target.resolve(project["dependencies"]), targets))
    _print_table(targets)
    gaps = [(target, name, why) for target in targets for name, why in target.gaps.items()]
    for target, name, why in gaps:
        print(f"no wheel of {name} for {target.platform}, Python {target.python}: {why}")
    if not gaps:
        print(f"every runtime dependency has a wheel on all {len(targets)} targets")
    return 1 if gaps else 0


if __name__ == "__main__":
    raise SystemExit(main())
