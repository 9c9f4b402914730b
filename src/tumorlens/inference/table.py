"""The rows of ``summary.csv``, one a scan, made from documents."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tumorlens.inference.document import AnalysisDocument
from tumorlens.labels import CLASSES
from tumorlens.measurement import summarize
from tumorlens.measurement.measures import columns
from tumorlens.measurement.regions import Region

Status = Literal["ok", "skipped", "refused", "failed"]
Value = str | int | float | None

COLUMNS = (
    "path",
    "status",
    "label",
    "confidence",
    *(f"p_{name}" for name in CLASSES),
    "prediction_set",
    "gate_score",
    "answer",
    "p_tumor",
    "looks_like",
    "unlike",
    *columns(),
    "trust",
    "looked_for",
    "error",
)


def summary_row(
    path: str, status: Status, document: AnalysisDocument | None = None, error: str | None = None
) -> dict[str, Value]:
    """Values by column: the area is that of all regions, the lengths are those of the largest.

    ``answer`` is the label, but where that alone would say too much. What the gate refused says so in ``error`` and has
    nothing measured.
    """
    row: dict[str, Value] = dict.fromkeys(COLUMNS)
    row |= {"path": path, "status": status, "error": error}
    if document is None:
        return row
    row |= {"label": document.label, "confidence": document.confidence, "answer": document.answer}
    row |= {"trust": document.trust, "looked_for": document.looked_for}
    row |= {f"p_{name}": document.probabilities.get(name) for name in CLASSES}
    row |= {"prediction_set": " ".join(document.prediction_set) or None, "gate_score": document.gate_score}
    if document.findings is not None:
        seen = document.findings.looks_like
        row |= {
            "p_tumor": document.findings.tumor_probability,
            "looks_like": f"{seen.sequence} {'stripped' if seen.stripped else 'whole'}",
            "unlike": "yes" if document.findings.unlike.flagged else "no",
        }
    if document.status == "refused":
        return row | {"error": f"{document.message} {document.reason}"}
    return row | summarize([Region.from_dict(dict(region)) for region in document.regions]).to_dict()


def summary_csv(rows: Iterable[dict[str, Value]]) -> bytes:
    """The file's bytes; see :func:`csv_bytes`."""
    return csv_bytes(COLUMNS, rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """A table as UTF-8: the columns of each row, floats with 6 decimals, empty cells for ``None``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
