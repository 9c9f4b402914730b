"""``Manifest``: all that serving needs to know about a model file, and all that a reader needs to judge it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tumorlens.errors import WeightsError
from tumorlens.preprocessing import Preprocessing

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
CARD_FILE = "card.md"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(_Part):
    """One measured figure.

    Attributes:
        name: such as ``"accuracy"`` or ``"dice"``.
        value: the figure.
        low: lower end of its 95 % bootstrap interval.
        high: upper end of its 95 % bootstrap interval.
        images: number of images it was measured on.
        data: which images, in words.
    """

    name: str
    value: float
    low: float
    high: float
    images: int
    data: str


class Training(_Part):
    """Where the weights come from."""

    recipe: str
    collection: str
    split: str
    split_sha256: str
    data_licence: str
    images: int
    phantoms: int
    data_fingerprint: str
    seed: int
    epochs: int
    pretrained: str = "none"
    commit: str | None
    versions: dict[str, str | None]


class Manifest(_Part):
    """Describes one ONNX file; serving reads everything from here.

    The model takes ``image`` float32 ``[batch, channels, rows, cols]`` as ``preprocessing`` makes it. A classifier
    answers ``logits`` ``[batch, classes]`` and, where ``activation`` is ``"cam"``, ``features``
    ``[batch, channels, rows, cols]`` and ``head_weight`` ``[classes, channels]``. A segmenter answers ``logits``
    ``[batch, 1, rows, cols]`` at the input's resolution.

    Attributes:
        schema_version: version of this document.
        name: name of the model.
        version: version of the weights.
        task: what it does.
        preprocessing: steps and parameters that make the input.
        classes: labels in the order of the logits; empty for a segmenter.
        activation: whether class activation maps can be made.
        temperature: logits are divided by this before the softmax or sigmoid (Guo et al., ICML 2017).
        threshold: a pixel above this probability is tumor.
        min_region_fraction: regions smaller than this fraction of the head's box are dropped.
        flip_average: probabilities are averaged over the input and its mirror image.
        parity: largest absolute difference of probabilities between torch and ONNX Runtime, as exported.
        sha256: hex digest of the ONNX file.
    """

    schema_version: Literal["1"] = "1"
    name: str
    version: str
    title: str
    task: Literal["classification", "segmentation"]
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()
    activation: Literal["cam", "none"] = "none"
    temperature: float = Field(default=1.0, gt=0)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    min_region_fraction: float = Field(default=0.0, ge=0, lt=1)
    flip_average: bool = False
    parity: float = Field(ge=0)
    training: Training
    metrics: tuple[Metric, ...] = ()
    limits: tuple[str, ...] = ()
    licence: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        if (self.task == "classification") != bool(self.classes):
            raise ValueError("a classifier names its classes and a segmenter names none")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes must differ from each other")
        return self

    @property
    def id(self) -> str:
        """Name, version and the first 12 digits of the checksum: changes whenever the weights do."""
        return f"{self.name}-{self.version}@{self.sha256[:12]}"


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json`` of a model folder.

    Raises:
        WeightsError: it is missing or not a valid manifest.
    """
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError(
            f"There is no readable {MANIFEST_FILE} in {folder}: pass a folder made by tumorlens."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "document"
        raise WeightsError(f"The manifest {path} is not valid: {field}: {first['msg']}.") from error


def verified_model(folder: Path, manifest: Manifest) -> bytes:
    """Bytes of the ONNX file, after its checksum was compared with the manifest's.

    Raises:
        WeightsError: the file is missing, or is not the one that the manifest describes.
    """
    path = folder / MODEL_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The model file {path} cannot be read: install tumorlens again.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise WeightsError(
            f"The model file {path} has sha256 {found[:12]}…, and its manifest says {manifest.sha256[:12]}…: it was "
            "altered or damaged, so it is not used; install tumorlens again."
        )
    return content
