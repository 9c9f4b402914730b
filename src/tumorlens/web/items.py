"""The JSON of the API beside the analysis document itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tumorlens.inference.document import AnalysisDocument, MaskDocument, RegionDocument
from tumorlens.inference.manifest import Manifest
from tumorlens.web.findings import Entry
from tumorlens.web.problems import Problem

BASE = "/api/v1/analyses"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Volume(_Part):
    """Where the analyzed slice lies."""

    slices: int = Field(description="Slices of the volume.")
    slice: int = Field(description="Number of the analyzed one, the first being 0.")


class Edit(_Part):
    """One change of a mask by hand."""

    at: str = Field(description="When, ISO 8601, UTC.")
    author: str
    action: str
    pixels: int = Field(ge=0, description="How many pixels changed.")


class Corrected(_Part):
    """A mask that was drawn over the model's, measured anew."""

    regions: list[RegionDocument]
    mask: MaskDocument
    edits: list[Edit] = Field(description="Who changed what, the oldest first.")


class Links(_Part):
    """Paths of what belongs to an analysis; null for what there is not, or not yet."""

    self: str
    image: str | None
    pixels: str | None
    activation: str | None
    overlay: str | None
    mask: str | None
    nifti: str | None
    json_: str | None = Field(alias="json")
    report: str | None
    csv: str | None


class Item(_Part):
    """One scan and what became of it."""

    id: str
    name: str = Field(description="Name of the file, cleaned; 'Scan ...' where names are not kept.")
    created: str = Field(description="When it was asked for, ISO 8601, UTC.")
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int | None = Field(description="Place in the queue, 1 being the next.")
    error: Problem | None
    analysis: AnalysisDocument | None = Field(description="As the models made it.")
    volume: Volume | None
    corrected: Corrected | None
    note: str
    stored: bool = Field(description="Whether the server's database keeps it.")
    links: Links


class Rejected(_Part):
    """A file that was not queued."""

    name: str
    problem: Problem


class Accepted(_Part):
    """What became of a request's files."""

    analyses: list[Item]
    rejected: list[Rejected]


class Items(_Part):
    """Some analyses."""

    analyses: list[Item]
    total: int = Field(description="How many there are in all, for a search.")


class Example(_Part):
    """A made scan at hand."""

    name: str
    title: str
    label: str = Field(description="The class that it was made to show.")
    thumbnail: str = Field(description="Path of its picture.")


class Examples(_Part):
    """The made scans at hand."""

    examples: list[Example]


class Model(_Part):
    """A model that answers."""

    id: str
    manifest: Manifest


class Models(_Part):
    """The models that answer."""

    models: list[Model]


class Limits(_Part):
    """What the server takes, and what it is."""

    max_file_bytes: int
    max_files: int
    queue: int
    store: bool = Field(description="Whether finished analyses are kept in a database.")
    version: str
    notice: str
    auth: bool = Field(description="Whether a token is needed.")


class NoteBody(_Part):
    """A note on an analysis."""

    note: str = Field(max_length=4000, examples=["Follow-up in six months."])


def item(entry: Entry) -> dict[str, Any]:
    """An :class:`Item` as plain values."""
    document = entry.values
    place = None if document is None else document["slice"]
    return {
        "id": entry.id,
        "name": entry.name,
        "created": entry.created,
        "status": entry.status,
        "position": entry.position,
        "error": None if entry.error is None else entry.error.model_dump(),
        "analysis": document,
        "volume": None if place is None else {"slices": place["count"], "slice": place["index"]},
        "corrected": None if entry.correction is None else entry.correction.to_dict(),
        "note": entry.note,
        "stored": entry.stored,
        "links": _links(entry, document),
    }


def _links(entry: Entry, document: dict[str, Any] | None) -> dict[str, str | None]:
    own = f"{BASE}/{entry.id}"
    done = document is not None
    read = document is not None and document["status"] == "answered"
    masked = document is not None and (entry.correction is not None or document["mask"] is not None)
    volume = document is not None and document["source"]["format"] == "nifti" and document["slice"] is not None
    there = {
        "image": done,
        "pixels": done,
        "activation": done and entry.has_activation,
        "overlay": read,
        "mask": masked,
        "nifti": masked and volume,
        "json": done,
        "report": done,
        "csv": done,
    }
    paths = {
        "image": f"{own}/image.png",
        "pixels": f"{own}/pixels.bin",
        "activation": f"{own}/activation.png",
        "overlay": f"{own}/overlay.png",
        "mask": f"{own}/mask.png",
        "nifti": f"{own}/mask.nii.gz",
        "json": f"{own}/analysis.json",
        "report": f"{own}/report.html",
        "csv": f"{BASE}.csv?ids={entry.id}",
    }
    return {"self": own, **{name: path if there[name] else None for name, path in paths.items()}}
