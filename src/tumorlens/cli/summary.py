"""``summary.csv``: one row per scan."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tumorlens.errors import OutputError
from tumorlens.labels import CLASSES

if TYPE_CHECKING:
    from tumorlens.inference.document import AnalysisDocument

Status = Literal["ok", "skipped", "refused", "failed"]
Value = str | int | float | None

SUMMARY_FILE = "summary.csv"
_LENGTHS = ("perimeter_px", "perimeter_mm", "width_px", "width_mm", "height_px", "height_mm")
_MEASURED = ("regions", "area_px", "area_mm2", *_LENGTHS, "circularity")
COLUMNS = ("path", "status", "label", "confidence", *(f"p_{name}" for name in CLASSES), *_MEASURED, "error")


def summary_row(
    path: str, status: Status, document: AnalysisDocument | None = None, error: str | None = None
) -> dict[str, Value]:
    """Values by column: the area is that of all regions, the lengths are those of the largest.

    They are taken from the document, so that a skipped scan gets the row that it got when it was analyzed.
    """
    row: dict[str, Value] = dict.fromkeys(COLUMNS)
    row |= {"path": path, "status": status, "error": error}
    if document is None:
        return row
    from tumorlens.measurement import summarize
    from tumorlens.measurement.regions import Region

    row |= {"label": document.label, "confidence": document.confidence}
    row |= {f"p_{name}": document.probabilities.get(name) for name in CLASSES}
    return row | summarize([Region(**dict(region)) for region in document.regions]).to_dict()


def summary_csv(rows: Iterable[dict[str, Value]]) -> bytes:
    """The file's bytes, UTF-8: floats with 6 decimals, empty cells for ``None``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return text.getvalue().encode()


def check_summary(path: Path, scans: Sequence[str]) -> None:
    """Refuses to lose a summary that the coming one does not cover.

    Args:
        path: the file that is about to be replaced, if it exists.
        scans: paths of the scans of this run, as the column ``path`` will have them.

    Raises:
        OutputError: the file is no summary, or has scans that are not in this run.
    """
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            found = {_absolute(row["path"]) for row in reader} if tuple(reader.fieldnames or ()) == COLUMNS else None
    except (OSError, ValueError, csv.Error):
        found = None
    if found is None:
        raise OutputError(
            f"'{path}' exists and is no summary of this version: pass --overwrite to replace it, or choose another "
            "--out."
        )
    lost = len(found - {_absolute(scan) for scan in scans})
    if lost:
        raise OutputError(
            f"'{path}' lists {lost:,} scan{'' if lost == 1 else 's'} that this run does not: pass --overwrite to "
            "replace it, or choose another --out."
        )


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
