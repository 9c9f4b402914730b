"""The pictures that ``tumorlens data show`` draws, one after the other."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tumorlens.cli.outputs import make_folder
from tumorlens.datasets.catalogue import load_collection, recognize
from tumorlens.datasets.crops import crop_fails
from tumorlens.datasets.lgg import patient_ages
from tumorlens.datasets.reading import read_record
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.split_rules import record_thumbnails
from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError
from tumorlens.evaluation import dataset_plots as plots
from tumorlens.io import write_atomic
from tumorlens.preprocessing import Preprocessing

Say = Callable[[str, int, int | None], None]
_SIDE = 192


def draw_all(
    folder: Path, out: Path, name: str | None, split: str | None, limit: int, seed: int, say: Say
) -> tuple[list[Path], list[str]]:
    """Draw every picture that the collection has the data for; says what was written, and what was left out and why."""
    name = name or recognize(folder)
    say(f"Reading {name}", 0, None)
    collection = load_collection(name, folder)
    records = collection.records
    make_folder(out)
    counts, title = _counts(collection, split)
    pictures: dict[str, Callable[[Path], None]] = {
        "examples.png": lambda path: plots.plot_examples(path, records, seed),
        "images.csv": lambda path: _write_table(path, collection),
        "class-counts.png": lambda path: plots.plot_class_counts(path, counts, title),
        "masks.png": lambda path: plots.plot_masks(path, records, seed),
    }
    if name == "lgg":
        pictures["ages.png"] = lambda path: plots.plot_ages(path, patient_ages(collection))
    pictures["bad-crops.png"] = lambda path: plots.plot_bad_crops(path, _bad_crops(records, say), len(records))
    pictures["t-sne.png"] = lambda path: _draw_map(path, records, limit, seed)
    augments = importlib.util.find_spec("torch") is not None
    if augments:
        pictures["augmented.png"] = lambda path: _draw_augmented(path, records, seed)
    written, notes = plots.draw_each(pictures, out, say)
    if not augments:
        notes.append("Left out augmented.png: augmentation needs the train extra, pip install 'tumorlens[train]'.")
    return written, notes


def _counts(collection: Collection, split: str | None) -> tuple[dict[str, dict[str, int]], str]:
    if split is None:
        parts = dict.fromkeys(record.part for record in collection)
        return {part: plots.class_counts(collection.part(part)) for part in parts}, f"Images in {collection.name}"
    chosen = load_split(split)
    if chosen.collection != collection.name:
        raise DatasetError(
            f"The split '{split}' is of '{chosen.collection}', and the folder holds '{collection.name}'."
        )
    counts = {part: plots.class_counts(chosen.records(collection, part)) for part in ("train", "validation", "test")}
    return counts, f"Images in {collection.name}, split {chosen.name}"


def _write_table(path: Path, collection: Collection) -> None:
    """Image, mask, label, part and group of every record, below the collection's root."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(("image", "mask", "label", "tumor", "part", "group"))
    for one in collection:
        mask = "" if one.mask is None else one.mask.relative_to(collection.root).as_posix()
        table.writerow((one.id, mask, one.label, int(one.is_tumor), one.part, one.group or ""))
    write_atomic(path, stream.getvalue().encode("utf-8", "surrogateescape"))


def _bad_crops(records: tuple[Record, ...], say: Say) -> list[Record]:
    found = []
    for index, record in enumerate(records):
        say("Looking for bad crops", index, len(records))
        pixels = read_record(record).pixels
        if pixels.min() < pixels.max() and crop_fails(pixels):
            found.append(record)
    return found


def _draw_map(path: Path, records: tuple[Record, ...], limit: int, seed: int) -> None:
    chosen = plots.thumbnail_sample(records, limit, seed)
    plots.plot_map(path, record_thumbnails(chosen), [str(record.label) for record in chosen], seed)


def _draw_augmented(path: Path, records: tuple[Record, ...], seed: int) -> None:
    from tumorlens.augmentation import AffineRange, Augmentation, ElasticRange

    augmentation = Augmentation(
        affine=AffineRange(rotation=20, flip=0.5), elastic=ElasticRange(alpha=(10, 40), sigma=6, probability=0.7)
    )
    prepare = Preprocessing(size=(_SIDE, _SIDE))
    generator = np.random.default_rng(seed)
    # Slices with a tumor, where there are any: the others may lie at the end of a volume and show nothing.
    usable = [record for record in records if record.is_tumor] or list(records)
    rows = []
    for index in generator.permutation(len(usable))[:4]:
        original = prepare(read_record(usable[int(index)]).pixels).array[0]
        copies = [augmentation.sample(generator).apply(original)[0] for _ in range(5)]
        rows.append((original, copies))
    plots.plot_augmented(path, rows)
