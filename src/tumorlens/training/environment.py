"""What a run must remember to be repeated: versions, machine, code, data."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from tumorlens._version import __version__

PACKAGES = (
    "torch",
    "lightning",
    "timm",
    "monai",
    "numpy",
    "opencv-python-headless",
    "onnx",
    "onnxruntime",
    "scikit-learn",
)


def describe_environment() -> dict[str, Any]:
    """Versions, platform, processor count and the commit of the source tree where there is one."""
    return {
        "tumorlens": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def fingerprint(paths: list[Path]) -> str:
    """Sha256 over the bytes of all files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
