"""LGG MRI segmentation (Buda, from TCGA-LGG): FLAIR slices of patients with lower-grade glioma, as ``kaggle_3m``.

Layout: ``TCGA_<site>_<patient>_<date>/..._<slice>.tif`` of three channels (pre-contrast, FLAIR, post-contrast), each
beside ``..._<slice>_mask.tif``, and ``data.csv`` with one row for each patient. Source: M. Buda et al., Computers in
Biology and Medicine 109, 2019, doi:10.1016/j.compbiomed.2019.05.002.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import numpy as np

from tumorlens.datasets.faults import Fault, Report, refuse
from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass

FLAIR = 1
TABLE = "data.csv"
_AGE = "age_at_initial_pathologic"
_SLICE = re.compile(r"(?P<patient>TCGA_[^_]+_[^_]+)_[^_]+_(?P<slice>\d+)\.tif")
_MASK_ENDING = "_mask.tif"


def load_lgg(root: Path, report: Report = refuse) -> Collection:
    """Read the slices of all patients in the order of their numbers: glioma where the mask has any pixel.

    The group of a record is its patient's folder, and its picture the FLAIR channel. The files state no spacing.

    Raises:
        DatasetError: there is no patient's folder, or, where ``report`` refuses, an image or its mask is missing or a
            mask cannot be read.
    """
    base = patients_folder(root)
    if base is None:
        raise DatasetError(f"There is no folder TCGA_* in {root} or its kaggle_3m: pass the folder that holds them.")
    known: dict[bytes, bool | None] = {}
    records = []
    for folder in sorted(path for path in base.glob("TCGA_*") if path.is_dir()):
        files = {path.name: path for path in folder.iterdir() if path.suffix.lower() == ".tif"}
        images = {name: found for name in files if (found := _SLICE.fullmatch(name))}
        for name in sorted(set(files) - set(images)):
            if files.get(name.removesuffix(_MASK_ENDING) + ".tif") is None or not name.endswith(_MASK_ENDING):
                what = f"The mask {files[name]} has no image beside it: download the collection again."
                report(Fault("mask without image", f"{folder.name}/{name}", what))
        for name in sorted(images, key=lambda one: int(images[one]["slice"])):
            record = _record(files, name, report, known)
            if record is not None:
                records.append(record)
    if not records:
        raise DatasetError(f"There is no slice TCGA_*_<number>.tif with a mask below {base}: download it again.")
    return Collection("lgg", base, tuple(records))


def patients_folder(root: Path) -> Path | None:
    """The folder that holds the patients' folders: ``root``, or ``kaggle_3m`` as the archive nests it."""
    for below in ("", "kaggle_3m", "lgg-mri-segmentation/kaggle_3m", "lgg-mri-segmentation"):
        folder = root / below
        if folder.is_dir() and any(path.is_dir() for path in folder.glob("TCGA_*")):
            return folder
    return None


def patient_ages(collection: Collection) -> dict[str, int]:
    """Age at diagnosis in years by group, of the patients for whom ``data.csv`` states one.

    Raises:
        DatasetError: ``data.csv`` is missing or lacks a column.
    """
    table = collection.root / TABLE
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        stated = {row["Patient"]: int(float(row[_AGE])) for row in rows if row[_AGE]}
    except OSError as error:
        raise DatasetError(f"{table} cannot be opened ({error.strerror}): download it with the slices.") from error
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{table} must have the columns Patient and {_AGE}, the ages in years.") from error
    groups = {record.group for record in collection if record.group is not None}
    of_group = {group: stated.get("_".join(group.split("_")[:3])) for group in sorted(groups)}
    return {group: age for group, age in of_group.items() if age is not None}


def _record(files: dict[str, Path], name: str, report: Report, known: dict[bytes, bool | None]) -> Record | None:
    path = files[name]
    identity = f"{path.parent.name}/{name}"
    mask = files.get(name.removesuffix(".tif") + _MASK_ENDING)
    if mask is None:
        what = f"The image {path} has no mask {name.removesuffix('.tif')}{_MASK_ENDING} beside it: download it again."
        report(Fault("image without mask", identity, what))
        return None
    shown = _shows_tumor(mask, known)
    if shown is None:
        report(Fault("unreadable mask", identity, f"The mask {mask} cannot be read: download it again."))
        return None
    label = TumorClass.GLIOMA if shown else TumorClass.NO_TUMOR
    return Record(
        identity,
        path,
        label,
        "",
        path.parent.name,
        mask,
        channel=FLAIR,
        sequence="flair",
        source="TCGA-LGG",
        stripped=True,
        slice_index=int(found["slice"]) if (found := _SLICE.fullmatch(name)) else None,
    )


def _shows_tumor(mask: Path, known: dict[bytes, bool | None]) -> bool | None:
    """Whether any pixel of a mask is set. Two thirds of the masks are the same empty file, decoded once."""
    try:
        data = mask.read_bytes()
    except OSError:
        return None
    if data not in known:
        grey = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
        known[data] = None if grey is None else bool((grey > 127).any())
    return known[data]
