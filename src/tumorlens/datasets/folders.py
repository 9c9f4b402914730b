"""Collections laid out as class folders, with or without published parts above them (Nickparvar, Sartaj)."""

from __future__ import annotations

from pathlib import Path

from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import FOLDER_ALIASES, class_of_folder

PARTS = ("Training", "Testing")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


def load_folders(name: str, root: Path) -> Collection:
    """Read ``root/Training|Testing/<class>/<image>``, or ``root/<class>/<image>`` where there are no parts.

    Raises:
        DatasetError: no such folder, an unknown class folder, or no image.
    """
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}: pass the folder that holds the '{name}' collection.")
    parts = [part for part in PARTS if (root / part).is_dir()] or [""]
    records: list[Record] = []
    for part in parts:
        for folder in sorted(path for path in (root / part).iterdir() if path.is_dir()):
            label = class_of_folder(folder.name)
            if label is None:
                raise DatasetError(
                    f"The class folder '{folder.name}' in {root / part} is not known; the known ones are "
                    f"{', '.join(sorted(FOLDER_ALIASES))}."
                )
            files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
            records += [Record(path.relative_to(root).as_posix(), path, label, part) for path in files]
    if not records:
        raise DatasetError(f"There is no image below {root}: expected {' and '.join(PARTS)} with class folders inside.")
    return Collection(name, root, tuple(records))
