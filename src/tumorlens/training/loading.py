"""Data loaders whose batches depend on seed, epoch and image alone."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader

from tumorlens.training.data import Batch, EpochBatches, EpochSampler, PreparedImages, TrainingImages
from tumorlens.training.recipe import Recipe
from tumorlens.training.world import World


def make_loader(
    recipe: Recipe, prepared: PreparedImages, *, training: bool, world: World | None = None
) -> DataLoader[Batch]:
    """Batches of the training part, augmented and in a drawn order, or of the validation part.

    Workers are started only where images are augmented one by one.
    """
    world = world or World()
    augmentation = recipe.augmentation if training or recipe.augment_validation else None
    images = TrainingImages(prepared, recipe.preprocessing, augmentation, recipe.seed)
    workers = recipe.workers if training and images.augmentation is not None else 0
    # A forked worker inherits OpenCV's locked thread pool and hangs, so workers start afresh.
    fresh = {"persistent_workers": True, "prefetch_factor": 4, "multiprocessing_context": "spawn"}
    options: dict[str, Any] = fresh if workers else {}
    sampler = EpochSampler(len(images), recipe.seed, shuffle=training)
    return DataLoader(
        images,
        batch_sampler=EpochBatches(sampler, recipe.batch_size, world.rank, world.size),
        collate_fn=_as_it_is,  # type: ignore[arg-type]
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_single_thread if workers else None,
        **options,
    )


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _single_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
