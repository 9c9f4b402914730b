"""Which images a folder holds, and what its layout says of each: class, part, group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorlens.datasets.catalogue import CATALOGUE, load_collection
from tumorlens.datasets.figshare import COLUMNS, load_figshare
from tumorlens.datasets.records import Collection
from tumorlens.errors import DatasetError
from tumorlens.labels import class_of_folder

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".dcm", ".dicom", ".ima"}
)
TRAIN_NAMES = ("training", "train")
TEST_NAMES = ("testing", "test")
OTHER_PARTS = ("validation", "valid", "val")


@dataclass(frozen=True)
class Item:
    """One image under audit.

    Attributes:
        id: path below the root, with ``/``.
        path: where the file lies.
        label: class by the layout, ``""`` where there is none.
        part: published part (a folder such as ``"Training"``), ``""`` where there is none.
        group: patient or group where the collection states it, else ``None``.
        source: collection of origin where a collection gathers several, else ``""``.
    """

    id: str
    path: Path
    label: str = ""
    part: str = ""
    group: str | None = None
    source: str = ""


@dataclass(frozen=True)
class Listing:
    """Images of one folder, in a fixed natural order, and the parts that teach and that test.

    Attributes:
        name: catalogue name where the collection is known, else the folder's name.
        train: name of the part that teaches, ``""`` where there is none.
        test: name of the part that tests, ``""`` where there is none.
    """

    name: str
    root: Path
    items: tuple[Item, ...]
    train: str = ""
    test: str = ""

    def __len__(self) -> int:
        return len(self.items)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which ``image(9)`` comes before ``image(10)``."""
    return tuple(
        (0, int(piece), "") if piece.isdecimal() and piece.isascii() else (1, 0, piece)
        for piece in re.split(r"([0-9]+)", text)
    )


def list_items(root: Path, train: str | None = None, test: str | None = None, name: str | None = None) -> Listing:
    """Images below ``root``: a known collection, class folders with or without parts, or a plain folder.

    Args:
        root: the folder.
        train: sub-folder that teaches; recognized by its name where ``None``.
        test: sub-folder that tests; recognized by its name where ``None``.
        name: catalogue name to give the collection; recognized by the folder's name where ``None``.

    Raises:
        DatasetError: no such folder, no such part, or no image.
    """
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}: pass the folder that holds the images.")
    known = name or next((entry.name for entry in CATALOGUE.values() if root.name == entry.folder), None)
    if train is None and test is None and (collection := _published(root, known)) is not None:
        return _from_collection(collection)
    parts = _parts(root, train, test)
    items = [item for part in parts for item in _walk(root, part)]
    if not items:
        raise DatasetError(f"There is no image below {root}: expected files such as .jpg, .png or .dcm.")
    items.sort(key=lambda item: (parts.index(item.part), natural_key(item.id)))
    return Listing(known or root.resolve().name, root, tuple(items), *_roles(parts, train, test))


def _published(root: Path, known: str | None) -> Collection | None:
    """The collection where its layout is more than class folders: a table of groups, patients' folders."""
    table = root / "metadata.csv"
    if table.is_file() and table.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip() == ",".join(
        COLUMNS
    ):
        return load_figshare(root)
    if known is None or known not in CATALOGUE:
        return None
    collection = load_collection(known, root)
    return collection if any(record.group is not None or record.source for record in collection) else None


def _from_collection(collection: Collection) -> Listing:
    items = [
        Item(record.id, record.path, str(record.label), record.part, record.group, record.source or "")
        for record in sorted(collection, key=lambda record: natural_key(record.id))
    ]
    parts = sorted({item.part for item in items})
    return Listing(collection.name, collection.root, tuple(items), *_roles(parts, None, None))


def _parts(root: Path, train: str | None, test: str | None) -> list[str]:
    """Sub-folders that are parts and not classes, ``[""]`` where there are none."""
    named = [part for part in (train, test) if part is not None]
    for part in named:
        if not (root / part).is_dir():
            have = ", ".join(sorted(path.name for path in root.iterdir() if path.is_dir())) or "none"
            raise DatasetError(f"There is no sub-folder '{part}' in {root}; there are: {have}.")
    if train is not None and train == test:
        raise DatasetError(f"--train and --test both name '{train}': they must be two folders.")
    if train is not None and test is not None:
        return [train, test]
    known = (*TRAIN_NAMES, *OTHER_PARTS, *TEST_NAMES)
    found = {path.name for path in root.iterdir() if path.is_dir() and path.name.lower() in known} | set(named)
    return sorted(found, key=lambda part: known.index(part.lower()) if part.lower() in known else -1) or [""]


def _roles(parts: Sequence[str], train: str | None, test: str | None) -> tuple[str, str]:
    teaching = train or next((part for part in parts if part.lower() in TRAIN_NAMES), "")
    testing = test or next((part for part in parts if part.lower() in TEST_NAMES), "")
    return teaching, testing


def _walk(root: Path, part: str) -> Iterator[Item]:
    """Images of one part; the first folder below it names the class."""
    base = root / part if part else root
    for path in base.rglob("*"):
        inner = path.relative_to(base).parts
        if path.suffix.lower() not in SUFFIXES or any(piece.startswith(".") for piece in inner) or not path.is_file():
            continue
        if path.stem.lower().endswith("_mask") or "masks" in (piece.lower() for piece in inner[:-1]):
            continue
        folder = inner[0] if len(inner) > 1 else ""
        known = class_of_folder(folder)
        yield Item(path.relative_to(root).as_posix(), path, folder if known is None else str(known), part)
