"""Is a collection whole and usable: counts, readability, class balance, mask pairs, bad crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.datasets.catalogue import Entry, entry_of, load_collection
from tumorlens.datasets.crops import crop_fails
from tumorlens.datasets.faults import Fault
from tumorlens.datasets.reading import read_mask_file, read_record
from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import InputError
from tumorlens.labels import TumorClass

_UNBALANCED = 3.0


@dataclass
class CheckReport:
    """What a check has found.

    Attributes:
        collection: name in the catalogue.
        root: folder that was checked.
        images: images found.
        groups: groups (patients) found, or ``None`` where the collection has none.
        parts: images by published part and label.
        faults: what makes images or masks unusable.
        notes: what is worth knowing and no fault: other counts than published, imbalance, empty slices.
        differences: the notes that say that counts are not the published ones.
        bad_crops: ids of the images in which no head can be found.
    """

    collection: str
    root: Path
    images: int = 0
    groups: int | None = None
    parts: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    bad_crops: list[str] = field(default_factory=list)

    def passes(self, *, strict: bool) -> bool:
        """Whether there is no fault, and, where ``strict``, no count other than published."""
        return not self.faults and not (strict and self.differences)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "collection": self.collection,
            "images": self.images,
            "groups": self.groups,
            "parts": self.parts,
            "faults": [{"kind": one.kind, "path": one.path, "sentence": one.sentence} for one in self.faults],
            "differences": self.differences,
            "notes": self.notes,
            "bad_crops": self.bad_crops,
        }


def check_collection(
    name: str, root: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> CheckReport:
    """Read every image and mask of a collection.

    Args:
        name: name in the catalogue.
        root: folder of the collection.
        progress: called with the images done and all of them.

    Raises:
        DatasetError: the folder has not the layout of the collection at all.
    """
    report = CheckReport(name, root)
    collection = load_collection(name, root, report.faults.append)
    constant = 0
    for index, record in enumerate(collection):
        constant += _check_record(record, report)
        progress(index + 1, len(collection))
    _count(collection, entry_of(name), report)
    if constant:
        report.notes.append(f"{constant} images are constant: empty slices, which no method can read.")
    if report.bad_crops:
        share = len(report.bad_crops) / max(1, report.images)
        report.notes.append(
            f"In {len(report.bad_crops):,} of {report.images:,} images ({share:.1%}) no head can be found, so that a "
            "crop to it keeps the whole picture."
        )
    return report


def _check_record(record: Record, report: CheckReport) -> bool:
    """Check one image and its mask, and say whether the image is constant."""
    try:
        pixels = read_record(record).pixels
    except InputError as error:
        report.faults.append(Fault("unreadable image", record.id, str(error)))
        return False
    constant = bool(pixels.min() == pixels.max())
    if not constant and crop_fails(pixels):
        report.bad_crops.append(record.id)
    if record.mask is not None:
        _check_mask(record, pixels.shape, report)
    return constant


def _check_mask(record: Record, shape: tuple[int, ...], report: CheckReport) -> None:
    assert record.mask is not None
    mask = read_mask_file(record.mask)
    if mask is None:
        report.faults.append(
            Fault("unreadable mask", record.id, f"The mask {record.mask} cannot be read: download it again.")
        )
    elif mask.shape != shape:
        sentence = f"The mask {record.mask} has shape {mask.shape}, and its image {shape}: they must be alike."
        report.faults.append(Fault("shape mismatch", record.id, sentence))
    elif record.is_tumor and not np.any(mask):
        sentence = f"The mask {record.mask} is empty, and its image is labeled {record.label}: correct either."
        report.faults.append(Fault("empty mask", record.id, sentence))


def _count(collection: Collection, entry: Entry, report: CheckReport) -> None:
    report.images = len(collection)
    groups = {record.group for record in collection if record.group is not None}
    report.groups = len(groups) or None
    for part in dict.fromkeys(record.part for record in collection):
        found = Counter(str(record.label) for record in collection.part(part))
        report.parts[part] = {label: found[label] for label in _in_order(found)}
    totals = Counter(str(record.label) for record in collection)
    smallest, largest = min(totals.values()), max(totals.values())
    if largest > _UNBALANCED * smallest:
        report.notes.append(
            f"The classes are unbalanced: the largest has {largest / smallest:.1f} times the images of the smallest."
        )
    if entry.published is None:
        return
    stated = [(f"of part {part}" if part else "in all", count) for part, count in entry.published.images.items()]
    there = [len(collection.part(part)) for part in entry.published.images]
    for (where, expected), count in zip(stated, there, strict=True):
        if count != expected:
            report.differences.append(f"Images {where}: {count:,}, published {expected:,} ({count - expected:+,}).")
    for label, expected in entry.published.classes.items():
        if totals[label] != expected:
            difference = f"{totals[label]:,}, published {expected:,} ({totals[label] - expected:+,})"
            report.differences.append(f"Images of {label}: {difference}.")
    expected_groups = entry.published.groups
    if expected_groups is not None and len(groups) != expected_groups:
        difference = f"{len(groups):,}, published {expected_groups:,} ({len(groups) - expected_groups:+,})"
        report.differences.append(f"Groups (patients): {difference}.")


def _in_order(labels: Counter[str]) -> list[str]:
    order = [str(one) for one in TumorClass]
    return sorted(labels, key=lambda label: order.index(label) if label in order else len(order))
