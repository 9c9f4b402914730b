"""Which model, which images and what taught it: what a command names, found on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tumorlens.datasets.catalogue import CATALOGUE, load_collection, recognize
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.splits import Split, load_split
from tumorlens.errors import DatasetError, TumorlensError, UsageError
from tumorlens.evaluation.setting import UNKNOWN_REFERENCE
from tumorlens.inference.manifest import MANIFEST_FILE, Manifest, read_manifest
from tumorlens.inference.shipped import shipped_model, shipped_models

JOINED = " + "
"""Stands between the names of several collections or splits in a manifest."""
TAUGHT_BY_IT = "images of this collection taught the model, and which ones its manifest does not say"
PARTS = ("train", "validation", "test", "all")
COPY_MARK = "#"
"""An augmented copy's id is its original's, this mark and a number."""


@dataclass(frozen=True)
class Subject:
    """The model to evaluate.

    Attributes:
        folder: holds ``model.onnx`` and ``manifest.json``.
        manifest: the model's.
        run: folder of the run it came from, or ``None``.
        published: published figures that the run's recipe names.
    """

    folder: Path
    manifest: Manifest
    run: Path | None = None
    published: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The images to evaluate.

    Attributes:
        records: the images.
        data: which they are, in words.
        collection: catalogue name, or a name for a cohort.
        taught: what trained or chose the model, ``None`` where it is not at hand.
        reference: that in words.
    """

    records: tuple[Record, ...]
    data: str
    collection: str
    taught: tuple[Record, ...] | None
    reference: str


def find_model(name: str) -> Subject:
    """A run's folder, a model's folder, or the name of a model that ships.

    Raises:
        UsageError: it is none of these.
        WeightsError: its manifest cannot be read.
    """
    root = Path(name)
    if (root / "export" / MANIFEST_FILE).is_file():
        return Subject(root / "export", read_manifest(root / "export"), root, published_of(root))
    if (root / MANIFEST_FILE).is_file():
        return Subject(root, read_manifest(root))
    known = [path.name for path in shipped_models()]
    if name in known:
        return Subject(shipped_model(name), read_manifest(shipped_model(name)))
    if (root / "recipe.json").is_file():
        raise UsageError(
            f"The run {root} has no exported model yet: let it finish, or export it with tumorlens export."
        )
    raise UsageError(
        f"'{name}' is no run folder, no model folder and no model that ships ({', '.join(known)}): pass one of these."
    )


def published_of(run: Path) -> dict[str, float]:
    """Published figures in a run's recipe, by name; none where it has none."""
    try:
        found = json.loads((run / "recipe.json").read_text(encoding="utf-8")).get("published") or {}
    except (OSError, ValueError, AttributeError):
        return {}
    return {str(name): float(value) for name, value in found.items() if isinstance(value, int | float)}


def choose_records(
    subject: Subject, data: Path, *, collection: str | None = None, split: str | None = None, part: str = "test"
) -> Choice:
    """Images of a published collection.

    Args:
        subject: the model; its own collection and split are the defaults.
        data: folder of the collection, or of several.
        collection: catalogue name; for ``None`` the one that ``data`` holds if it is one alone, else the model's own,
            of several the first.
        split: name or file of a split; for ``None`` the one the model was trained with, if the collection is its own.
        part: ``train``, ``validation``, ``test`` or ``all``. Without a split, ``test`` is the published test folder, or
            all images where there is none.

    Raises:
        UsageError: an unknown part, or a part that needs a split.
        DatasetError: the collection or split cannot be read, or the part is empty.
    """
    if part not in PARTS:
        raise UsageError(f"There is no part '{part}': choose one of {', '.join(PARTS)}.")
    name = collection or _default_collection(subject, data)
    if name not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise UsageError(f"The collection '{name}' is not known; known are {known}: pass --collection, or --labels.")
    loaded = load_collection(name, data)
    own = _own_split(subject, name)
    chosen = load_split(split) if split is not None else own if own is not None and own.collection == name else None
    if chosen is not None and chosen.collection != name:
        raise UsageError(f"The split '{chosen.name}' divides '{chosen.collection}', and the collection is '{name}'.")
    records, words = _part(loaded, chosen, part)
    if not records:
        raise DatasetError(f"There are no images in the {words}: choose another part or split.")
    taught, reference = find_taught(subject, data, loaded)
    return Choice(records, words, name, taught, reference)


def find_taught(
    subject: Subject, data: Path | None, loaded: Collection | None = None
) -> tuple[tuple[Record, ...] | None, str]:
    """Records that trained or chose the model, and that in words; ``None`` where they are not at hand.

    Args:
        subject: the model.
        data: folder that may hold the collection it learned from.
        loaded: a collection that is read already.
    """
    own = _own_split(subject, None if loaded is None else loaded.name)
    if own is None or data is None:
        return None, UNKNOWN_REFERENCE
    if loaded is not None and len(_sources(subject)) > 1 and own.collection != loaded.name:
        taught = loaded.name in _sources(subject)
        return None, TAUGHT_BY_IT if taught else f"none of the images of {loaded.name} taught the model"
    try:
        found = (
            loaded if loaded is not None and loaded.name == own.collection else load_collection(own.collection, data)
        )
    except TumorlensError:
        return None, UNKNOWN_REFERENCE
    records = _originals(found, (*own.train, *own.validation))
    if not records:
        return None, UNKNOWN_REFERENCE
    return records, f"{len(records):,} training and validation images of the split {own.name}"


def _sources(subject: Subject) -> tuple[str, ...]:
    """Collections that the model was trained on."""
    return tuple(subject.manifest.training.collection.split(JOINED))


def _default_collection(subject: Subject, data: Path) -> str:
    sources = _sources(subject)
    if len(sources) == 1 and sources[0] in CATALOGUE:
        return sources[0]
    try:
        return recognize(data)
    except TumorlensError:
        return sources[0]


def _own_split(subject: Subject, collection: str | None = None) -> Split | None:
    """The split that the model was trained with, if it is the very same by its hash.

    Args:
        subject: the model.
        collection: of a model of several collections, whose split is meant; the first for ``None``.
    """
    training = subject.manifest.training
    written = subject.run / "split.json" if subject.run is not None else None
    names = [str(written)] if written is not None and written.is_file() else []
    for name in (*names, training.split):
        try:
            found = load_split(name)
        except TumorlensError:
            continue
        if found.sha256 == training.split_sha256:
            return found
    several = []
    for name in training.split.split(JOINED):
        with suppress(TumorlensError):
            several.append(load_split(name))
    digest = hashlib.sha256("".join(one.sha256 for one in several).encode()).hexdigest()
    if not several or digest != training.split_sha256:
        return None
    own = [one for one in several if one.collection == collection]
    return own[0] if own else several[0]


def _part(collection: Collection, split: Split | None, part: str) -> tuple[tuple[Record, ...], str]:
    entry = f"the collection {collection.name}"
    if part == "all":
        return collection.records, f"all images of {entry}"
    if split is not None:
        ids = [one for one in getattr(split, part) if COPY_MARK not in one]
        return collection.select(ids), f"{part} part of the split {split.name}"
    if part != "test":
        raise UsageError(f"Part '{part}' needs a split: pass --split, or --part test or all.")
    published = collection.part("Testing")
    return (
        (published, f"published test folder of {entry}")
        if published
        else (collection.records, f"all images of {entry}")
    )


def _originals(collection: Collection, ids: Sequence[str]) -> tuple[Record, ...]:
    """Records that ids stand for, once each; a copy stands for its original, and what is missing is left out."""
    by_id = {record.id: record for record in collection}
    wanted = dict.fromkeys(one.split(COPY_MARK)[0] for one in ids)
    return tuple(by_id[one] for one in wanted if one in by_id)
