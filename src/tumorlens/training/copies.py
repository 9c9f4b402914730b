"""Augmented copies of records, made before training: which are made, and how each is drawn.

A copy is a record whose id ends in ``#`` and its number; it shares the files of the image that it is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tumorlens.augmentation import Sample
from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.training.recipe_parts import OfflineRecipe

MARK = "#"


def is_copy(record: Record) -> bool:
    """Whether the record is an augmented copy of another one."""
    return MARK in record.id


def originals(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records that are no copies."""
    return tuple(record for record in records if not is_copy(record))


def draw(record: Record, offline: OfflineRecipe) -> Sample:
    """What is done to the original of a copy; the same for the same id and seed."""
    digest = hashlib.sha256(record.id.encode("utf-8", "surrogateescape")).digest()
    return offline.augmentation.sample(np.random.default_rng([offline.seed, *np.frombuffer(digest[:16], np.uint32)]))


def with_copies(records: Sequence[Record], offline: OfflineRecipe, share: float = 1.0) -> tuple[Record, ...]:
    """The records with the copies that ``offline`` asks for, each right after its original.

    Args:
        records: originals.
        offline: what to make.
        share: factor on the counts that are absolute, for runs on part of the data.

    Raises:
        DatasetError: a mask cannot be read (``small_tumors``).
    """
    if offline.copies is not None:
        counts = [offline.copies] * len(records)
        kept = list(records)
    elif offline.per_class is not None:
        kept, counts = _balanced(records, max(1, round(offline.per_class * share)), offline.seed)
    else:
        assert offline.small_tumors is not None
        kept, counts = list(records), _of_small_tumors(records, round(offline.small_tumors * share), offline)
    made: list[Record] = []
    for record, count in zip(kept, counts, strict=True):
        made += [record, *(replace(record, id=f"{record.id}{MARK}{number}") for number in range(1, count + 1))]
    return tuple(made)


def _balanced(records: Sequence[Record], wanted: int, seed: int) -> tuple[list[Record], list[int]]:
    counts: dict[str, int] = {}
    kept: set[str] = set()
    for label in sorted({str(record.label) for record in records}):
        ids = [record.id for record in records if str(record.label) == label]
        order = np.random.default_rng([seed, 1]).permutation(len(ids))
        chosen = [ids[int(index)] for index in order][:wanted]
        kept.update(chosen)
        missing = wanted - len(chosen)
        for place, one in enumerate(chosen):
            counts[one] = missing // len(chosen) + (place < missing % len(chosen))
    found = [record for record in records if record.id in kept]
    return found, [counts[record.id] for record in found]


def _of_small_tumors(records: Sequence[Record], wanted: int, offline: OfflineRecipe) -> list[int]:
    areas = np.array([_tumor_share(record) for record in records])
    with_tumor = [int(index) for index in np.argsort(areas, kind="stable") if areas[index] > 0]
    small = with_tumor[: max(1, round(offline.small_share * len(with_tumor)))]
    counts = [0] * len(records)
    for turn in range(wanted if small else 0):
        counts[small[turn % len(small)]] += 1
    return counts


def _tumor_share(record: Record) -> float:
    mask = read_record_mask(record, read_record(record).pixels.shape)
    return float(mask.mean())
