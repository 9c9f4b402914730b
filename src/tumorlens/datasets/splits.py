"""Which image trains, selects and tests: a split is a file, and a run names it by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        left_out: ids that no part holds: near-duplicates or group mates of a test image, and what a rule sets aside.
        rule: the :class:`~tumorlens.datasets.split_rules.SplitRule` that made it, as JSON, or ``None``.
    """

    name: str
    collection: str
    method: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    rule: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        parts = [self.train, self.test, self.left_out]
        if not self.validation_is_test or self.validation != self.test:
            parts.append(self.validation)
        if len(set().union(*parts)) != sum(len(part) for part in parts):
            raise DatasetError(f"The split '{self.name}' names an image twice: its parts must be disjoint.")

    def to_json(self) -> str:
        """The split as a JSON document with one id per line."""
        keys = ("name", "collection", "method", "train", "validation", "test", "left_out")
        values = {key: getattr(self, key) for key in keys}
        if self.rule is not None:
            values["rule"] = dict(self.rule)
        return json.dumps(values, indent=1) + "\n"

    @property
    def validation_is_test(self) -> bool:
        """Whether the rule makes the test part the validation part too, as one published protocol does: it leaks."""
        return self.rule is not None and self.rule.get("validation") == "test"

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
        rule = values.get("rule")
        return Split(
            values["name"], values["collection"], values["method"], **lists, rule=None if rule is None else dict(rule)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} is not a split file ({error!r}): make one with a split rule.") from error
