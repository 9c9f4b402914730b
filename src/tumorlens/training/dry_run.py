"""What a run would be: its network, its images, and the time, memory and disk that it would take."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tumorlens.errors import RecipeError
from tumorlens.models.describe import LayerRow, count_parameters, describe
from tumorlens.training.copies import is_copy
from tumorlens.training.data import PreparedImages, TrainingImages, batches_of
from tumorlens.training.module import TumorModule
from tumorlens.training.optimizers import make_optimizer
from tumorlens.training.phases import Course
from tumorlens.training.prepare import BYTES_RANGE
from tumorlens.training.recipe import Recipe
from tumorlens.training.run_data import PARTS, Plan, plan_data

STEPS = 2
PROBE_IMAGES = 4
MOMENTS = {"adam": 2, "adamw": 2, "adamax": 2, "sgd": 1}
MEGABYTE = 2**20


@dataclass(frozen=True)
class Estimate:
    """What a recipe would do, without doing it.

    Attributes:
        layers: of the network, in the order in which an image passes them.
        parameters: of the network, and those that learn in the first phase.
        images: records of each part, with copies, by part.
        copies: augmented copies among the training part.
        phantoms: made heads that join the training part.
        step_seconds: measured time of one training step on this machine, in the slowest phase.
        epoch_seconds: estimate for one epoch of the slowest phase, training and validation.
        total_seconds: estimate for all epochs of all phases.
        memory_bytes: estimate of prepared images, weights, gradients, optimizer and the activations of a batch.
        disk_bytes: estimate of checkpoints and export, without the cache.
        cache_bytes: size of the prepared images.
        free_bytes: free disk where the run would lie.
        lacking: why the pretrained weights cannot be had here, or ``None``.
    """

    layers: list[LayerRow]
    parameters: tuple[int, int]
    images: dict[str, int]
    copies: int
    phantoms: int
    step_seconds: float
    epoch_seconds: float
    total_seconds: float
    memory_bytes: int
    disk_bytes: int
    cache_bytes: int
    free_bytes: int
    lacking: str | None = None


def estimate(recipe: Recipe, data: Path, out: Path, limit: int | None = None) -> Estimate:
    """Build the network, divide the data and time a few steps on noise; nothing is written.

    Raises:
        RecipeError: the network cannot be built, or the data does not fit.
        DatasetError: the collection is missing or a part lacks a class.
    """
    plan = plan_data(recipe, data, limit)
    module, lacking = _built(recipe)
    course = Course(recipe, (), out / "none")
    counts = {part: len(plan.records[part]) for part in PARTS}
    phantoms = round(recipe.data.phantom_share * counts["train"])
    taught = {**counts, "train": counts["train"] + phantoms}
    batches = {part: batches_of(count, recipe.batch_size) for part, count in taught.items()}
    parameters, steps, epochs = [], [], []
    for number, phase in enumerate(course.phases):
        course.phase = number
        course.freeze(module)
        parameters.append(count_parameters(module.network))
        seconds, validation_seconds = _timed(recipe, module)
        steps.append(seconds)
        epochs.append((phase.epochs, seconds * batches["train"] + validation_seconds * batches["validation"]))
    total, learning = parameters[0][0], max(one for _, one in parameters)
    cached, made = _stored_bytes(recipe, plan), phantoms * _image_bytes(recipe)
    moments = MOMENTS[recipe.optimizer.name]
    weights = 4 * total
    return Estimate(
        layers=describe(module.network, recipe.preprocessing.size, recipe.preprocessing.channels),
        parameters=parameters[0],
        images=counts,
        copies=sum(is_copy(one) for one in plan.records["train"]),
        phantoms=phantoms,
        step_seconds=max(steps),
        epoch_seconds=max(seconds for _, seconds in epochs),
        total_seconds=sum(count * seconds for count, seconds in epochs),
        memory_bytes=cached + made + weights + 4 * learning * (1 + moments) + _activation_bytes(recipe, module),
        disk_bytes=2 * (weights + 4 * learning * moments) + weights // 2 + (weights if _restores(recipe) else 0),
        cache_bytes=cached,
        free_bytes=shutil.disk_usage(_existing(out)).free,
        lacking=lacking,
    )


def _built(recipe: Recipe) -> tuple[TumorModule, str | None]:
    """The network, and why its pretrained weights cannot be had: no figure depends on them, but the run would."""
    try:
        return TumorModule(recipe, total_steps=1), None
    except RecipeError as error:
        if recipe.model.pretrained == "none":
            raise
        return TumorModule(recipe, total_steps=1, pretrained=False), str(error)


def _timed(recipe: Recipe, module: TumorModule) -> tuple[float, float]:
    """Seconds of one training and of one validation step, images made ready included.

    A few images are timed and scaled to the batch, for a whole batch of a large network may take a minute.
    """
    steps = recipe.preprocessing
    dtype = np.uint8 if steps.intensities == BYTES_RANGE else np.float16
    count = min(PROBE_IMAGES, recipe.batch_size)
    drawn = np.random.default_rng(0).uniform(0, 1, (count, *steps.size))
    images = (drawn * 255).astype(dtype) if dtype == np.uint8 else drawn.astype(dtype)
    labels = np.arange(count, dtype=np.int64) % max(1, len(recipe.classes))
    masks = drawn > 0.9 if recipe.task == "segmentation" else None
    prepared = PreparedImages(images, masks, labels, tuple(map(str, range(count))))
    made = TrainingImages(prepared, steps, recipe.augmentation, recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = module.to(device)
    optimizer = make_optimizer(recipe, module.network)
    training, validating = [], []
    for step in range(STEPS):
        started = time.perf_counter()
        batch = {name: one.to(device) for name, one in made.__getitems__([(step, i) for i in range(count)]).items()}
        optimizer.zero_grad()
        loss = _loss(recipe, module, batch)
        loss.item()
        forward = time.perf_counter() - started
        torch.autograd.backward(loss)
        backward = time.perf_counter() - started - forward
        optimizer.step()
        update = time.perf_counter() - started - forward - backward
        scale = recipe.batch_size / count
        training.append(scale * (forward + backward) + update)
        validating.append(scale * forward)
    module.to("cpu")
    return min(training), min(validating)


def _loss(recipe: Recipe, module: TumorModule, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    kinds: dict[str, Any] = {"bf16": torch.bfloat16, "fp16": torch.float16}
    target = batch["label"] if recipe.task == "classification" else batch["mask"]
    device = batch["image"].device.type
    with torch.autocast(device, dtype=kinds.get(recipe.precision), enabled=recipe.precision in kinds):
        return module.answer(batch["image"], target)[1]


def _activation_bytes(recipe: Recipe, module: TumorModule) -> int:
    rows = describe(module.network, recipe.preprocessing.size, recipe.preprocessing.channels)
    numbers = sum(int(np.prod(one.output_shape[1:])) for one in rows if one.output_shape is not None)
    return 2 * numbers * recipe.batch_size * (4 if recipe.precision == "32" else 2)


def _stored_bytes(recipe: Recipe, plan: Plan) -> int:
    return (len(plan.records["train"]) + len(plan.records["validation"])) * _image_bytes(recipe)


def _image_bytes(recipe: Recipe) -> int:
    rows, cols = recipe.preprocessing.size
    size = 1 if recipe.preprocessing.intensities == BYTES_RANGE else 2
    return rows * cols * (size + (recipe.task == "segmentation"))


def _restores(recipe: Recipe) -> bool:
    return any(one.restore_best for one in recipe.callbacks)


def _existing(path: Path) -> Path:
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
