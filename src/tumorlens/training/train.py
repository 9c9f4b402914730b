"""A whole run: the recipe's data, the trainer, the curves and the exported model, in one folder that can be resumed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError, OutputError, RecipeError, TrainingError, UnreadableFileError, UsageError
from tumorlens.training.curves import draw_curves
from tumorlens.training.fit import check_precision, fit, history
from tumorlens.training.logs import kept_log, mlflow_logger
from tumorlens.training.memory import keep_freed_memory
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder
from tumorlens.training.run_data import RunData, plan_data, prepare_data
from tumorlens.training.world import World

UNFINISHED = ("recipe.json", "environment.json", "data.json", "split.json", "logs", "tensorboard", "checkpoints")
CACHE_VARIABLE = "TUMORLENS_CACHE"
REFUSALS = (DatasetError, RecipeError, UnreadableFileError)
"""What is wrong with the data or the recipe, found before the first step: such a start leaves nothing behind."""
ONE_VALUE = "Expected more than 1 value per channel when training"
"""How torch's batch normalization begins its ValueError."""


@dataclass(frozen=True)
class Options:
    """How a recipe is run.

    Attributes:
        epochs: replaces the recipe's number of epochs; the run's ``recipe.json`` holds the number used.
        limit: images of each part, spread over the classes; all for ``None``.
        resume: go on from the last checkpoint, with the same recipe, epochs and images.
        cache: folder that keeps prepared images; ``None`` for what ``TUMORLENS_CACHE`` names, if anything.
        world: processes that train together.
        mlflow: address or folder of an MLflow store that logs the run too.

    Raises:
        UsageError: ``epochs`` or ``limit`` is below 1.
    """

    epochs: int | None = None
    limit: int | None = None
    resume: bool = False
    cache: Path | None = None
    world: World = field(default_factory=World)
    mlflow: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("--epochs", self.epochs), ("--limit", self.limit)):
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}: pass a whole number of at least 1, or leave it out.")

    @property
    def cache_folder(self) -> Path | None:
        """Folder of the cache, or ``None``."""
        named = os.environ.get(CACHE_VARIABLE)
        return self.cache or (Path(named) if named else None)


def train(recipe: Recipe, data: Path, out: Path, options: Options | None = None) -> RunFolder:
    """Train a recipe and export its best epoch.

    Args:
        recipe: what to train.
        data: folder of the recipe's collection, or of several collections.
        out: folder of the run.
        options: how; see :class:`Options`.

    Returns:
        The run's folder, with ``curves.png``, ``curves.svg`` and ``export/`` in it.

    Raises:
        RecipeError: the recipe does not fit the data, or its pretrained weights cannot be had.
        DatasetError: files of the collection are missing, or a part is empty or lacks a class.
        UnreadableFileError: an image cannot be read.
        TrainingError: the run cannot be resumed, or its loss became NaN.
        KeyboardInterrupt: it was interrupted, by Ctrl-C or SIGTERM; its message says how to go on.
        OutputError: ``out`` holds something else, or cannot be written.
    """
    options = options or Options()
    recipe = with_options(recipe, options)
    keep_freed_memory()
    run, known = RunFolder(out), out.exists()
    if options.world.leads:
        if not options.resume:
            _clear_unfinished(run)
        run.start(recipe, resume=options.resume)
    try:
        prepared = _load(recipe, data, run, options)
        if options.resume:
            _check_same_images(run, prepared)
        module = _fit(recipe, prepared, run, options)
    except REFUSALS:
        if options.world.leads and not options.resume:
            _clear_unfinished(run)
            if not known and not any(out.iterdir()):
                out.rmdir()
        raise
    if not options.world.leads:
        return run
    draw_curves(history(run), recipe.monitor, run.root, recipe.title)
    if not recipe.export:
        return run
    from tumorlens.training.finalize import finalize

    finalize(recipe, prepared, run, module)
    return run


def with_options(recipe: Recipe, options: Options) -> Recipe:
    """The recipe as it is run.

    Raises:
        TrainingError: its precision cannot be computed here.
        UsageError: its batches cannot be divided among the processes.
    """
    check_precision(recipe)
    if recipe.batch_size < options.world.size:
        raise UsageError(
            f"A batch of {recipe.batch_size} images cannot be divided among {options.world.size} processes: ask for "
            "fewer with --devices, or for a larger batch with --set batch_size=N."
        )
    return recipe if options.epochs is None else recipe.with_epochs(options.epochs)


def _clear_unfinished(run: RunFolder) -> None:
    """Remove what a run left that ended before its first checkpoint: there is nothing in it to resume or to lose."""
    if not (run.root / "recipe.json").is_file() or run.last.exists() or run.best.exists():
        return
    for name in UNFINISHED:
        path = run.root / name
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path}, left by an unfinished run, cannot be removed: {error.strerror}.") from error


def _load(recipe: Recipe, root: Path, run: RunFolder, options: Options) -> RunData:
    kept = run.root / "split.json"
    split = load_split(str(kept)) if options.resume and kept.is_file() else None
    plan = plan_data(recipe, root, options.limit, split)
    total = len(plan.records["train"]) + len(plan.records["validation"])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, disable=not options.world.leads) as progress:
        bar = progress.add_task("Reading images", total=total)
        return prepare_data(
            recipe, plan, cache=options.cache_folder, progress=lambda done: progress.update(bar, completed=done)
        )


def _check_same_images(run: RunFolder, prepared: RunData) -> None:
    """Refuse to go on with other images than those that the run was started on."""
    path = run.root / "data.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        known, before = kept["fingerprint"], kept["images"]["train"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path} cannot be read, so the run cannot be resumed: start it in another --out."
        ) from error
    if prepared.fingerprint != known:
        raise TrainingError(
            f"{run.root} was started on {before} training images, and the {len(prepared.records['train'])} given now "
            "are not the same files: resume with the same --data and --limit, or choose another --out."
        )


def _fit(recipe: Recipe, prepared: RunData, run: RunFolder, options: Options) -> TumorModule:
    try:
        if not options.world.leads:
            return fit(recipe, prepared, run, resume=options.resume, world=options.world)
        loggers = () if options.mlflow is None else (mlflow_logger(options.mlflow, recipe, run),)
        with kept_log(run):
            return fit(recipe, prepared, run, resume=options.resume, world=options.world, loggers=loggers)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        # Lightning leaves through SystemExit on Ctrl-C and SIGTERM, after its workers and logs are closed.
        raise KeyboardInterrupt(_how_to_go_on(recipe, run)) from interrupt
    except ValueError as error:
        if ONE_VALUE not in str(error):
            raise
        raise TrainingError(
            f"{recipe.name} normalizes over the batch, and in batches of {recipe.batch_size} its smallest maps hold "
            "one value: take larger batches (--set batch_size=N) or larger images "
            "(--set preprocessing.size=[ROWS,COLS])."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The run in {run.root} stopped because a file could not be written ({error.strerror or error}): mend that "
            f"and run the same command {'with --resume' if run.last.is_file() else 'again'}."
        ) from error


def _how_to_go_on(recipe: Recipe, run: RunFolder) -> str:
    if not run.last.is_file():
        return "Training was interrupted before its first epoch was finished: run the same command again to start over."
    done = int(torch.load(run.last, map_location="cpu", weights_only=True)["epoch"]) + 1
    return (
        f"Training was interrupted after {done} of {recipe.epochs} epochs, which are kept in {run.root}: run the same "
        "command with --resume to go on."
    )
