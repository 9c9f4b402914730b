"""``Analysis``: the answer about one slice, and ``Failure`` where there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens._version import __version__
from tumorlens.errors import TumorlensError
from tumorlens.inference.areas import AreaBoundsOfMask
from tumorlens.inference.document import SCHEMA_VERSION, AnalysisDocument, rounded
from tumorlens.inference.findings import UNLIKE, Findings, looked_for
from tumorlens.inference.volume_reading import SliceReading, Whole
from tumorlens.io import draw_overlay
from tumorlens.labels import TumorClass, UnknownTumor, label_title
from tumorlens.measurement import Region
from tumorlens.notice import NOTICE
from tumorlens.scan import Slice

REFUSED = "This does not look like a slice of a brain MRI, so it was not read."
UNCERTAIN_KIND = "The kind of this tumor cannot be told from this slice."
UNCERTAIN_KIND_OF_VOLUME = "The kind of this tumor cannot be told from these slices."
_IS_UNLIKE = "this scan is unlike those that the model knows"
NO_OUTLINE = "A tumor is suspected, but none is outlined: look at the scan yourself."
OVERRIDDEN = "This does not look like a slice of a brain MRI, and was read all the same, as asked."


@dataclass(frozen=True)
class ModelReference:
    """A model that took part in an answer."""

    id: str
    task: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found in one slice, or in a volume. Research use, not a medical device.

    Attributes:
        scan: the slice that was analyzed, ``pixels`` ``[rows, cols]``.
        label: class with the highest probability, of a reader ``tumor`` where its kind is uncertain; ``None`` where the
            gate refused the slice.
        probabilities: calibrated probability of each class, in the model's order; empty where refused.
        mask: bool ``[rows, cols]`` at the slice's own resolution; ``None`` where the label is ``no_tumor``, or
            where refused.
        regions: measurements of the mask's connected regions, largest first.
        activation_map: where the classifier saw its class, or the reader's probability of tumor at each pixel, float32
            ``[rows, cols]`` within [0, 1]; ``None`` where the model gives none.
        models: the models that took part.
        slice_index: number of the slice within its volume, or ``None`` for a single image.
        slice_count: slices of the volume, 1 for a single image.
        warnings: what a reader should know before trusting the answer.
        timings: seconds spent in each step.
        gate_score: probability that this is a slice of a brain MRI; ``None`` where no gate was asked.
        reason: why the gate refused it, or would have refused it.
        prediction_set: classes that remain possible at ``coverage``, the likeliest first; empty where the model says
            nothing of it.
        coverage: share of images whose prediction set holds the true class.
        area_interval: how far the areas may be off; ``None`` where nothing is outlined or nobody measured it.
        findings: what a reader says beyond the label; ``None`` where refused, or where a classifier answered.
        whole: what was found in the volume, whose answer this is; ``scan``, ``mask`` and ``regions`` are then of the
            slice that shows most of it. ``None`` for a picture, or one slice.
    """

    scan: Slice
    label: str | None
    probabilities: dict[str, float]
    mask: NDArray[np.bool_] | None
    regions: tuple[Region, ...]
    activation_map: NDArray[np.float32] | None
    models: tuple[ModelReference, ...]
    slice_index: int | None = None
    slice_count: int = 1
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] | None = None
    gate_score: float | None = None
    reason: str | None = None
    prediction_set: tuple[str, ...] = ()
    coverage: float | None = None
    area_interval: AreaBoundsOfMask | None = None
    findings: Findings | None = None
    whole: Whole | None = None

    @property
    def status(self) -> Literal["answered", "refused"]:
        """Whether the slice was read, or refused by the gate."""
        return "refused" if self.label is None else "answered"

    @property
    def confidence(self) -> float | None:
        """Probability of the label; ``None`` where there is none."""
        if self.findings is not None and self.label == UnknownTumor.TUMOR:
            return self.findings.tumor_probability
        return None if self.label is None else self.probabilities[self.label]

    @property
    def is_unlike(self) -> bool:
        """Whether the scan is unlike those that the model knows, so that no class is ruled out."""
        return self.findings is not None and self.findings.is_unlike

    @property
    def kind_uncertain(self) -> bool:
        """Whether a tumor is suspected whose kind the slice does not tell."""
        return self.findings is not None and self.findings.kind_uncertain

    @property
    def message(self) -> str:
        """The answer in a few plain words."""
        if self.label is None:
            return REFUSED
        if self.label == TumorClass.NO_TUMOR:
            if self.is_unlike:
                return f"Cannot tell: {_IS_UNLIKE}"
            return (
                "No tumor detected, but one remains possible" if len(self.prediction_set) > 1 else "No tumor detected"
            )
        return f"{self._suspected}, but {_IS_UNLIKE}" if self.is_unlike else self._suspected

    @property
    def _suspected(self) -> str:
        named = "Tumor of uncertain kind" if self.kind_uncertain else label_title(str(self.label))
        return f"{named} suspected" if self.regions else f"{named} suspected, but no outline found"

    @property
    def trust(self) -> str | None:
        """A plain sentence where the label alone should not be trusted, or ``None``."""
        if self.is_unlike:
            return UNLIKE
        uncertain = UNCERTAIN_KIND if self.whole is None else UNCERTAIN_KIND_OF_VOLUME
        if len(self.prediction_set) < 2 or self.coverage is None:
            return uncertain if self.kind_uncertain else None
        *others, last = (label_title(one).lower() for one in self.prediction_set)
        count = {2: "Two", 3: "Three", 4: "Four"}.get(len(self.prediction_set), str(len(self.prediction_set)))
        remain = f"remain possible: {', '.join(others)} and {last} (at {100 * self.coverage:g} % coverage)."
        return f"{uncertain} {count} {remain}" if self.kind_uncertain else f"{count} classes {remain}"

    @property
    def looked_for(self) -> str | None:
        """What was looked for, and how often it is found in scans like this one, in two sentences.

        ``None`` where a tumor was found in a scan of a known look, or where the slice was refused.
        """
        if self.label is None or not (self.label == TumorClass.NO_TUMOR or self.is_unlike):
            return None
        return looked_for(tuple(self.probabilities), self.findings, volume=self.whole is not None)

    def overlay(self, scale: int = 1) -> NDArray[np.uint8]:
        """The slice with the tumor outlined in green, RGB uint8 ``[rows * scale, cols * scale, 3]``.

        A scale bar is drawn where the spacing is known.
        """
        return draw_overlay(self.scan.pixels, self.mask, spacing_mm=self.spacing_mm, scale=scale)

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """``(row, col)`` spacing in millimetres, or ``None`` where nobody states it."""
        return self.scan.spacing_mm

    def to_dict(self) -> dict[str, Any]:
        """The versioned document, of types that JSON has; floats carry 6 decimals."""
        scan = self.scan
        values = {
            "schema_version": SCHEMA_VERSION,
            "notice": NOTICE,
            "tumorlens": __version__,
            "source": {
                "path": scan.source.path,
                "sha256": scan.source.sha256,
                "format": scan.source.format,
                "modality": scan.modality,
            },
            "slice": None if self.slice_index is None else {"index": self.slice_index, "count": self.slice_count},
            "shape": list(scan.shape),
            "spacing_mm": None if self.spacing_mm is None else list(self.spacing_mm),
            "spacing_source": scan.spacing_source,
            "status": self.status,
            "reason": self.reason,
            "gate_score": self.gate_score,
            "label": None if self.label is None else str(self.label),
            "message": self.message,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "prediction_set": list(self.prediction_set),
            "trust": self.trust,
            "looked_for": self.looked_for,
            "findings": None if self.findings is None else self.findings.to_dict(),
            "regions": [region.to_dict() for region in self.regions],
            "area_interval": None if self.area_interval is None else self.area_interval.to_dict(),
            "mask": None if self.mask is None else run_lengths(self.mask),
            "slices": self._slices(),
            "volume": None if self.whole is None else self._volume(self.whole),
            "models": [{"id": one.id, "task": one.task, "sha256": one.sha256} for one in self.models],
            "warnings": list(self.warnings),
            "timings_s": dict(self.timings or {}),
        }
        found: dict[str, Any] = rounded(values)
        return found

    def _slices(self) -> list[dict[str, Any]]:
        if self.whole is not None:
            return [asdict(one) for one in self.whole.readings]
        none = self.probabilities.get(TumorClass.NO_TUMOR)
        alone = None if none is None else 1 - none
        area = sum(one.area_px for one in self.regions)
        status = "refused" if self.label is None else "read"
        return [asdict(SliceReading(self.slice_index or 0, status, self.gate_score, alone, None, area))]

    def _volume(self, whole: Whole) -> dict[str, Any]:
        return {
            **whole.to_dict(),
            "slice_mm": self.scan.scan.slice_mm,
            "lesions": [one.to_dict() for one in whole.bodies],
            "mask": None if whole.mask is None else run_lengths(whole.mask),
        }

    def to_json(self, indent: int | None = None) -> str:
        """The versioned document as JSON; see ``docs/json.md`` and ``tumorlens schema``."""
        return AnalysisDocument.model_validate(self.to_dict()).model_dump_json(indent=indent)


@dataclass(frozen=True, eq=False)
class Failure:
    """An input that could not be analyzed.

    Attributes:
        source: path or description of the input.
        error: why; ``str(error)`` is one sentence.
    """

    source: str
    error: TumorlensError


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Run-length code of a mask ``[rows, cols]`` or ``[slices, rows, cols]``: lengths along rows, background first."""
    flat = np.concatenate([[False], mask.ravel(), [False]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    edges = np.concatenate([[0], changes, [mask.size]])
    counts = np.diff(edges)
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return {"encoding": "rle-row-major", "shape": list(mask.shape), "counts": [int(one) for one in counts]}


def mask_from_run_lengths(document: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask bool ``[rows, cols]`` that :func:`run_lengths` wrote."""
    counts = np.asarray(document["counts"], dtype=np.int64)
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(document["shape"])
