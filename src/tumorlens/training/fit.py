"""Train: the recipe's data through the Lightning trainer into checkpoints and logs."""

from __future__ import annotations

import csv
import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Record
from tumorlens.datasets.splits import Split, load_split
from tumorlens.errors import RecipeError
from tumorlens.training.data import (
    Batch,
    EpochSampler,
    PreparedImages,
    TrainingImages,
    join,
    prepare_phantoms,
    prepare_records,
)
from tumorlens.training.environment import describe_environment, fingerprint
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder

PHANTOM_SEED = 7919


@dataclass(frozen=True, eq=False)
class RunData:
    """Split, records and prepared images of a run."""

    split: Split
    records: dict[str, tuple[Record, ...]]
    train: PreparedImages
    validation: PreparedImages


def load_data(
    recipe: Recipe, root: Path, limit: int | None, progress: Callable[[int], None] = lambda done: None
) -> RunData:
    """Read the collection and prepare the training and validation parts (the first ``limit`` images of each class mix).

    Raises:
        RecipeError: the split is for another collection.
        DatasetError: files are missing or unreadable.
    """
    collection = load_collection(recipe.data.collection, root)
    split = load_split(recipe.data.split)
    if split.collection != recipe.data.collection:
        raise RecipeError(
            f"The split '{split.name}' divides '{split.collection}', and the recipe's collection is "
            f"'{recipe.data.collection}': name a split of that collection."
        )
    records = {part: _limited(split.records(collection, part), limit) for part in ("train", "validation", "test")}
    with_masks = recipe.task == "segmentation"
    train = prepare_records(records["train"], recipe.preprocessing, with_masks=with_masks, progress=progress)
    done = len(train)
    validation = prepare_records(
        records["validation"],
        recipe.preprocessing,
        with_masks=with_masks,
        progress=lambda count: progress(done + count),
    )
    phantoms = round(recipe.data.phantom_share * len(train))
    if phantoms:
        made = prepare_phantoms(phantoms, PHANTOM_SEED + recipe.seed, recipe.preprocessing, with_masks=with_masks)
        train = join(train, made)
    return RunData(split, records, train, validation)


def _limited(records: tuple[Record, ...], limit: int | None) -> tuple[Record, ...]:
    if limit is None or limit >= len(records):
        return records
    step = len(records) / limit
    return tuple(records[math.floor(index * step)] for index in range(limit))


def fit(recipe: Recipe, data: RunData, run: RunFolder, *, resume: bool, epochs: int | None = None) -> TumorModule:
    """Train to the end of the recipe, or go on from the last checkpoint; returns the module of the best epoch."""
    lightning.seed_everything(recipe.seed, workers=True, verbose=False)
    epochs = epochs or recipe.epochs
    steps = math.ceil(len(data.train) / recipe.batch_size)
    module = TumorModule(recipe, total_steps=steps * epochs)
    run.write_json("environment.json", describe_environment())
    paths = [record.path for part in data.records.values() for record in part]
    run.write_json(
        "data.json",
        {
            "collection": recipe.data.collection,
            "split": data.split.name,
            "split_sha256": data.split.sha256,
            "images": {part: len(records) for part, records in data.records.items()},
            "phantoms": len(data.train) - len(data.records["train"]),
            "fingerprint": fingerprint(paths),
        },
    )
    best = ModelCheckpoint(
        run.checkpoints, "best", monitor=recipe.monitor, mode=recipe.monitor_mode, enable_version_counter=False
    )
    last = ModelCheckpoint(run.checkpoints, "last", save_top_k=1, enable_version_counter=False, every_n_epochs=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"lightning\..*")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            max_epochs=epochs,
            precision="bf16-mixed" if recipe.precision == "bf16" else "32-true",
            gradient_clip_val=recipe.gradient_clip,
            callbacks=[best, last, RichProgressBar()],
            logger=[
                CSVLogger(run.root, name="", version="logs"),
                TensorBoardLogger(run.root, name="", version="tensorboard"),
            ],
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            enable_model_summary=False,
        )
        trainer.fit(
            module,
            _loader(recipe, data.train, training=True),
            _loader(recipe, data.validation, training=False),
            ckpt_path=str(run.last) if resume else None,
        )
    return load_best(recipe, run, steps * epochs)


def load_best(recipe: Recipe, run: RunFolder, total_steps: int = 1) -> TumorModule:
    """The module with the weights of the best epoch, in evaluation mode, on the CPU."""
    module = TumorModule(recipe, total_steps=total_steps)
    checkpoint = torch.load(run.best, map_location="cpu", weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()


def history(run: RunFolder) -> list[dict[str, float]]:
    """One row per epoch of the metrics in ``logs/metrics.csv``."""
    path = run.root / "logs" / "metrics.csv"
    rows: dict[int, dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            row = rows.setdefault(int(line["epoch"]), {"epoch": float(line["epoch"])})
            row.update({key: float(value) for key, value in line.items() if value and key not in ("epoch", "step")})
    return [rows[epoch] for epoch in sorted(rows)]


def _loader(recipe: Recipe, prepared: PreparedImages, *, training: bool) -> DataLoader[Batch]:
    images = TrainingImages(prepared, recipe.preprocessing, recipe.augmentation if training else None, recipe.seed)
    workers = recipe.workers if training else 0
    # A forked worker inherits OpenCV's locked thread pool and hangs, so workers start afresh.
    fresh = {"persistent_workers": True, "prefetch_factor": 4, "multiprocessing_context": "spawn"}
    options: dict[str, Any] = fresh if workers else {}
    return DataLoader(
        images,
        batch_size=recipe.batch_size,
        sampler=EpochSampler(len(images), recipe.seed, shuffle=training),
        num_workers=workers,
        worker_init_fn=_single_thread if workers else None,
        **options,
    )


def _single_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
