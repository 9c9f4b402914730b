"""A user's own cohort: a table that names images with their labels, masks and groups."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import FOLDER_ALIASES, Label, class_of_folder

COLUMNS = ("path", "label", "mask", "group")
NEEDED = COLUMNS[:2]


def load_cohort(table: Path, root: Path | None = None) -> Collection:
    """Read a CSV with the columns ``path,label`` and, where there are any, ``mask,group``.

    Args:
        table: the CSV; more columns are ignored.
        root: folder that relative paths begin in; where a file is not there, or for ``None``, the CSV's own folder.

    Returns:
        A collection named after the table, one record per row, in the order of the table.

    Raises:
        DatasetError: the table is missing or empty, lacks a column, has an unknown label, names an image twice, or
            names a file that does not exist.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"The table {table} cannot be read ({error}): pass a CSV with path,label,mask,group."
        ) from error
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise DatasetError(
            f"{table} lacks the column '{missing[0]}': it needs path and label, and may have mask and group; it has "
            f"{', '.join(header) or 'none'}."
        )
    if not rows:
        raise DatasetError(f"{table} has no rows: name at least one image.")
    folders = [folder for folder in (root, table.parent) if folder is not None]
    records = [_record(row, number, table, folders) for number, row in enumerate(rows, 2)]
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise DatasetError(f"{table} names {record.id} twice: each image stands in one row.")
        seen.add(record.id)
    return Collection(table.stem, folders[0], tuple(records))


def _record(row: dict[str, str | None], number: int, table: Path, folders: Sequence[Path]) -> Record:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not values["path"]:
        raise DatasetError(f"Row {number} of {table} has no path: each row names an image.")
    path = _found(values["path"], number, table, folders)
    mask = _found(values["mask"], number, table, folders) if values["mask"] else None
    label = _label(values["label"], number, table)
    return Record(Path(values["path"]).as_posix(), path, label, "", values["group"] or None, mask)


def _label(text: str, number: int, table: Path) -> Label:
    found = class_of_folder(text)
    if found is None:
        raise DatasetError(
            f"Row {number} of {table} has the label '{text}', which is not known; known are "
            f"{', '.join(sorted(FOLDER_ALIASES))}."
        )
    return found


def _found(name: str, number: int, table: Path, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    places = " or ".join(str(folder) for folder in dict.fromkeys(folders))
    raise DatasetError(f"Row {number} of {table} names {name}, which is not a file below {places}.")
