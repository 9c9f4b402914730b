"""The lesions of a volume as a table for machines."""

from __future__ import annotations

import csv
import io

from tumorlens.inference.analysis import Analysis
from tumorlens.measurement import measures


def lesions_csv(analysis: Analysis) -> bytes:
    """UTF-8, one row a lesion, the largest first: floats with 6 decimals, empty cells for what is unknown."""
    assert analysis.whole is not None
    columns = measures.body_columns()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("lesion", *columns))
    for number, one in enumerate(analysis.whole.bodies, 1):
        values = one.to_dict()
        writer.writerow((number, *(_cell(values[name]) for name in columns)))
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)
