"""Which image trains, selects and tests: a split is a file, and a run names it by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError

FOLDER = Path(__file__).parent / "splits"


@dataclass(frozen=True)
class Split:
    """Ids of the images of each part, disjoint, and how they were chosen.

    Attributes:
        name: name of the split, and of its file.
        collection: catalogue name of the collection that the ids belong to.
        method: one sentence that says how the parts were chosen, with seeds and thresholds.
        train: ids that teach.
        validation: ids that choose the checkpoint, the threshold and the temperature.
        test: ids that are scored, once.
        left_out: ids that no part holds because they are near-duplicates of a test image.
    """

    name: str
    collection: str
    method: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parts = (self.train, self.validation, self.test, self.left_out)
        if len(set().union(*parts)) != sum(len(part) for part in parts):
            raise DatasetError(f"The split '{self.name}' names an image twice: its parts must be disjoint.")

    def to_json(self) -> str:
        """The split as a JSON document with one id per line."""
        keys = ("name", "collection", "method", "train", "validation", "test", "left_out")
        return json.dumps({key: getattr(self, key) for key in keys}, indent=1) + "\n"

    @property
    def sha256(self) -> str:
        """Hex digest of :meth:`to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def records(self, collection: Collection, part: str) -> tuple[Record, ...]:
        """Records of the part ``"train"``, ``"validation"`` or ``"test"``."""
        ids: Sequence[str] = getattr(self, part)
        return collection.select(ids)


def load_split(name: str) -> Split:
    """Read a split that ships with the package by name, or any split file by path.

    Raises:
        DatasetError: there is no such split, or the file is not one.
    """
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise DatasetError(
            f"There is no split '{name}'; those that ship are {known}, or pass the path of a .json file."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: tuple(values[key]) for key in ("train", "validation", "test", "left_out")}
        return Split(values["name"], values["collection"], values["method"], **lists)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is not a split file ({error!r}): make it with scripts/make_splits.py.") from error
