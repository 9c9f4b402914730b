"""The lesions of a volume as a table for machines."""

from __future__ import annotations

from tumorlens.inference.analysis import Analysis
from tumorlens.inference.table import csv_bytes
from tumorlens.measurement import measures


def lesions_csv(analysis: Analysis) -> bytes:
    """One row a lesion, the largest first; see :func:`tumorlens.inference.table.csv_bytes`."""
    assert analysis.whole is not None
    rows = [{"lesion": number, **one.to_dict()} for number, one in enumerate(analysis.whole.bodies, 1)]
    return csv_bytes(("lesion", *measures.body_columns()), rows)
