"""What is kept of an analysis: its document, and the pictures that are needed to show it again."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.analysis import mask_from_run_lengths, run_lengths
from tumorlens.inference.document import AnalysisDocument, current_values, rounded
from tumorlens.measurement import measure_mask
from tumorlens.scan import Grid
from tumorlens.web.problems import Problem

if TYPE_CHECKING:
    from tumorlens.inference import Analysis

Mask = NDArray[np.bool_]
FULL = 65_535
MAX_EDITS = 1000


def now() -> str:
    """The present time, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, eq=False)
class Pictures:
    """The arrays of an analysis.

    Attributes:
        pixels: the slice, uint16 ``[rows, cols]``, 0 standing for ``low`` and 65,535 for ``high``.
        low: smallest value of the slice.
        high: largest value of the slice.
        activation: class activation map, uint8 ``[rows, cols]``, or ``None``.
        affine: of the slice, from ``(slice, row, col, 1)`` to RAS+ millimetres, where the file states it.
        grid: how the file stores the volume, for a mask on the same grid.
    """

    pixels: NDArray[np.uint16]
    low: float
    high: float
    activation: NDArray[np.uint8] | None
    affine: NDArray[np.float64] | None
    grid: Grid | None = None

    @classmethod
    def of(cls, analysis: Analysis) -> Pictures:
        """The pictures of an analysis."""
        values = analysis.scan.pixels
        low, high = float(values.min()), float(values.max())
        scaled = np.rint((values.astype(np.float64) - low) * (FULL / (high - low))).astype(np.uint16)
        shown = analysis.activation_map
        activation = None if shown is None else np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
        return cls(scaled, low, high, activation, analysis.scan.affine, analysis.scan.scan.grid)

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        return self.pixels.nbytes + (0 if self.activation is None else self.activation.nbytes)

    def packed(self) -> dict[str, Any]:
        """The values as a database takes them."""
        return {
            "rows": self.pixels.shape[0],
            "cols": self.pixels.shape[1],
            "low": self.low,
            "high": self.high,
            "pixels": zlib.compress(self.pixels.astype("<u2").tobytes(), 1),
            "activation": None if self.activation is None else zlib.compress(self.activation.tobytes(), 1),
            # The grid follows the 128 bytes of the affine, so that databases of earlier versions keep their columns.
            "affine": None
            if self.affine is None
            else self.affine.astype("<f8").tobytes() + (b"" if self.grid is None else self.grid.packed()),
        }

    @classmethod
    def unpacked(cls, row: Any) -> Pictures:
        """The pictures that :meth:`packed` gave away, from a mapping of the same names."""
        shape = (row["rows"], row["cols"])
        pixels = np.frombuffer(zlib.decompress(row["pixels"]), dtype="<u2").reshape(shape).astype(np.uint16)
        activation = None
        if row["activation"] is not None:
            activation = np.frombuffer(zlib.decompress(row["activation"]), dtype=np.uint8).reshape(shape)
        affine = grid = None
        if row["affine"] is not None:
            affine = np.frombuffer(row["affine"][:128], dtype="<f8").reshape(4, 4).astype(np.float64)
            grid = Grid.unpacked(row["affine"][128:]) if len(row["affine"]) > 128 else None
        return cls(pixels, row["low"], row["high"], activation, affine, grid)


@dataclass(frozen=True)
class Correction:
    """A mask that somebody drew over the model's.

    Attributes:
        regions: measurements of the mask's regions, as the document has them.
        mask: the mask in the document's run lengths.
        edits: who changed what: ``at``, ``author``, ``action``, ``pixels`` (how many changed), the oldest first.
    """

    regions: list[dict[str, Any]]
    mask: dict[str, Any]
    edits: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """The fields, of types that JSON has."""
        return {"regions": self.regions, "mask": self.mask, "edits": self.edits}


@dataclass(frozen=True, eq=False)
class Entry:
    """All that is known of one analysis at one moment, wherever it is kept.

    Attributes:
        id: unguessable identifier.
        name: name to show.
        created: when it was asked for, ISO 8601.
        status: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        position: place in the queue, 1 being the next, or ``None``.
        error: why it failed.
        document_json: the analysis as JSON, exactly as made, once done.
        load: gives the pictures, once done.
        correction: the corrected mask, if there is one.
        note: the user's note.
        stored: whether a database keeps it.
        has_activation: whether the pictures have an activation map.
    """

    id: str
    name: str
    created: str
    status: str
    position: int | None = None
    error: Problem | None = None
    document_json: str | None = None
    load: Callable[[], Pictures] | None = None
    correction: Correction | None = None
    note: str = ""
    stored: bool = False
    has_activation: bool = False

    @property
    def document(self) -> AnalysisDocument | None:
        """The analysis, once done; one of an earlier version as the present version has it."""
        values = self.values
        return None if values is None else AnalysisDocument.model_validate(values)

    @property
    def values(self) -> dict[str, Any] | None:
        """The document's values, unchecked."""
        return None if self.document_json is None else current_values(self.document_json)

    def current(self, original: bool = False) -> AnalysisDocument | None:
        """The analysis with the corrected mask and measurements in the place of the model's, unless not wanted."""
        found = self.document
        if found is None or self.correction is None or original:
            return found
        drawn = {"regions": self.correction.regions, "mask": self.correction.mask, "area_interval": None}
        changed = found.model_dump() | drawn
        return AnalysisDocument.model_validate(changed)


def mask_of(document: AnalysisDocument) -> Mask | None:
    """The mask of a document, bool ``[rows, cols]``."""
    return None if document.mask is None else mask_from_run_lengths(document.mask.model_dump())


def corrected(entry: Entry, mask: Mask, author: str, action: str) -> Correction:
    """The correction that a new mask makes of an entry, measured with the scan's spacing.

    Args:
        entry: a finished analysis.
        mask: bool ``[rows, cols]`` of the scan's size.
        author: who drew it.
        action: what was done, in a word.
    """
    present = entry.current()
    assert present is not None
    before = mask_of(present)
    changed = int(np.count_nonzero(mask if before is None else mask != before))
    regions = [rounded(one.to_dict()) for one in measure_mask(mask, present.spacing_mm)]
    edits = [] if entry.correction is None else entry.correction.edits
    edit = {"at": now(), "author": author, "action": action, "pixels": changed}
    return Correction(regions, run_lengths(mask), [*edits, edit][-MAX_EDITS:])
