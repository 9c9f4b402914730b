"""``summary.csv`` on disk: what may be replaced."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tumorlens.errors import OutputError
from tumorlens.inference.table import COLUMNS, Status, Value, summary_csv, summary_row

__all__ = ["SUMMARY_FILE", "Status", "Value", "check_summary", "summary_csv", "summary_row"]

SUMMARY_FILE = "summary.csv"


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
