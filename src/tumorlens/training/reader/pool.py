"""All slices that a reader learns from, prepared once, with what is known of each."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.cache import ArraySpec, cached_items
from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.reading import content_hash, read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import random_phantom
from tumorlens.training.reader.recipe import ReaderRecipe, SourceRecipe

VERSION = 2
PHANTOM_SEED = 7919
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Item:
    """One slice and where it comes from."""

    collection: str
    record: Record

    @property
    def origin(self) -> str:
        """Collection of origin, such as ``"TCGA-GBM"``."""
        return self.record.source or self.collection

    @property
    def stratum(self) -> str:
        """``COLLECTION:ORIGIN/SEQUENCE/LABEL``, with ``stripped`` after the sequence where it is known to be."""
        stripped = "-stripped" if self.record.stripped else ""
        return f"{self.collection}:{self.origin}/{self.record.sequence or 'unknown'}{stripped}/{self.record.label}"

    @property
    def person(self) -> str:
        """Who is shown; every slice its own where nobody knows."""
        return f"{self.collection}:{self.record.group or self.record.id}"


@dataclass(frozen=True, eq=False)
class Pool:
    """Prepared slices.

    Attributes:
        items: what is known of each.
        images: uint8 ``[slices, rows, cols]``.
        masks: uint8 of the same shape, 0 or 1; all 0 where ``masked`` is false.
        masked: whether the mask is known (that of a slice without a tumor is), bool ``[slices]``.
        whole: whether the mask may hold more than a reader outlines (edema on T1 with contrast), bool ``[slices]``.
    """

    items: tuple[Item, ...]
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    masked: NDArray[np.bool_]
    whole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.items)


def divide(recipe: ReaderRecipe, data: Path) -> tuple[list[Item], list[Item]]:
    """Items that teach, and items that validate, of all sources of a recipe.

    Raises:
        DatasetError: a collection is missing.
    """
    train: list[Item] = []
    validation: list[Item] = []
    for source in recipe.sources:
        first, second = _divide_source(source, data, recipe.sampling.near)
        train += [Item(source.collection, one) for one in first]
        validation += [Item(source.collection, one) for one in second]
    if not train or not validation:
        raise DatasetError("The sources leave nothing to train on, or nothing to validate with: leave less out.")
    return train, validation


def _divide_source(source: SourceRecipe, data: Path, near: int) -> tuple[list[Record], list[Record]]:
    collection = load_collection(source.collection, data)
    if source.split is not None:
        split = load_split(source.split)
        parts = [list(split.records(collection, part)) for part in ("train", "validation")]
    else:
        parts = list(_by_group(tuple(collection), source))
    kept = [[one for one in part if not _is_left_out(one, source)] for part in parts]
    beside = _beside_tumor(tuple(collection), near)
    return [one for one in kept[0] if one.id not in beside], kept[1]


def _is_left_out(record: Record, source: SourceRecipe) -> bool:
    name = f"{record.source or source.collection}/{record.sequence or 'unknown'}/{record.group or record.id}"
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in source.leave_out)


def _by_group(records: Sequence[Record], source: SourceRecipe) -> tuple[list[Record], list[Record]]:
    """By a digest of the group's name: the same people validate whatever else is taken in or left out."""

    def validates(record: Record) -> bool:
        name = f"{source.collection}/{record.group or record.id}"
        return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < source.validation * 2**32

    return [one for one in records if not validates(one)], [one for one in records if validates(one)]


def _beside_tumor(records: Sequence[Record], near: int) -> set[str]:
    """Ids of tumor-free slices within ``near`` slices of a tumor of the same group and sequence."""
    tumors: dict[tuple[str, str], list[int]] = {}
    for one in records:
        if one.is_tumor and one.slice_index is not None and one.group:
            tumors.setdefault((one.group, one.sequence or ""), []).append(one.slice_index)
    found = set()
    for one in records:
        if one.is_tumor or one.slice_index is None or not one.group:
            continue
        places = tumors.get((one.group, one.sequence or ""), ())
        if any(abs(place - one.slice_index) <= near for place in places):
            found.add(one.id)
    return found


def limited(items: list[Item], limit: int | None) -> list[Item]:
    """At most ``limit`` items of every stratum, spread over it, in their order."""
    if limit is None:
        return items
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        places.setdefault(item.stratum, []).append(index)
    chosen = {
        those[step * len(those) // min(limit, len(those))]
        for those in places.values()
        for step in range(min(limit, len(those)))
    }
    return [item for index, item in enumerate(items) if index in chosen]


def prepare_pool(
    items: Sequence[Item],
    recipe: ReaderRecipe,
    *,
    cache: Path | None = None,
    progress: Progress = lambda done: None,
) -> Pool:
    """Read and prepare every item, or find them in the cache.

    Raises:
        DatasetError: a mask has another shape than its image.
        UnreadableFileError: an image cannot be read.
        OutputError: the cache cannot be written.
    """
    plain = recipe.preprocessing.plain()
    shape = (len(items), *plain.size)
    specs = {
        "images": ArraySpec(shape, np.uint8),
        "masks": ArraySpec(shape, np.uint8),
    }

    def fill(index: int) -> dict[str, NDArray[np.uint8]]:
        record = items[index].record
        pixels = read_record(record).pixels
        prepared = plain(pixels)
        mask = np.zeros(plain.size, dtype=np.uint8)
        if record.is_tumor and record.mask is not None:
            marked = read_record_mask(record, pixels.shape).astype(np.float32)
            mask = (prepared.geometry.forward(marked) > 0.5).astype(np.uint8)
        progress(index + 1)
        return {"images": np.rint(prepared.array[0] * 255).astype(np.uint8), "masks": mask}

    records = [one.record for one in items]
    key = {
        "version": VERSION,
        "kind": "reader pool",
        "content": content_hash(records, with_masks=True) if cache else "",
        "preprocessing": plain.model_dump(mode="json"),
    }
    arrays = cached_items(cache, key, specs, fill)
    progress(len(items))
    known = np.array([not one.is_tumor or one.mask is not None for one in records])
    return Pool(tuple(items), arrays["images"], arrays["masks"], known, np.array([_is_whole(one) for one in items]))


def with_phantoms(pool: Pool, recipe: ReaderRecipe) -> Pool:
    """The pool with the recipe's made heads, of all classes in turn."""
    if not recipe.phantoms:
        return pool
    plain = recipe.preprocessing.plain()
    images = np.zeros((recipe.phantoms, *plain.size), dtype=np.uint8)
    masks = np.zeros_like(images)
    items = []
    for index in range(recipe.phantoms):
        label = CLASSES[index % len(CLASSES)]
        phantom = random_phantom(np.random.default_rng([PHANTOM_SEED + recipe.seed, index]), label)
        prepared = plain(phantom.pixels)
        images[index] = np.rint(prepared.array[0] * 255).astype(np.uint8)
        masks[index] = prepared.geometry.forward(phantom.mask.astype(np.float32)) > 0.5
        name = f"phantom/{index:05d}"
        items.append(Item("phantoms", Record(name, Path(name), label, sequence="t1c", stripped=False)))
    return Pool(
        (*pool.items, *items),
        np.concatenate([pool.images, images]),
        np.concatenate([pool.masks, masks]),
        np.concatenate([pool.masked, np.ones(recipe.phantoms, dtype=np.bool_)]),
        np.concatenate([pool.whole, np.zeros(recipe.phantoms, dtype=np.bool_)]),
    )


def _is_whole(item: Item) -> bool:
    record = item.record
    return record.is_tumor and record.sequence in ("t1c", "t1ce") and item.collection == "more"


def is_kind(label: object) -> bool:
    """Whether a label is a kind of tumor."""
    return label in set(TumorClass) and label != TumorClass.NO_TUMOR
