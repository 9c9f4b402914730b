"""The JSON document of an analysis, versioned; the web API returns the same."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from tumorlens.inference.areas import is_unsure
from tumorlens.measurement.measures import document_fields
from tumorlens.scan import SpacingSource

SCHEMA_VERSION = "4.0"
DECIMALS = 6


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceDocument(_Part):
    """The file that was read."""

    path: str | None = Field(description="Path as given, a digest of it where paths are hidden, null for an array.")
    sha256: str = Field(description="Digest of the file's bytes, or of the array's.")
    format: str
    modality: str = Field(description="DICOM modality code, or 'unknown'.")


class SliceDocument(_Part):
    """Which slice of a volume was analyzed."""

    index: int = Field(ge=0, description="Number of the slice, the first being 0.")
    count: int = Field(ge=1, description="Number of slices.")


def region_fields() -> Any:
    """The base of :class:`RegionDocument`, made of the table of measurements."""
    made: dict[str, Any] = {
        name: (of_type, Field(default, description=text))
        for name, (of_type, default, text) in document_fields().items()
    }
    return create_model("RegionFields", __base__=_Part, **made)


_RegionFields: Any = region_fields()


class RegionDocument(_RegionFields):  # type: ignore[misc]
    """One connected region of the mask; each ``_mm`` value is null where the spacing is unknown."""

    centroid: tuple[float, float] = Field(description="Mean (row, column) of the pixel centers.")
    bbox: tuple[int, int, int, int] = Field(description="Half-open [row0, col0, row1, col1].")


class MaskDocument(_Part):
    """The tumor's pixels as run lengths."""

    encoding: Literal["rle-row-major"] = Field(
        description="Lengths of alternating runs of background and tumor along rows, the first of background."
    )
    shape: tuple[int, int] = Field(description="Rows and columns.")
    counts: list[int]


class AreaBoundsDocument(_Part):
    """Interval of one area."""

    px: tuple[float, float] = Field(description="Lower and upper end in pixels.")
    mm2: tuple[float, float] | None = Field(description="Lower and upper end; null where the spacing is unknown.")


class AreaIntervalDocument(AreaBoundsDocument):
    """Interval of the area of all regions, and of each."""

    coverage: float = Field(gt=0, lt=1, description="Share of images whose true area lies in such an interval.")
    unsure: bool = Field(description="Whether the interval is so wide that the outline itself is unsure.")
    regions: list[AreaBoundsDocument] = Field(description="Of each region, in the order of regions.")


class ModelDocument(_Part):
    """A model that took part."""

    id: str
    task: Literal["classification", "segmentation", "gate", "reading"]
    sha256: str


class LooksLikeDocument(_Part):
    """What the slice looks like to the network."""

    sequence: Literal["t1", "t1c", "t2", "flair"]
    stripped: bool = Field(description="Whether it looks skull-stripped.")


class UnlikeDocument(_Part):
    """How far the slice lies from those that the model knows."""

    score: float
    threshold: float | None = Field(description="A score above it is flagged; null where nobody fitted one.")
    flagged: bool = Field(description="True: the answer may mean nothing, and every class remains possible.")


class KnownLookDocument(_Part):
    """How the model did on scans of a look, of collections that taught it nothing."""

    sequence: Literal["t1", "t1c", "t2", "flair"] | None
    stripped: bool | None
    with_tumor: int
    without_tumor: int
    sensitivity: float | None
    sensitivity_interval: tuple[float, float] | None
    specificity: float | None
    specificity_interval: tuple[float, float] | None
    sources: list[str]


class FindingsDocument(_Part):
    """What a reader says beyond the label."""

    tumor_probability: float = Field(ge=0, le=1, description="Calibrated probability that a tumor shows.")
    kind_probabilities: dict[str, float] = Field(description="Of each kind, given that there is a tumor.")
    kind_uncertain: bool = Field(description="Whether a tumor is suspected whose kind the slice does not tell.")
    looks_like: LooksLikeDocument
    unlike: UnlikeDocument
    known: KnownLookDocument | None = Field(description="Null where nobody measured scans like this one.")


class SliceReadingDocument(_Part):
    """What was read from one slice."""

    index: int = Field(ge=0, description="Number of the slice, the first being 0.")
    status: Literal["read", "refused"]
    gate_score: float | None = Field(description="Probability that it is a slice of a brain MRI; null: none was asked.")
    tumor_probability: float | None = Field(description="Of this slice alone; null where refused.")
    voted_probability: float | None = Field(description="Of it and its neighbors, which decides; null for a picture.")
    area_px: int = Field(description="Pixels of its outline.")


class VolumeMaskDocument(_Part):
    """The tumor's voxels as run lengths."""

    encoding: Literal["rle-row-major"] = Field(
        description="Lengths of alternating runs of background and tumor along rows, the first of background."
    )
    shape: tuple[int, int, int] = Field(description="Slices, rows and columns.")
    counts: list[int]


class VolumeIntervalDocument(_Part):
    """Interval of the volume of all lesions."""

    coverage: float = Field(gt=0, lt=1, description="Share of volumes whose true volume lies in such an interval.")
    ml: tuple[float, float]


class VolumeDocument(_Part):
    """What was found in a volume; the document's label, probabilities and findings are the volume's."""

    window: int = Field(ge=1, description="Slices that vote together.")
    statement: str = Field(description="Which slices were read, and how they became one answer.")
    slice_mm: float | None = Field(description="Distance of neighboring slices; null where unknown.")
    volume_ml: float | None = Field(description="Of all lesions; null without lesions or geometry.")
    volume_interval: VolumeIntervalDocument | None
    lesions: list[dict[str, Any]] = Field(description="Largest first; see docs/measurements.md.")
    mask: VolumeMaskDocument | None = Field(description="Null where no tumor is called, or where refused.")


class AnalysisDocument(_Part):
    """What tumorlens says about a slice or a volume."""

    schema_version: Literal["4.0"]
    notice: str
    tumorlens: str = Field(description="Version of the package.")
    source: SourceDocument
    slice: SliceDocument | None = Field(description="Null where the scan is a single image.")
    shape: tuple[int, int] = Field(description="Rows and columns of the analyzed slice.")
    spacing_mm: tuple[float, float] | None = Field(description="Row and column spacing; null where unknown.")
    spacing_source: SpacingSource
    status: Literal["answered", "refused"] = Field(
        description="'refused' where the gate takes the slice for no brain MRI: then nothing was read from it."
    )
    reason: str | None = Field(description="Why the gate refused it, or would have, had it been asked to.")
    gate_score: float | None = Field(
        ge=0, le=1, description="Probability that this is a slice of a brain MRI; null where no gate was asked."
    )
    label: str | None = Field(
        description="A kind of tumor, 'tumor' where its kind is uncertain, or 'no_tumor'; null where refused."
    )
    message: str
    confidence: float | None = Field(ge=0, le=1, description="Probability of the label; null where refused.")
    probabilities: dict[str, float] = Field(description="Calibrated probability of each class; empty where refused.")
    prediction_set: list[str] = Field(
        description="Classes that remain possible at the model's coverage, the likeliest first; empty where unknown."
    )
    trust: str | None = Field(description="A sentence where the label alone should not be trusted.")
    looked_for: str | None = Field(
        description="What was looked for, and how often it is found in scans like this one; null where a tumor is "
        "suspected in a scan that is like those that the model knows, or where refused."
    )
    findings: FindingsDocument | None = Field(description="Null where refused, or where a classifier answered.")
    regions: list[RegionDocument] = Field(description="Largest first; empty where there is no tumor.")
    area_interval: AreaIntervalDocument | None = Field(description="Null where nothing is outlined, or nobody knows.")
    mask: MaskDocument | None = Field(description="Null where the label is no_tumor, or the slice was refused.")
    slices: list[SliceReadingDocument] = Field(description="Of every slice that was looked at, in order.")
    volume: VolumeDocument | None = Field(
        description="Null for a picture or a single slice. Otherwise slice, mask and regions are of the slice that "
        "shows most of the tumor."
    )
    models: list[ModelDocument]
    warnings: list[str]
    timings_s: dict[str, float] = Field(description="Seconds spent in each step; differ from run to run.")

    @property
    def is_unlike(self) -> bool:
        """Whether the scan is unlike those that the model knows, so that no class is ruled out."""
        return self.findings is not None and self.findings.unlike.flagged

    @property
    def answer(self) -> str | None:
        """The answer as a word or two for tables: the label, but where that alone would say too much."""
        if self.is_unlike:
            return f"not sure ({self.label})"
        if self.label == "no_tumor" and len(self.prediction_set) > 1:
            return "no_tumor, unsure"
        if self.findings is not None and self.findings.kind_uncertain:
            return "tumor, kind uncertain"
        return self.label


def current_values(text: str | bytes) -> dict[str, Any]:
    """The values of a document of this or an earlier version, as the present version has them.

    Version 1.0 knew no gate, no prediction set and no interval of areas; 2.0 no reader's findings, and nothing of what
    was looked for; 3.0 answered about one slice alone.
    """
    values: dict[str, Any] = json.loads(text)
    version = values.get("schema_version")
    if version not in ("1.0", "2.0", "3.0"):
        return values
    merged = {**values, "schema_version": SCHEMA_VERSION}
    if version != "3.0":
        merged |= {"looked_for": None, "findings": None}
    if version == "1.0":
        merged |= {"status": "answered", "reason": None, "gate_score": None, "prediction_set": [], "trust": None}
        merged["area_interval"] = None
    elif version == "2.0" and merged.get("area_interval") is not None:
        measured = sum(one["area_px"] for one in merged["regions"])
        unsure = is_unsure(merged["area_interval"]["px"], measured)
        merged["area_interval"] = {**merged["area_interval"], "unsure": unsure}
    merged |= {"slices": [_one_slice(merged)], "volume": None}
    return {name: merged[name] for name in AnalysisDocument.model_fields if name in merged}


def _one_slice(values: dict[str, Any]) -> dict[str, Any]:
    """The only slice of a document that knew no others."""
    none = values["probabilities"].get("no_tumor")
    return {
        "index": 0 if values["slice"] is None else values["slice"]["index"],
        "status": "refused" if values["status"] == "refused" else "read",
        "gate_score": values["gate_score"],
        "tumor_probability": None if none is None else round(1 - none, DECIMALS),
        "voted_probability": None,
        "area_px": sum(one["area_px"] for one in values["regions"]),
    }


def read_document(text: str | bytes) -> AnalysisDocument:
    """The document of this or an earlier version.

    Raises:
        ValueError: it is neither.
    """
    return AnalysisDocument.model_validate(current_values(text))


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of :class:`AnalysisDocument`."""
    schema = AnalysisDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def rounded(values: Any) -> Any:
    """The same nested values with every float rounded to 6 decimals."""
    if isinstance(values, float):
        return round(values, DECIMALS)
    if isinstance(values, dict):
        return {key: rounded(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [rounded(value) for value in values]
    return values
