from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tumorlens.cli.main import app
from tumorlens.inference.ensemble_folder import Part, ensemble_manifest, write_ensemble
from tumorlens.inference.manifest import Manifest, Rule, read_manifest
from tumorlens.inference.shipped import (
    DEFAULT_CLASSIFIER,
    DEFAULT_GATE,
    DEFAULT_READER,
    DEFAULT_SEGMENTER,
    shipped_model,
    weights_folder,
)


class Result:
    """Exit code and output of one call."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @cached_property
    def documents(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("COLUMNS", "300")
    # A traceback inside the command must fail the test, and not become a line.
    monkeypatch.setenv("TUMORLENS_DEBUG", "1")

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="tumorlens")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def head() -> np.ndarray:
    """A made head, uint8 ``[rows, cols]``."""
    from tumorlens.phantoms import demo_phantoms

    return np.rint(demo_phantoms()[1].pixels).clip(0, 255).astype(np.uint8)


@pytest.fixture
def save(tmp_path: Path, head: np.ndarray) -> Callable[..., Path]:
    """Saves the head as a picture of any name below ``in``; ``shift`` makes it another picture."""

    def write(name: str, shift: int = 0, content: bytes | None = None) -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            cv2.imencode(".png", np.roll(head, shift, axis=1))[1].tobytes() if content is None else content
        )
        return path

    return write


@pytest.fixture
def dicom(tmp_path: Path, head: np.ndarray) -> Callable[..., Path]:
    """Saves the head as a DICOM file of that name, with more elements by keyword."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    def write(name: str, **elements: object) -> Path:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3"
        dataset.Rows, dataset.Columns = head.shape
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
        dataset.PhotometricInterpretation, dataset.Modality = "MONOCHROME2", "MR"
        dataset.PixelData = head.tobytes()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture(scope="session")
def answer(head: np.ndarray) -> str:
    """What the classifier that ships says about the head, be it right or wrong."""
    from tumorlens.inference import Analyzer

    return Analyzer(classifier=shipped_model(DEFAULT_CLASSIFIER)).analyze(head).label


@pytest.fixture
def voted(tmp_path: Path) -> Callable[[Path], Manifest]:
    """Writes an ensemble into a folder: the classifier that ships, and the same one less sure, joined by weights."""

    def write(folder: Path) -> Manifest:
        shipped = weights_folder() / DEFAULT_CLASSIFIER
        other = tmp_path / "less-sure"
        other.mkdir()
        (other / "model.onnx").symlink_to((shipped / "model.onnx").resolve())
        changed = read_manifest(shipped).model_copy(update={"temperature": 3.0})
        (other / "manifest.json").write_text(changed.model_dump_json())
        parts = [Part("sure", shipped), Part("less-sure", other)]
        rule = Rule(name="weighted", weights=(0.25, 0.75), fitted_on="validation")
        manifest = ensemble_manifest(parts, rule, changed.training)
        write_ensemble(folder, parts, manifest)
        return manifest

    return write


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> Callable[..., Path]:
    """Puts altered copies of the shipped models in use.

    ``says`` renames the classes so that the head gets that label, ``version`` that of the classifier, and ``tampered``
    changes one byte of its file. ``refuses`` makes a gate that lets nothing in. ``honest`` gives the classifier
    prediction sets that hold every class, and the segmenter an interval of its areas. No reader is among them, so that
    the classifier answers, unless ``reader`` has arguments for a made one.
    """

    source = weights_folder()

    def alter(
        says: str | None = None,
        version: str | None = None,
        tampered: bool = False,
        refuses: bool = False,
        honest: bool = False,
        reader: dict[str, Any] | None = None,
    ) -> Path:
        target = tmp_path / f"weights{len(list(tmp_path.glob('weights*')))}"
        if reader is not None:
            from made_models import write_reader  # needs onnx: such tests carry the mark extra_train

            write_reader(target / DEFAULT_READER, **reader)
        for folder in (path.parent for path in source.glob("*/manifest.json") if path.parent.name != DEFAULT_READER):
            copy = target / folder.name
            copy.mkdir(parents=True)
            manifest = json.loads((folder / "manifest.json").read_text())
            is_classifier = folder.name == DEFAULT_CLASSIFIER
            if is_classifier and says is not None:
                swap = {answer: says, says: answer}
                manifest["classes"] = [swap.get(name, name) for name in manifest["classes"]]
            if is_classifier and version is not None:
                manifest["version"] = version
            if folder.name == DEFAULT_GATE:
                # A hot gate is never sure of anything.
                manifest |= {"temperature": 1e6, "threshold": 0.9 if refuses else 0.1}
            measured = {"images": 100, "data": "made"}
            if is_classifier:
                manifest["conformal"] = {"coverage": 0.95, "threshold": 0.0, **measured} if honest else None
            if folder.name == DEFAULT_SEGMENTER:
                manifest["area_interval"] = {"coverage": 0.9, "low": 0.5, "high": 1.5, **measured} if honest else None
            (copy / "manifest.json").write_text(json.dumps(manifest))
            content = bytearray((folder / "model.onnx").read_bytes()) if is_classifier and tampered else None
            if content is None:
                (copy / "model.onnx").symlink_to((folder / "model.onnx").resolve())
            else:
                content[len(content) // 2] ^= 1
                (copy / "model.onnx").write_bytes(content)
        monkeypatch.setenv("TUMORLENS_WEIGHTS", str(target))
        return target

    return alter
