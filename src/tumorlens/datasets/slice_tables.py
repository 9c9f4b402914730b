"""Collections of single slices with a table, or with the facts in the names of the files.

``brats-slices`` and ``more-slices`` hold ``images/``, ``masks/`` and ``metadata.csv`` with ``image, mask, patient,
sequence, slice, tumor_px, core_px, pixel_spacing_mm`` (and ``collection, licence`` where they gather several);
``healthy-slices`` and ``ms-slices`` hold pictures alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from tumorlens.datasets.faults import Fault, Report, refuse
from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import Label, TumorClass, UnknownTumor

TABLE = "metadata.csv"
COLUMNS = ("image", "mask", "patient", "sequence", "slice", "tumor_px", "core_px", "pixel_spacing_mm")
SEQUENCES = {"t1": "t1", "t1ce": "t1c", "t1c": "t1c", "t2": "t2", "flair": "flair", "pd": "pd"}
CORE, WHOLE = (1, 4), (1, 2, 4)
"""Labels of BraTS: necrosis 1, edema 2, enhancing tumor 4. The core is what a reader outlines on T1 with contrast."""

_HEALTHY = re.compile(r"(Mild|Moderate|Non|VeryMild)Demented_.+\.jpe?g", re.IGNORECASE)
_MS = re.compile(
    r"(?P<patient>(?:cs)?patient\d+)(?:_study\d+)?_(?P<sequence>FLAIR|T1|T1W|T1POST|T2|T2W)_ax(?P<slice>\d+)\.jpe?g"
)
_MS_SEQUENCES = {"FLAIR": "flair", "T1": "t1", "T1W": "t1", "T1POST": "t1c", "T2": "t2", "T2W": "t2"}
_STRIPPED_ORIGINS = ("BraTS", "UTSW-Glioma", "OpenNeuro ds002748", "Pretreat-MetsToBrain")
_STRIPPED_WORDS = ("skull removed", "skull-stripped")
_NO_KIND = "Pretreat-MetsToBrain"
_UNKNOWN_PEOPLE = "M4Raw"


def load_brats(root: Path, report: Report = refuse) -> Collection:
    """Slices of BraTS 2021: glioma where the mask has any pixel, skull-stripped, the patient as group.

    On T1 with contrast the mask is the core (necrosis and enhancing tumor) where the slice has one.

    Raises:
        DatasetError: the table is missing or lacks a column, or, where ``report`` refuses, a file is missing.
    """
    rows = _rows(root)
    records = [_brats_record(root, row) for row in rows]
    return _checked(Collection("brats", root, tuple(records)), report)


def load_more(root: Path, report: Report = refuse) -> Collection:
    """Slices of many small open collections; ``source`` names the one, ``group`` the person.

    Raises:
        DatasetError: the table is missing or lacks a column, or, where ``report`` refuses, a file is missing.
    """
    rows = _rows(root)
    records = [_more_record(root, row) for row in rows]
    return _checked(Collection("more", root, tuple(records)), report)


def load_healthy(root: Path, report: Report = refuse) -> Collection:
    """Skull-stripped T1 slices of older people without a tumor; who is shown is not known.

    Raises:
        DatasetError: there is no such picture.
    """
    found = sorted(path for path in root.glob("*.jp*g") if _HEALTHY.fullmatch(path.name))
    if not found:
        raise DatasetError(
            f"There is no picture NonDemented_*.jpg or the like in {root}: pass the folder that holds them."
        )
    records = [
        Record(path.name, path, TumorClass.NO_TUMOR, sequence="t1", source="Alzheimer's 4 class", stripped=True)
        for path in found
    ]
    return Collection("healthy", root, tuple(records))


def load_ms(root: Path, report: Report = refuse) -> Collection:
    """Slices of patients with multiple sclerosis and no tumor, in several sequences.

    Whole heads, but for those of ``cspatient``, which are skull-stripped (seen by eye).

    Raises:
        DatasetError: there is no such picture.
    """
    records = []
    for path in sorted(root.glob("*.jp*g")):
        found = _MS.fullmatch(path.name)
        if found is None:
            continue
        records.append(
            Record(
                path.name,
                path,
                TumorClass.NO_TUMOR,
                group=found["patient"],
                sequence=_MS_SEQUENCES[found["sequence"]],
                source="open_ms_data",
                stripped=found["patient"].startswith("cspatient"),
                slice_index=int(found["slice"]),
            )
        )
    if not records:
        raise DatasetError(f"There is no picture patientNN_studyN_FLAIR_axN.jpg in {root}: pass their folder.")
    return Collection("ms", root, tuple(records))


def slice_table(root: Path) -> str | None:
    """Which of these collections ``root`` holds, or ``None``."""
    try:
        with (root / TABLE).open(newline="", encoding="utf-8") as stream:
            names = csv.DictReader(stream).fieldnames or ()
    except (OSError, UnicodeDecodeError):
        names = ()
    if set(COLUMNS) <= set(names):
        return "more" if "collection" in names else "brats"
    pictures = [path.name for path in root.glob("*.jp*g")]
    if pictures and all(_MS.fullmatch(name) for name in pictures):
        return "ms"
    return "healthy" if pictures and all(_HEALTHY.fullmatch(name) for name in pictures) else None


def _rows(root: Path) -> list[dict[str, str]]:
    table = root / TABLE
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = [one for one in COLUMNS if one not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(f"{table} lacks the column {', '.join(missing)}: it must have {', '.join(COLUMNS)}.")
            return list(reader)
    except OSError as error:
        raise DatasetError(f"{table} cannot be opened ({error.strerror}): pass the folder that holds it.") from error


def _brats_record(root: Path, row: Mapping[str, str]) -> Record:
    sequence = SEQUENCES[row["sequence"]]
    tumor = int(row["tumor_px"]) > 0
    core = sequence == "t1c" and int(row["core_px"] or 0) > 0
    label: Label = TumorClass.GLIOMA if tumor else TumorClass.NO_TUMOR
    return _record(root, row, label, "BraTS 2021", stripped=True, mask_values=CORE if core else WHOLE)


def _more_record(root: Path, row: Mapping[str, str]) -> Record:
    origin = row.get("collection", "")
    label: Label = TumorClass.NO_TUMOR
    if int(row["tumor_px"]) > 0:
        label = UnknownTumor.TUMOR if origin.startswith(_NO_KIND) else TumorClass.GLIOMA
    stripped = origin.startswith(_STRIPPED_ORIGINS) or any(word in origin for word in _STRIPPED_WORDS)
    return _record(root, row, label, origin, stripped=stripped, mask_values=WHOLE)


def _record(
    root: Path, row: Mapping[str, str], label: Label, origin: str, *, stripped: bool, mask_values: tuple[int, ...]
) -> Record:
    spacing = row["pixel_spacing_mm"]
    person = origin if origin.startswith(_UNKNOWN_PEOPLE) else row["patient"]
    return Record(
        f"images/{row['image']}",
        root / "images" / row["image"],
        label,
        group=person,
        mask=root / "masks" / row["mask"],
        spacing_mm=(float(spacing), float(spacing)) if spacing else None,
        sequence=SEQUENCES.get(row["sequence"]),
        source=origin,
        stripped=stripped,
        slice_index=int(row["slice"]) if row["slice"].isdecimal() else None,
        mask_values=mask_values,
        licence=row.get("licence") or None,
    )


def _checked(collection: Collection, report: Report) -> Collection:
    kept = []
    for one in collection:
        missing = next((path for path in (one.path, one.mask) if path is not None and not path.is_file()), None)
        if missing is None:
            kept.append(one)
        else:
            report(Fault("missing file", one.id, f"{missing} is named in {TABLE} and is not there: get it again."))
    if not kept:
        raise DatasetError(f"No picture of {collection.root / TABLE} is there: get the collection again.")
    return Collection(collection.name, collection.root, tuple(kept))
