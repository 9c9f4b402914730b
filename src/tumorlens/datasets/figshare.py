"""figshare 1512427 (Cheng et al., 2015, doi:10.1371/journal.pone.0140381): T1 contrast-enhanced slices with masks.

The layout read here is images, masks and ``metadata.csv`` with ``image,mask,label,group,pixel_spacing_mm``.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass

COLUMNS = ("image", "mask", "label", "group", "pixel_spacing_mm")


def load_figshare(root: Path) -> Collection:
    """Read ``metadata.csv`` and check that every image and mask it names is there.

    Raises:
        DatasetError: the table or a file is missing, a column is missing, or a label is unknown.
    """
    table = root / "metadata.csv"
    if not table.is_file():
        raise DatasetError(
            f"There is no metadata.csv in {root}: pass the folder that holds it beside images/ and masks/."
        )
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or any(column not in rows[0] for column in COLUMNS):
        raise DatasetError(f"{table} must have the columns {', '.join(COLUMNS)} and at least one row.")
    records = []
    for row in rows:
        image, mask = root / "images" / row["image"], root / "masks" / row["mask"]
        for path in (image, mask):
            if not path.is_file():
                raise DatasetError(f"{table} names {path.name}, which is missing from {path.parent}.")
        try:
            label = TumorClass(row["label"])
        except ValueError:
            raise DatasetError(f"{table} has the label '{row['label']}'; known are {', '.join(TumorClass)}.") from None
        spacing = float(row["pixel_spacing_mm"])
        records.append(Record(f"images/{row['image']}", image, label, "", row["group"], mask, (spacing, spacing)))
    return Collection("figshare", root, tuple(records))
