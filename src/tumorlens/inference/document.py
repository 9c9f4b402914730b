"""The JSON document of an analysis, versioned; the web API returns the same."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.0"
NOTICE = "Research use, not a medical device."
DECIMALS = 6


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceDocument(_Part):
    """The file that was read."""

    path: str | None = Field(description="Path as given, a digest of it where paths are hidden, null for an array.")
    sha256: str = Field(description="Digest of the file's bytes, or of the array's.")
    format: Literal["png", "jpeg", "bmp", "tiff", "dicom", "nifti", "matlab", "array"]
    modality: str = Field(description="DICOM modality code, or 'unknown'.")


class SliceDocument(_Part):
    """Which slice of a volume was analyzed."""

    index: int = Field(ge=0, description="Number of the slice, the first being 0.")
    count: int = Field(ge=1, description="Number of slices.")


class RegionDocument(_Part):
    """One connected region of the mask; each ``_mm`` value is null where the spacing is unknown."""

    area_px: int = Field(description="Number of pixels.")
    area_mm2: float | None
    perimeter_px: float
    perimeter_mm: float | None
    width_px: int = Field(description="Columns of bbox.")
    width_mm: float | None
    height_px: int = Field(description="Rows of bbox.")
    height_mm: float | None
    longest_diameter_px: float
    longest_diameter_mm: float | None
    circularity: float = Field(description="4 pi area / perimeter squared; 1 for a disc.")
    centroid: tuple[float, float] = Field(description="Mean (row, column) of the pixel centers.")
    bbox: tuple[int, int, int, int] = Field(description="Half-open [row0, col0, row1, col1].")


class MaskDocument(_Part):
    """The tumor's pixels as run lengths."""

    encoding: Literal["rle-row-major"] = Field(
        description="Lengths of alternating runs of background and tumor along rows, the first of background."
    )
    shape: tuple[int, int] = Field(description="Rows and columns.")
    counts: list[int]


class ModelDocument(_Part):
    """A model that took part."""

    id: str
    task: Literal["classification", "segmentation"]
    sha256: str


class AnalysisDocument(_Part):
    """What tumorlens says about one slice."""

    schema_version: Literal["1.0"]
    notice: str
    tumorlens: str = Field(description="Version of the package.")
    source: SourceDocument
    slice: SliceDocument | None = Field(description="Null where the scan is a single image.")
    shape: tuple[int, int] = Field(description="Rows and columns of the analyzed slice.")
    spacing_mm: tuple[float, float] | None = Field(description="Row and column spacing; null where unknown.")
    spacing_source: Literal["dicom", "nifti", "user", "none"]
    label: str = Field(description="Class with the highest probability.")
    message: str
    confidence: float = Field(ge=0, le=1, description="Probability of the label.")
    probabilities: dict[str, float] = Field(description="Calibrated probability of each class.")
    regions: list[RegionDocument] = Field(description="Largest first; empty where there is no tumor.")
    mask: MaskDocument | None = Field(description="Null where the label is no_tumor.")
    models: list[ModelDocument]
    warnings: list[str]
    timings_s: dict[str, float] = Field(description="Seconds spent in each step; differ from run to run.")


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
