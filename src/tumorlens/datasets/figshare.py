"""figshare 1512427 (Cheng et al., 2015, doi:10.1371/journal.pone.0140381): T1 contrast-enhanced slices with masks.

Two layouts are read: the published ``1.mat`` to ``3064.mat`` (MATLAB v7.3, in any folders below the root), and images,
masks and ``metadata.csv`` with ``image,mask,label,group,pixel_spacing_mm``.
"""

from __future__ import annotations

import csv
import hashlib
import math
from functools import lru_cache
from pathlib import Path

from tumorlens.datasets.faults import Fault, Report, refuse
from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError, InputError
from tumorlens.io import read_cjdata
from tumorlens.labels import TumorClass

TABLE = "metadata.csv"
COLUMNS = ("image", "mask", "label", "group", "pixel_spacing_mm")
MAT_LABELS = {1: TumorClass.MENINGIOMA, 2: TumorClass.GLIOMA, 3: TumorClass.PITUITARY}
PUBLISHED_SHAPE, PUBLISHED_SPACING_MM = (512, 512), 0.49


def load_figshare(root: Path, report: Report = refuse) -> Collection:
    """Read the collection in the layout that ``root`` has.

    Raises:
        DatasetError: neither layout is there, or, where ``report`` refuses, a file or column is missing, a file cannot
            be read, or a label is unknown.
    """
    if (root / TABLE).is_file():
        return _load_table(root, report)
    files = mat_files(root)
    if not files:
        raise DatasetError(
            f"There is no metadata.csv in {root}, and no numbered .mat file below it: pass the folder that holds the "
            "table beside images/ and masks/, or the published files 1.mat, 2.mat and so on."
        )
    records = [record for path in files if (record := _mat_record(root, path, report)) is not None]
    if not records:
        raise DatasetError(f"None of the {len(files)} .mat files below {root} can be read: download them again.")
    return Collection("figshare", root, tuple(records))


def mat_files(root: Path) -> list[Path]:
    """The published files, known by their numbers, in the order of these."""
    numbered = [path for path in root.rglob("*.mat") if path.stem.isdecimal() and "__MACOSX" not in path.parts]
    return sorted(numbered, key=lambda path: (int(path.stem), path.as_posix()))


def group_of_pid(pid: str) -> str:
    """Group of a patient: a digest, so that the id that the file states gets into no table."""
    return "p" + hashlib.sha256(f"figshare-1512427/{pid}".encode()).hexdigest()[:10]


def _mat_record(root: Path, path: Path, report: Report) -> Record | None:
    name = path.relative_to(root).as_posix()
    state = path.stat()
    try:
        code, group, shape = _mat_facts(path, state.st_size, state.st_mtime_ns)
    except InputError as error:
        report(Fault("unreadable image", name, f"{path}: {error}"))
        return None
    if code not in MAT_LABELS:
        report(Fault("bad table", name, f"{path} has the label {code}; known are 1, 2 and 3: download it again."))
        return None
    # The paper states 0.49 mm for 512 x 512 pixels; of the few smaller slices it says nothing.
    spacing = (PUBLISHED_SPACING_MM, PUBLISHED_SPACING_MM) if shape == PUBLISHED_SHAPE else None
    return Record(name, path, MAT_LABELS[code], "", group, path, spacing, sequence="t1c")


@lru_cache(maxsize=8192)
def _mat_facts(path: Path, size: int, modified: int) -> tuple[int, str, tuple[int, ...]]:
    """Label, group and shape of a file; size and time of change are there to notice another content."""
    data = read_cjdata(path)
    return data.label, group_of_pid(data.pid), data.image.shape


def _load_table(root: Path, report: Report) -> Collection:
    table = root / TABLE
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} cannot be read ({type(error).__name__}): save it as CSV in UTF-8.") from error
    if not rows or any(column not in rows[0] for column in COLUMNS):
        raise DatasetError(f"{table} must have the columns {', '.join(COLUMNS)} and at least one row.")
    records = [record for row in rows if (record := _table_record(root, row, report)) is not None]
    _report_strays(root, records, report)
    return Collection("figshare", root, tuple(records))


def _table_record(root: Path, row: dict[str, str], report: Report) -> Record | None:
    table = root / TABLE
    name = f"images/{row['image']}"
    image, mask = root / name, root / "masks" / row["mask"]
    for path, kind in ((image, "mask without image"), (mask, "image without mask")):
        if not path.is_file():
            sentence = f"{table} names {path.name}, which is missing from {path.parent}."
            report(Fault("mask without image" if kind.startswith("mask") else "image without mask", name, sentence))
            return None
    try:
        label = TumorClass(row["label"])
    except ValueError:
        report(Fault("bad table", name, f"{table} has the label '{row['label']}'; known are {', '.join(TumorClass)}."))
        return None
    spacing = _spacing(row["pixel_spacing_mm"])
    if spacing is None:
        stated = row["pixel_spacing_mm"]
        sentence = (
            f"{table} has the spacing '{stated}' for {row['image']}: it must be a number above 0, in millimeters."
        )
        report(Fault("bad table", name, sentence))
        return None
    return Record(name, image, label, "", row["group"], mask, (spacing, spacing), sequence="t1c")


def _spacing(text: str) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _report_strays(root: Path, records: list[Record], report: Report) -> None:
    """Report masks whose image is missing; images that the table does not name are left alone."""
    if report is refuse:
        return
    named = {record.mask for record in records}
    stems = {path.stem for path in (root / "images").glob("*")}
    for path in sorted((root / "masks").glob("*")):
        if path not in named and path.stem not in stems:
            sentence = f"The mask {path} has no image in {root / 'images'}: download it again."
            report(Fault("mask without image", f"masks/{path.name}", sentence))
