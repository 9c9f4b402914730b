"""A whole run: the recipe's data, the trainer, the curves and the exported model, in one folder that can be resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tumorlens.datasets.splits import load_split
from tumorlens.errors import DatasetError, OutputError, TrainingError, UsageError
from tumorlens.training.curves import draw_curves
from tumorlens.training.environment import fingerprint
from tumorlens.training.fit import RunData, fit, history, load_data
from tumorlens.training.logs import kept_log
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder

UNFINISHED = ("recipe.json", "environment.json", "data.json", "logs", "tensorboard", "checkpoints")


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    epochs: int | None = None,
    limit: int | None = None,
    resume: bool = False,
) -> RunFolder:
    """Train a recipe and export its best epoch.

    Args:
        recipe: what to train.
        data: folder of the recipe's collection, or of several collections.
        out: folder of the run.
        epochs: replaces the recipe's number of epochs; the run's ``recipe.json`` holds the number used.
        limit: images of each part, spread evenly over it; all for ``None``.
        resume: go on from the last checkpoint in ``out``, with the same recipe, epochs and images.

    Returns:
        The run's folder, with ``curves.png``, ``curves.svg`` and ``export/`` in it.

    Raises:
        UsageError: ``epochs`` or ``limit`` is below 1.
        RecipeError: the recipe does not fit the data.
        DatasetError: files of the collection are missing, or a part is empty.
        UnreadableFileError: an image cannot be read.
        TrainingError: the run cannot be resumed, or its loss became NaN.
        KeyboardInterrupt: it was interrupted, by Ctrl-C or SIGTERM; its message says how to go on.
        OutputError: ``out`` holds something else, or cannot be written.
    """
    for name, value in (("--epochs", epochs), ("--limit", limit)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}: pass a whole number of at least 1, or leave it out.")
    if epochs is not None:
        recipe = recipe.model_copy(update={"epochs": epochs})
    run = RunFolder(out)
    if not resume:
        _clear_unfinished(run)
    run.start(recipe, resume=resume)
    prepared = _load(recipe, data, limit)
    if resume:
        _check_same_images(run, prepared)
    module = _fit(recipe, prepared, run, resume=resume)
    draw_curves(history(run), recipe.monitor, run.root, recipe.title)
    from tumorlens.training.finalize import finalize

    finalize(recipe, prepared, run, module)
    return run


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


def _load(recipe: Recipe, root: Path, limit: int | None) -> RunData:
    split = load_split(recipe.data.split)
    total = sum(min(len(part), limit or len(part)) for part in (split.train, split.validation))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("Reading images", total=total)
        prepared = load_data(recipe, root, limit, lambda done: progress.update(bar, completed=done))
    for name, part in (("training", prepared.train), ("validation", prepared.validation)):
        if not len(part):
            raise DatasetError(
                f"The split '{split.name}' has no {name} image: a run needs at least one to train on and one to "
                "choose the best epoch by."
            )
    return prepared


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
    found = fingerprint([record.path for part in prepared.records.values() for record in part])
    if found != known:
        raise TrainingError(
            f"{run.root} was started on {before} training images, and the {len(prepared.records['train'])} given now "
            "are not the same files: resume with the same --data and --limit, or choose another --out."
        )


def _fit(recipe: Recipe, prepared: RunData, run: RunFolder, *, resume: bool) -> TumorModule:
    try:
        with kept_log(run):
            return fit(recipe, prepared, run, resume=resume)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        # Lightning leaves through SystemExit on Ctrl-C and SIGTERM, after its workers and logs are closed.
        raise KeyboardInterrupt(_how_to_go_on(recipe, run)) from interrupt
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
