"""``Manifest``: all that serving needs to know about a model file, and all that a reader needs to judge it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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


class Conformal(_Part):
    """Prediction sets with a stated coverage (Sadinle, Lei and Wasserman, 2019: least ambiguous sets).

    Attributes:
        coverage: share of images whose set is to hold the true class.
        threshold: a class belongs to the set where its probability is at least this; the likeliest one always does.
        images: images that the threshold was fitted on.
        data: which images, in words.
    """

    coverage: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    images: int = Field(ge=1)
    data: str


class AreaInterval(_Part):
    """How far a measured area may be from the true one: true / measured lies within ``low ** u`` and ``high ** u``.

    ``u`` says how blurred the edge of the probability map is: the logarithm of the area above ``spread[0]`` over the
    area above ``spread[1]``. Where ``spread`` is ``None``, ``u`` is 1.

    Attributes:
        coverage: share of images for which it does.
        low: below 1, of the lower end.
        high: above 1, of the upper end.
        spread: two probabilities, the lower one first, or ``None``.
        images: images that ``low`` and ``high`` were fitted on.
        data: which images, in words.
    """

    coverage: float = Field(gt=0, lt=1)
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    spread: tuple[float, float] | None = None
    images: int = Field(ge=1)
    data: str


class KnownLook(_Part):
    """How a reader did on scans of one look, all of sources that taught nothing to the network that was measured.

    Attributes:
        sequence: ``t1``, ``t1c`` (with contrast), ``t2`` or ``flair``; ``None`` for all together.
        stripped: whether the skull was taken off; ``None`` for both together.
        with_tumor: slices with a tumor, and ``without_tumor`` without, that it was measured on.
        without_tumor: see ``with_tumor``.
        sensitivity: share of slices with a tumor in which one was found, with its 95 % interval by person; ``None``
            where there were none.
        sensitivity_interval: see ``sensitivity``.
        specificity: share of slices without a tumor in which none was found, likewise.
        specificity_interval: see ``specificity``.
        sources: collections that the slices came from.
    """

    sequence: Literal["t1", "t1c", "t2", "flair"] | None = None
    stripped: bool | None = None
    with_tumor: int = Field(ge=0)
    without_tumor: int = Field(ge=0)
    sensitivity: float | None = Field(default=None, ge=0, le=1)
    sensitivity_interval: tuple[float, float] | None = None
    specificity: float | None = Field(default=None, ge=0, le=1)
    specificity_interval: tuple[float, float] | None = None
    sources: tuple[str, ...] = ()


class VolumeRules(_Part):
    """How the slices of a volume become its answer; fitted on stacks of slices, as the slices' own rules are on slices.

    Attributes:
        scale: the probability of a tumor is the logistic function of ``scale * logit + bias``, the logit being the
            strongest running median over the slices.
        bias: see ``scale``.
        threshold: a probability from this on is called a tumor.
        doubt: between these probabilities both a tumor and none remain possible.
        factors: the true volume lies between these multiples of the measured one, in ``factors_coverage`` of volumes;
            ``None`` where nobody measured it.
        factors_coverage: see ``factors``.
        fitted_on: which stacks chose all this, in words.
    """

    scale: float = Field(default=1.0, gt=0)
    bias: float = 0.0
    threshold: float = Field(default=0.5, gt=0, lt=1)
    doubt: tuple[float, float] = (0.5, 0.5)
    factors: tuple[float, float] | None = None
    factors_coverage: float = Field(default=0.9, gt=0, lt=1)
    fitted_on: str = ""

    @model_validator(mode="after")
    def _check(self) -> VolumeRules:
        low, high = self.doubt
        if not 0 <= low <= high <= 1:
            raise ValueError(f"doubt {self.doubt} must rise within 0 to 1")
        if self.factors is not None and not 0 < self.factors[0] <= 1 <= self.factors[1]:
            raise ValueError(f"factors {self.factors} must lie on both sides of 1, and above 0")
        return self


class ReadingRules(_Part):
    """How a reader's outputs become an answer.

    Attributes:
        kinds: kinds of tumor in the order of ``kind_logits``.
        tumor_scale: the probability of a tumor is the logistic function of ``tumor_scale * logit + tumor_bias`` (Platt,
            1999).
        tumor_bias: see ``tumor_scale``.
        tumor_threshold: a probability of a tumor from this on is called one.
        doubt: between these probabilities both a tumor and none remain possible.
        coverage: share of slices for which ``doubt`` and ``kind_threshold`` were chosen to keep the truth possible.
        kind_temperature: kind logits are divided by this before the softmax (Guo et al., ICML 2017).
        kind_threshold: kinds with at least this probability, given a tumor, remain possible.
        mask_threshold: a pixel above this probability is tumor.
        unlike_threshold: a slice whose ``unlike`` is above this is unlike those that the reader knows.
        views: views of a slice whose answers are averaged.
        turns_when_doubtful: whether quarter turns are asked too, in all views, where the probability of a tumor lies
            within ``turned``.
        turned: see ``turns_when_doubtful``; ``doubt`` for ``None``.
        segmented: sequences that a slice may look like whose outline is made with the segmenter that ships: the mean of
            both probabilities, above ``mask_threshold``; the others are outlined by the reader alone.
        outlined_only: whether a tumor is called only where one is outlined: it must be pointed at. The probability of
            one that is not is held at the middle of ``doubt``, so that it remains possible.
        fitted_on: which slices chose all this, in words.
        known: how it did on scans of each look.
        volume: how the slices of a volume become its answer; ``None``: by the rules for slices.
    """

    kinds: tuple[str, ...] = Field(min_length=1)
    tumor_scale: float = Field(default=1.0, gt=0)
    tumor_bias: float = 0.0
    tumor_threshold: float = Field(default=0.5, gt=0, lt=1)
    doubt: tuple[float, float] = (0.5, 0.5)
    coverage: float = Field(default=0.95, gt=0, lt=1)
    kind_temperature: float = Field(default=1.0, gt=0)
    kind_threshold: float = Field(default=0.05, ge=0, le=1)
    mask_threshold: float = Field(default=0.5, gt=0, lt=1)
    unlike_threshold: float | None = None
    views: tuple[Literal["identity", "mirror"], ...] = ("identity",)
    turns_when_doubtful: bool = False
    turned: tuple[float, float] | None = None
    segmented: tuple[Literal["t1", "t1c", "t2", "flair"], ...] = ()
    outlined_only: bool = False
    fitted_on: str = ""
    known: tuple[KnownLook, ...] = ()
    volume: VolumeRules | None = None

    @model_validator(mode="after")
    def _check(self) -> ReadingRules:
        low, high = self.doubt
        if not 0 <= low <= high <= 1:
            raise ValueError(f"doubt {self.doubt} must rise within 0 to 1")
        if not self.views:
            raise ValueError("views name at least one")
        return self

    @property
    def undecided(self) -> float:
        """The probability of a tumor at which one that nothing outlines is held: the middle of ``doubt``."""
        return sum(self.doubt) / 2

    @property
    def for_volumes(self) -> ReadingRules:
        """The rules as they stand for a volume."""
        volume = self.volume
        if volume is None:
            return self
        changed = {
            "tumor_scale": volume.scale,
            "tumor_bias": volume.bias,
            "tumor_threshold": volume.threshold,
            "doubt": volume.doubt,
        }
        return self.model_copy(update=changed)

    def look(self, sequence: str | None, stripped: bool | None) -> KnownLook | None:
        """The figures of the closest look: of this sequence and stripping, of this sequence, or of all.

        One whose sensitivity was measured goes before a closer one whose was not.
        """
        wanted = ((sequence, stripped), (sequence, None), (None, None))
        close = [one for look in wanted for one in self.known if (one.sequence, one.stripped) == look]
        measured = [one for one in close if one.sensitivity is not None]
        return next(iter(measured or close), None)


class Member(_Part):
    """One model of an ensemble, a whole model folder of its own.

    Attributes:
        name: name of the run or model it came from.
        folder: where it lies below the ensemble, such as ``"members/0-resnet50"``.
        sha256: hex digest of its ONNX file.
        manifest_sha256: hex digest of its manifest, and so of its preprocessing, temperature and classes.
        activation: whether it can give class activation maps.
    """

    name: str
    folder: str = Field(pattern=r"^members/[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    manifest_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    activation: Literal["cam", "none"] = "none"


class Rule(_Part):
    """How the answers of members become one; see ``tumorlens.inference.ensemble`` and ``docs/ensembles.md``.

    Attributes:
        name: ``"majority"`` of labels, ``"mean"`` or ``"weighted"`` mean of probabilities, or ``"stacking"`` by a
            network over all of them.
        weights: of each member, adding up to 1; empty unless weighted.
        tie: what decides where a majority is shared.
        fitted_on: images that weights or network were fitted on, all of which no member was trained on:
            ``"out-of-fold"`` where the figure of the fit itself is of folds that were left out of it, ``"none"`` where
            nothing was fitted.
        leaking: whether test images took part in the fit, so that figures on them flatter.
        sha256: hex digest of the network's ``model.onnx``; ``None`` unless stacking.
    """

    name: Literal["majority", "mean", "weighted", "stacking"]
    weights: tuple[float, ...] = ()
    tie: Literal["highest_mean_probability"] | None = None
    fitted_on: Literal["none", "out-of-fold", "validation", "test"] = "none"
    leaking: bool = False
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _check(self) -> Rule:
        if bool(self.weights) != (self.name == "weighted"):
            raise ValueError("a weighted rule has weights, and no other has")
        if self.weights and (min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-6):
            raise ValueError("weights must be at least 0 and add up to 1")
        if (self.tie is not None) != (self.name == "majority"):
            raise ValueError("a majority rule says what decides a tie, and no other does")
        if (self.sha256 is not None) != (self.name == "stacking"):
            raise ValueError("a stacking rule names the digest of its network, and no other does")
        if self.fitted_on == "test" and not self.leaking:
            raise ValueError("a rule that was fitted on test images leaks")
        return self


class Manifest(_Part):
    """Describes one ONNX file, or an ensemble of several; serving reads everything from here.

    The model takes ``image`` float32 ``[batch, channels, rows, cols]`` as ``preprocessing`` makes it. A classifier
    answers ``logits`` ``[batch, classes]`` and, where ``activation`` is ``"cam"``, ``features``
    ``[batch, channels, rows, cols]`` and ``head_weight`` ``[classes, channels]``. A segmenter answers ``logits``
    ``[batch, 1, rows, cols]`` at the input's resolution. A gate answers ``logits`` ``[batch, 1]``, high where the
    input looks like a slice of a brain MRI. A reader answers ``tumor_logit`` ``[batch]``, ``kind_logits``
    ``[batch, kinds]``, ``mask_logits`` ``[batch, 1, rows / s, cols / s]`` at some stride s, ``sequence_logits``
    ``[batch, 4]`` (T1, T1 with contrast, T2, FLAIR), ``stripped_logit`` and ``unlike`` ``[batch]``.

    An ensemble is a classifier with ``members`` and the ``rule`` that joins them. Each member prepares its own input,
    and ``preprocessing`` repeats that of the first. Only stacking has a ``model.onnx``, which takes ``probabilities``
    ``[batch, members * classes]`` and answers ``logits`` ``[batch, classes]``.

    Attributes:
        schema_version: version of this document.
        name: name of the model.
        version: version of the weights.
        task: what it does.
        preprocessing: steps and parameters that make the input.
        classes: labels in the order of the logits; empty for a segmenter.
        activation: whether class activation maps can be made.
        temperature: logits are divided by this before the softmax or sigmoid (Guo et al., ICML 2017).
        threshold: a pixel above this probability is tumor; for a gate, an input above it is let through.
        least_values: a gate refuses a picture of fewer distinct values, or of flat patches alone, without asking its
            network: a mask or label map; ``None`` asks always.
        min_region_fraction: regions smaller than this fraction of the head's box are dropped.
        flip_average: probabilities are averaged over the input and its mirror image.
        conformal: how prediction sets are made; ``None`` where none can be.
        area_interval: how far areas may be off; ``None`` where nobody measured it.
        reading: how a reader's outputs become an answer; of readers alone.
        parity: largest absolute difference of probabilities between torch and ONNX Runtime, as exported.
        sha256: hex digest of the ONNX file; of an ensemble :func:`ensemble_sha256`.
        members: the models of an ensemble.
        rule: how they are joined; ``None`` for a single model.
    """

    schema_version: Literal["1"] = "1"
    name: str
    version: str
    title: str
    task: Literal["classification", "segmentation", "gate", "reading"]
    preprocessing: Preprocessing
    classes: tuple[str, ...] = ()
    activation: Literal["cam", "none"] = "none"
    temperature: float = Field(default=1.0, gt=0)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    least_values: int | None = Field(default=None, ge=2)
    min_region_fraction: float = Field(default=0.0, ge=0, lt=1)
    flip_average: bool = False
    conformal: Conformal | None = None
    area_interval: AreaInterval | None = None
    reading: ReadingRules | None = None
    parity: float = Field(ge=0)
    training: Training
    metrics: tuple[Metric, ...] = ()
    limits: tuple[str, ...] = ()
    licence: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    members: tuple[Member, ...] = ()
    rule: Rule | None = None

    @model_validator(mode="after")
    def _check_members(self) -> Manifest:
        if (self.rule is None) != (not self.members):
            raise ValueError("an ensemble has members and a rule that joins them")
        if self.rule is None:
            return self
        if self.task != "classification" or len(self.members) < 2:
            raise ValueError("an ensemble joins two or more classifiers")
        if len({one.folder for one in self.members}) != len(self.members):
            raise ValueError("members must lie in folders of their own")
        if self.rule.weights and len(self.rule.weights) != len(self.members):
            raise ValueError(f"{len(self.rule.weights)} weights do not fit {len(self.members)} members")
        if self.temperature != 1 and self.rule.name != "stacking":
            raise ValueError("an ensemble has a temperature only where a network joins its members")
        return self

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        if (self.task == "classification") != bool(self.classes):
            raise ValueError("a classifier names its classes, and no other model does")
        if (self.task == "reading") != (self.reading is not None):
            raise ValueError("a reader says how it reads, and no other model does")
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


def ensemble_sha256(members: Sequence[Member], rule: Rule) -> str:
    """Hex digest over the digests of all members and the rule: changes whenever an answer may."""
    digest = hashlib.sha256(rule.model_dump_json().encode())
    for one in members:
        digest.update(f"\n{one.name} {one.sha256} {one.manifest_sha256}".encode())
    return digest.hexdigest()


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
