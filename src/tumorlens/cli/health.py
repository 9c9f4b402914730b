"""Checks of this machine: what ``tumorlens doctor`` looks at before any file."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tumorlens.inference import Manifest

Verdict = Literal["ok", "warning", "unfit", "info"]

MIN_PYTHON = (3, 11)
MIN_MEMORY_BYTES = 2**30
SHOWN_METRICS = 3
PROVIDER = "CPUExecutionProvider"
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "pydicom", "nibabel", "h5py", "pydantic")
DECODERS = {"gdcm": "python-gdcm", "jpeg_ls": "pyjpegls", "openjpeg": "pylibjpeg-openjpeg"}
SYNTAXES = {
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless SV1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what.
        verdict: ``"unfit"`` makes the command fail; ``"info"`` is a fact that is neither good nor bad.
        detail: what was found, and the way out if it is unfit.
    """

    name: str
    verdict: Verdict
    detail: str

    def to_dict(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)


def machine_checks() -> Iterator[Check]:
    """Python, memory, packages, decoders, ONNX Runtime and the models that ship, one after the other."""
    fit = sys.version_info >= MIN_PYTHON
    needed = "" if fit else f"; tumorlens needs {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer"
    yield Check(
        "python", _verdict(fit), f"{platform.python_version()} on {platform.system()} {platform.machine()}{needed}"
    )
    yield _processors()
    yield _memory()
    yield from _packages()
    yield from _decoders()
    yield _runtime()
    yield from _models()


def _verdict(fit: bool) -> Verdict:
    return "ok" if fit else "unfit"


def _processors() -> Check:
    from tumorlens.cli.batch import processors

    return Check("processors", "info", str(processors()))


def _memory() -> Check:
    total = total_memory()
    if total is None:
        return Check("memory", "warning", "this system does not tell how much there is; 1 GiB is needed")
    fit = total >= MIN_MEMORY_BYTES
    return Check("memory", _verdict(fit), f"{total / 2**30:.1f} GiB" + ("" if fit else "; 1 GiB is needed"))


def total_memory() -> int | None:
    """Bytes of main memory that this process may use, or ``None`` where the system does not tell."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _windows_memory()
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(limit) as file:  # noqa: PTH123 - a kernel interface
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            continue
    return total


def _windows_memory() -> int | None:
    import ctypes

    dll = getattr(ctypes, "windll", None)
    if dll is None:
        return None
    kilobytes = ctypes.c_ulonglong(0)
    found = dll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
    return kilobytes.value * 1024 if found else None


def _packages() -> Iterator[Check]:
    for package in PACKAGES:
        try:
            yield Check(package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Check(package, "unfit", "not installed: run pip install tumorlens")


def _decoders() -> Iterator[Check]:
    for module, package in DECODERS.items():
        try:
            importlib.import_module(module)
            yield Check(package, "ok", importlib.metadata.version(package))
        except ImportError:
            yield Check(package, "unfit", f"not installed: run pip install {package}")
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    lacking = [name for uid, name in SYNTAXES.items() if not get_decoder(UID(uid)).is_available]
    detail = f"{len(SYNTAXES) - len(lacking)} of {len(SYNTAXES)} compressions can be decoded"
    if lacking:
        detail += f"; not {', '.join(lacking)}: run pip install {' '.join(DECODERS.values())}"
    yield Check("compressed DICOM", _verdict(not lacking), detail)


def _runtime() -> Check:
    try:
        import onnxruntime
    except ImportError:
        return Check("onnxruntime", "unfit", "not installed: run pip install onnxruntime")
    providers = onnxruntime.get_available_providers()
    detail = f"{onnxruntime.__version__}, providers: {', '.join(providers)} ({PROVIDER} is used)"
    return Check("onnxruntime", _verdict(PROVIDER in providers), detail)


def _models() -> Iterator[Check]:
    from tumorlens.cli._ensembles import members_in_words, rule_in_words
    from tumorlens.errors import WeightsError
    from tumorlens.inference.shipped import REQUIRED, shipped_model, shipped_models

    names = set(REQUIRED) | {path.name for path in shipped_models()}
    for name in sorted(names):
        try:
            manifest = _loaded(shipped_model(name))
            figures = ", ".join(f"{one.name} {one.value:.3f}" for one in manifest.metrics[:SHOWN_METRICS])
            detail = f"{manifest.task}, version {manifest.version}, sha256 {manifest.sha256} verified"
            if manifest.rule is not None:
                joined = ", ".join(members_in_words(manifest))
                detail += f"; ensemble of {len(manifest.members)} ({joined}) by {rule_in_words(manifest.rule)}"
            yield Check(f"model {name}", "ok", detail + (f"; {figures}" if figures else ""))
        except WeightsError as error:
            yield Check(f"model {name}", "unfit", str(error))


def _loaded(folder: Path) -> Manifest:
    """Manifest of a model or an ensemble that was verified and loaded as a whole."""
    from tumorlens.inference import read_manifest
    from tumorlens.inference.ensemble import open_ensemble
    from tumorlens.inference.session import ModelSession

    if read_manifest(folder).rule is not None:
        return open_ensemble(folder, threads=1).manifest
    return ModelSession(folder, threads=1).manifest
