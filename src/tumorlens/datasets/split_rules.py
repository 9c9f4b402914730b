"""Splits made by rule: seeded random as published, or by patient or near-duplicate cluster as corrected.

Images are ordered by the SHA-256 of seed and id, so that a split depends on neither the order of the records nor the
version of any random generator, and adding an image moves no other.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tumorlens.datasets.crops import is_bad_crop
from tumorlens.datasets.reading import MATLAB_SUFFIX, grey_picture
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.similarity import NEAR_DUPLICATE, THUMBNAIL, clusters, thumbnail, thumbnails
from tumorlens.datasets.splits import Split
from tumorlens.errors import DatasetError

PARTS = ("train", "validation", "test")
_Share = Field(gt=0.0, lt=1.0)


class SplitRule(BaseModel):
    """How a collection is divided into training, validation and test images.

    Attributes:
        by: what is never divided: an image, a group (a patient), or a cluster of near-duplicates (thumbnails that
            correlate above 0.95, transitively). What shares a group or cluster with a test image is left out.
        test: name of a published part, or a share of the images, or ``None`` for no test part.
        validation: a share of what the test part leaves; ``"test"`` makes the test part the validation part too, and
            ``"half_of_test"`` takes one half of it.
        seed: chooses among the divisions that the rule allows.
        stratified: keep the shares of the classes alike in all parts.
        use_parts: the published parts to use; ``None`` for all.
        keep_train: share of the training part to keep, whatever else is left out.
        keep_validation: share of the validation part to keep.
        set_aside: ``"bad_crops"`` leaves out images whose head cannot be cropped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["image", "group", "cluster"] = "image"
    test: str | float | None = None
    validation: float | Literal["test", "half_of_test"] = 0.2
    seed: int = 0
    stratified: bool = True
    use_parts: tuple[str, ...] | None = None
    keep_train: float = Field(default=1.0, gt=0.0, le=1.0)
    keep_validation: float = Field(default=1.0, gt=0.0, le=1.0)
    set_aside: Literal["bad_crops"] | None = None

    @model_validator(mode="after")
    def _check(self) -> SplitRule:
        for name in ("test", "validation"):
            value = getattr(self, name)
            if isinstance(value, float) and not 0 < value < 1:
                raise ValueError(f"{name} {value} must be a share above 0 and below 1")
        if isinstance(self.validation, str) and self.test is None:
            raise ValueError(f"validation '{self.validation}' needs a test part, and test is null")
        if self.use_parts is not None and isinstance(self.test, str) and self.test not in self.use_parts:
            raise ValueError(f"test '{self.test}' is not among use_parts {list(self.use_parts)}")
        if self.validation == "test" and self.keep_validation < 1:
            raise ValueError("keep_validation must be 1 where validation is 'test'")
        return self

    def describe(self) -> str:
        """The rule in words, for the split file."""
        unit = {"image": "image", "group": "group (patient)", "cluster": "near-duplicate cluster"}[self.by]
        how = f"{'stratified ' if self.stratified else ''}by {unit}, seed {self.seed}"
        sentences = [
            "Test: none."
            if self.test is None
            else f"Test: the published part {self.test}."
            if isinstance(self.test, str)
            else f"Test: {self.test:.4g} of the images, {how}.",
            {"test": "Validation: the test part itself.", "half_of_test": f"Validation: half of the test part, {how}."}[
                self.validation
            ]
            if isinstance(self.validation, str)
            else f"Validation: {self.validation:.4g} of the rest, {how}.",
            "Train: what remains.",
        ]
        if self.use_parts is not None:
            sentences.append(f"Only the published parts {', '.join(self.use_parts)} are used.")
        if self.set_aside == "bad_crops":
            sentences.append("Left out: images whose head cannot be cropped.")
        if self.by != "image":
            sentences.append(f"Left out: images that share a {unit} with a test image without being in that part.")
        for name, share in (("training", self.keep_train), ("validation", self.keep_validation)):
            if share < 1:
                sentences.append(f"Only {share:.4g} of the {name} part is kept.")
        return " ".join(sentences)


def make_split(collection: Collection, rule: SplitRule) -> Split:
    """Divide a collection as the rule says; the same collection and rule always give the same split.

    Raises:
        DatasetError: an unknown published part, a group that is not known, too few groups, or a class that one part
            lacks and another has.
    """
    records = _used(collection, rule)
    left_out: list[Record] = []
    if rule.set_aside == "bad_crops":
        left_out = [record for record in records if is_bad_crop(record)]
        dropped = {record.id for record in left_out}
        records = [record for record in records if record.id not in dropped]
    division = _Division(collection, rule, records)
    test = division.test()
    rest = division.apart(records, test)
    left_out += _without(records, [*test, *rest])
    if rule.validation == "test":
        train, validation = rest, test
    elif rule.validation == "half_of_test":
        validation = division.share(test, 0.5, "half")
        train, test = rest, _without(test, validation)
    else:
        validation = division.share(rest, float(rule.validation), "validation")
        train = _without(rest, validation)
    kept_train = _kept(train, rule.keep_train, rule.seed)
    kept_validation = _kept(validation, rule.keep_validation, rule.seed)
    left_out += _without(train, kept_train) + _without(validation, kept_validation)
    parts = dict(zip(PARTS, (kept_train, kept_validation, test), strict=True))
    _check_parts(collection, rule, parts, division)
    values = rule.model_dump(mode="json")
    name = f"{collection.name}-{rule.by}-{hashlib.sha256(rule.model_dump_json().encode()).hexdigest()[:8]}"
    ids = {part: tuple(record.id for record in chosen) for part, chosen in parts.items()}
    dropped = {record.id for record in left_out}
    spare = tuple(record.id for record in collection if record.id in dropped)
    return Split(name, collection.name, rule.describe(), **ids, left_out=spare, rule=values)


def record_thumbnails(records: Sequence[Record]) -> NDArray[np.float32]:
    """Thumbnails of records, float32 ``[images, 2304]``, of the channel that is the picture.

    Raises:
        DatasetError: a file cannot be decoded.
        UnreadableFileError: the same, of a file that is no ordinary picture.
    """
    if all(record.channel is None and record.path.suffix.lower() != MATLAB_SUFFIX for record in records):
        return thumbnails([record.path for record in records])
    rows = np.empty((len(records), THUMBNAIL * THUMBNAIL), dtype=np.float32)
    for index, record in enumerate(records):
        rows[index] = thumbnail(grey_picture(record))
    return rows


class _Division:
    """The records of a collection with the unit that each belongs to, from which shares are drawn."""

    def __init__(self, collection: Collection, rule: SplitRule, records: list[Record]) -> None:
        self.collection, self.rule, self.records = collection, rule, records
        self.unit = dict(zip((record.id for record in records), _units(collection, rule, records), strict=True))

    def test(self) -> list[Record]:
        """Records of the test part, before any half of it is taken away."""
        if self.rule.test is None:
            return []
        if isinstance(self.rule.test, str):
            return [record for record in self.records if record.part == self.rule.test]
        return self.share(self.records, float(self.rule.test), "test")

    def apart(self, records: list[Record], test: list[Record]) -> list[Record]:
        """Records that share no unit with a test record."""
        taken = {self.unit[record.id] for record in test}
        return [record for record in records if self.unit[record.id] not in taken]

    def share(self, records: list[Record], share: float, purpose: str) -> list[Record]:
        """About ``share`` of the records, in whole units.

        Units come in the order of their hash; one is taken where it brings the counts of the classes (or the total,
        where not stratified) nearer to what was asked, in the sum of squares relative to each class's size. Where
        units are single images, every class ends within half an image of its share.
        """
        strata = sorted({self._stratum(record) for record in records})
        members: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            members[self.unit[record.id]].append(record)
        counts = {unit: self._counts(those, strata) for unit, those in members.items()}
        total = sum(counts.values(), start=np.zeros(len(strata)))
        missing = share * total
        chosen: set[str] = set()
        for unit in sorted(members, key=lambda one: _rank(self.rule.seed, purpose, one)):
            if float((counts[unit] * (2 * missing - counts[unit]) / total).sum()) > 1e-9:
                missing = missing - counts[unit]
                chosen.add(unit)
        return [record for record in records if self.unit[record.id] in chosen]

    def _stratum(self, record: Record) -> str:
        return str(record.label) if self.rule.stratified else ""

    def _counts(self, records: list[Record], strata: list[str]) -> NDArray[np.float64]:
        found = Counter(self._stratum(record) for record in records)
        return np.array([found[stratum] for stratum in strata], dtype=np.float64)


def _used(collection: Collection, rule: SplitRule) -> list[Record]:
    known = sorted({record.part for record in collection if record.part})
    wanted = [*(rule.use_parts or ()), *([rule.test] if isinstance(rule.test, str) else [])]
    for part in wanted:
        if part not in known:
            there = f"there are {', '.join(known)}" if known else "it has none"
            raise DatasetError(f"The collection '{collection.name}' has no published part '{part}': {there}.")
    return [record for record in collection if rule.use_parts is None or record.part in rule.use_parts]


def _units(collection: Collection, rule: SplitRule, records: list[Record]) -> list[str]:
    if rule.by == "image":
        return [record.id for record in records]
    if rule.by == "group":
        lacking = sum(record.group is None for record in records)
        if lacking:
            raise DatasetError(
                f"{lacking} of {len(records)} images of '{collection.name}' belong to no known group (patient): split "
                "it by cluster instead."
            )
        return [str(record.group) for record in records]
    found = clusters(record_thumbnails(records), NEAR_DUPLICATE)
    return [records[int(index)].id for index in found]


def _kept(records: list[Record], share: float, seed: int) -> list[Record]:
    """A random share of a part, whatever the groups: what is dropped goes nowhere else."""
    if share >= 1:
        return records
    order = sorted(records, key=lambda record: _rank(seed, "keep", record.id))
    chosen = {record.id for record in order[: round(share * len(records))]}
    return [record for record in records if record.id in chosen]


def _rank(seed: int, purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode("utf-8", "surrogateescape")).digest()


def _without(records: Iterable[Record], others: Iterable[Record]) -> list[Record]:
    taken = {record.id for record in others}
    return [record for record in records if record.id not in taken]


def _check_parts(collection: Collection, rule: SplitRule, parts: dict[str, list[Record]], division: _Division) -> None:
    wanted = [name for name in PARTS if name != "test" or rule.test is not None]
    units = len(set(division.unit.values()))
    what = {"image": "images", "group": "groups", "cluster": "near-duplicate clusters"}[rule.by]
    for name in wanted:
        if not parts[name]:
            raise DatasetError(
                f"The {name} part of '{collection.name}' would be empty: {units} {what} are too few for this rule, so "
                "ask for other shares."
            )
    classes = sorted({str(record.label) for name in wanted for record in parts[name]})
    for name in wanted:
        lacking = sorted(set(classes) - {str(record.label) for record in parts[name]})
        if lacking:
            raise DatasetError(
                f"The {name} part of '{collection.name}' would hold no image of {', '.join(lacking)} (from {units} "
                f"{what}): choose another seed, or ask for larger shares."
            )
