"""Collections laid out as class folders, with or without published parts above them (Nickparvar, Sartaj, Br35H)."""

from __future__ import annotations

from pathlib import Path

from tumorlens.datasets.faults import Fault, Report, refuse
from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import FOLDER_ALIASES, PART_ALIASES, class_of_folder, part_of_folder

PARTS = ("Training", "Validation", "Testing")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


def load_folders(name: str, root: Path, report: Report = refuse) -> Collection:
    """Read ``root/Training|Testing/<class>/<image>``, or ``root/<class>/<image>`` where there are no parts.

    Parts and classes go by the names in ``tumorlens.labels``; records hold the parts as ``Training``, ``Validation``
    and ``Testing`` whatever their folders are called. A folder that holds nothing but one folder is passed through.

    Raises:
        DatasetError: no such folder, no image, or, where ``report`` refuses, an unknown class folder.
    """
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}: pass the folder that holds the '{name}' collection.")
    base = _inner(root)
    parts = sorted(
        (PARTS.index(part), folder) for folder in _folders(base) if (part := part_of_folder(folder.name)) is not None
    )
    above = [(PARTS[index], folder) for index, folder in parts] or [("", base)]
    if parts:
        for folder in _folders(base):
            if part_of_folder(folder.name) is None:
                known = ", ".join(sorted(PART_ALIASES))
                sentence = f"The folder '{folder.name}' in {base} stands beside parts but is none of {known}."
                report(Fault("unknown folder", folder.relative_to(base).as_posix(), f"{sentence[:-1]}: move it away."))
    records: list[Record] = []
    for part, outer in above:
        for folder in _folders(outer):
            records += _of_class(base, part, folder, report)
    if not records:
        raise DatasetError(
            f"There is no image below {root}: expected class folders such as glioma and notumor, alone or within "
            "Training and Testing."
        )
    return Collection(name, base, tuple(records))


def _of_class(base: Path, part: str, folder: Path, report: Report) -> list[Record]:
    label = class_of_folder(folder.name)
    if label is None:
        sentence = (
            f"The class folder '{folder.name}' in {folder.parent} is not known; the known ones are "
            f"{', '.join(sorted(FOLDER_ALIASES))}."
        )
        report(Fault("unknown folder", folder.relative_to(base).as_posix(), sentence))
        return []
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    return [Record(path.relative_to(base).as_posix(), path, label, part) for path in files]


def _inner(root: Path) -> Path:
    """The folder that holds parts or classes, below any folders that an archive has wrapped around it."""
    for _ in range(3):
        inside = _folders(root)
        if len(inside) != 1 or class_of_folder(inside[0].name) or part_of_folder(inside[0].name):
            break
        if not _folders(inside[0]):
            break
        root = inside[0]
    return root


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "__MACOSX")
