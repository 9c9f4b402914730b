"""The data of a run: collection, split, copies and prepared images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.split_rules import SplitRule, make_split
from tumorlens.datasets.splits import Split, load_split
from tumorlens.errors import DatasetError, RecipeError
from tumorlens.training.copies import originals, with_copies
from tumorlens.training.data import PreparedImages, join
from tumorlens.training.environment import fingerprint
from tumorlens.training.prepare import Preparation, Progress, prepare_phantoms, prepare_records
from tumorlens.training.recipe import Recipe

PHANTOM_SEED = 7919
# The recipes of a study divide the same collection alike, and finding near-duplicates takes seconds.
_split_by_rule = lru_cache(maxsize=4)(make_split)
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Plan:
    """Which records a run is about, before any picture is read.

    Attributes:
        split: how the collection is divided, with the copies of a recipe that makes them before dividing it.
        records: of each part, copies among them, after any limit.
        root: folder of the collection.
    """

    split: Split
    records: dict[str, tuple[Record, ...]]
    root: Path

    @property
    def paths(self) -> list[Path]:
        """Files of all images, copies left out."""
        return [record.path for part in PARTS for record in originals(self.records[part])]


@dataclass(frozen=True, eq=False)
class RunData:
    """Split, records and prepared images of a run.

    Attributes:
        split: how the collection is divided.
        records: of each part; copies are left out.
        train: what teaches: images, copies and phantoms.
        validation: what chooses the epoch.
        phantoms: made heads among ``train``.
        fingerprint: of the bytes of all files.
    """

    split: Split
    records: dict[str, tuple[Record, ...]]
    train: PreparedImages
    validation: PreparedImages
    phantoms: int
    fingerprint: str


def plan_data(recipe: Recipe, root: Path, limit: int | None, split: Split | None = None) -> Plan:
    """Divide the recipe's collection.

    Args:
        recipe: names the collection and how it is divided.
        root: folder of the collection, or of several.
        limit: at most this many images of each part, spread over the classes; all for ``None``.
        split: the split that a resumed run began with.

    Raises:
        RecipeError: the split is for another collection, or the data holds a class that the recipe does not label.
        DatasetError: files are missing, or a part is empty or lacks a class.
    """
    collection = load_collection(recipe.data.collection, root)
    offline = recipe.data.offline
    if offline is not None and offline.before_split:
        collection = Collection(collection.name, collection.root, with_copies(_used(collection, recipe), offline))
    if split is None:
        rule = recipe.data.split
        split = _split_by_rule(collection, rule) if isinstance(rule, SplitRule) else load_split(rule)
    if split.collection != recipe.data.collection:
        raise RecipeError(
            f"The split '{split.name}' divides '{split.collection}', and the recipe's collection is "
            f"'{recipe.data.collection}': name a split of that collection."
        )
    whole = {part: split.records(collection, part) for part in PARTS}
    records = {part: limited(chosen, limit) for part, chosen in whole.items()}
    _check_parts(recipe, split, records, limit)
    if offline is not None and not offline.before_split:
        share = len(records["train"]) / len(whole["train"])
        records["train"] = with_copies(records["train"], offline, share)
    return Plan(split, records, collection.root)


def prepare_data(
    recipe: Recipe, plan: Plan, *, cache: Path | None = None, progress: Progress = lambda done: None
) -> RunData:
    """Prepare the training and validation images of a plan.

    Raises:
        DatasetError: a mask is missing or does not fit.
        UnreadableFileError: an image cannot be read.
        OutputError: the cache cannot be written.
    """
    degrade = recipe.data.degrade
    preparation = Preparation(
        recipe.preprocessing,
        recipe.task == "segmentation",
        offline=recipe.data.offline,
        degrade="none" if degrade is None else degrade.train,
        seed=recipe.seed,
        cache=cache,
    )
    if recipe.task == "classification":
        preparation = replace(preparation, label_index=recipe.label_index)
    train = prepare_records(plan.records["train"], preparation, progress)
    done = len(train)
    validation = prepare_records(plan.records["validation"], preparation, lambda count: progress(done + count))
    phantoms = round(recipe.data.phantom_share * len(train))
    if phantoms:
        train = join(train, prepare_phantoms(phantoms, PHANTOM_SEED + recipe.seed, preparation))
    records = {part: originals(chosen) for part, chosen in plan.records.items()}
    return RunData(plan.split, records, train, validation, phantoms, fingerprint(plan.paths))


def limited(records: Sequence[Record], limit: int | None) -> tuple[Record, ...]:
    """At most ``limit`` records, as evenly from every class as there are, spread over each class, in their order."""
    if limit is None or limit >= len(records):
        return tuple(records)
    places: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        places.setdefault(str(record.label), []).append(index)
    quota = dict.fromkeys(places, 0)
    left = limit
    while left:
        for label, those in places.items():
            if left and quota[label] < len(those):
                quota[label] += 1
                left -= 1
    chosen = [
        those[step * len(those) // quota[label]] for label, those in places.items() for step in range(quota[label])
    ]
    return tuple(records[index] for index in sorted(chosen))


def _used(collection: Collection, recipe: Recipe) -> tuple[Record, ...]:
    """Records that the split rule uses: no copies are made of the others."""
    parts = recipe.data.split.use_parts if isinstance(recipe.data.split, SplitRule) else None
    return tuple(record for record in collection if parts is None or record.part in parts)


def _check_parts(recipe: Recipe, split: Split, records: dict[str, tuple[Record, ...]], limit: int | None) -> None:
    for name, part in (("training", "train"), ("validation", "validation")):
        if not records[part]:
            raise DatasetError(
                f"The split '{split.name}' has no {name} image: a run needs at least one to train on and one to "
                "choose the best epoch by."
            )
    if recipe.task != "classification":
        return
    for name in PARTS:
        found = {recipe.label_index(record.label) for record in records[name]}
        missing = [label for index, label in enumerate(recipe.classes) if index not in found]
        if records[name] and missing and (limit is None or limit >= len(recipe.classes)):
            raise DatasetError(
                f"The {name} part of the split '{split.name}' holds no image of {', '.join(missing)}, which the recipe "
                f"'{recipe.name}' labels: take another split or seed, or name the recipe's labels without it."
            )
