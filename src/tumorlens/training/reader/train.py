"""A whole run of a reader, in one folder that can be resumed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tumorlens.errors import OutputError, TrainingError, UsageError
from tumorlens.training.environment import fingerprint
from tumorlens.training.memory import keep_freed_memory
from tumorlens.training.reader.fit import fit_reader, load_reader
from tumorlens.training.reader.module import ReaderModule
from tumorlens.training.reader.pool import Item, Pool, divide, limited, prepare_pool, with_phantoms
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.run import RunFolder


def train_reader(
    recipe: ReaderRecipe,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    limit: int | None = None,
    cache: Path | None = None,
) -> RunFolder:
    """Train a reader and export it.

    Args:
        recipe: what to train.
        data: folder of all collections that the recipe names.
        out: folder of the run.
        resume: go on from the last checkpoint; a finished run is exported again.
        limit: slices of each stratum at most; all for ``None``.
        cache: folder that keeps prepared slices.

    Returns:
        The run's folder, with ``export/`` in it.

    Raises:
        RecipeError: the network cannot be built, or its pretrained weights cannot be had.
        DatasetError: a collection is missing, or a mask does not fit.
        UnreadableFileError: an image cannot be read.
        TrainingError: there is nothing to resume, or the loss became NaN.
        UsageError: ``limit`` is below 1.
        KeyboardInterrupt: it was interrupted; its message says how to go on.
        OutputError: ``out`` holds something else, or cannot be written.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}: pass a whole number of at least 1, or leave it out.")
    keep_freed_memory()
    train, validation = (limited(part, limit) for part in divide(recipe, data))
    run = RunFolder(out)
    run.start(recipe, resume=resume)
    paths = [one.record.path for one in (*train, *validation)]
    facts: dict[str, object] = {
        "fingerprint": fingerprint(paths),
        "images": {"train": len(train), "validation": len(validation)},
        "strata": dict(sorted(Counter(one.stratum for one in train).items())),
        "validation_strata": dict(sorted(Counter(one.stratum for one in validation).items())),
    }
    _check_same(run, facts, resume)
    run.write_json("data.json", facts)
    pools = [_prepared(part, recipe, cache, name) for part, name in ((train, "training"), (validation, "validation"))]
    pools[0] = with_phantoms(pools[0], recipe)
    module = _fit(recipe, pools[0], pools[1], run, resume)
    from tumorlens.training.reader.finalize import finalize_reader

    finalize_reader(recipe, pools[0], pools[1], run, module, str(facts["fingerprint"]))
    return run


def _prepared(items: list[Item], recipe: ReaderRecipe, cache: Path | None, name: str) -> Pool:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task(f"Reading {name} slices", total=len(items))
        return prepare_pool(items, recipe, cache=cache, progress=lambda done: progress.update(bar, completed=done))


def _check_same(run: RunFolder, facts: dict[str, object], resume: bool) -> None:
    if not resume:
        return
    kept = run.read_json("data.json")
    if kept.get("fingerprint") != facts["fingerprint"]:
        raise TrainingError(
            f"{run.root} was started on other slices than those given now: resume with the same --data and --limit, or "
            "choose another --out."
        )


def _fit(recipe: ReaderRecipe, train: Pool, validation: Pool, run: RunFolder, resume: bool) -> ReaderModule:
    import torch

    if resume and int(torch.load(run.last, map_location="cpu", weights_only=True)["epoch"]) + 1 >= recipe.epochs:
        return load_reader(recipe, run)
    try:
        return fit_reader(recipe, train, validation, run, resume=resume)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        how = "with --resume to go on" if run.last.is_file() else "again to start over"
        raise KeyboardInterrupt(f"Training was interrupted: run the same command {how}.") from interrupt
    except OSError as error:
        raise OutputError(
            f"The run in {run.root} stopped because a file could not be written ({error.strerror or error}): mend that "
            f"and run the same command {'with --resume' if run.last.is_file() else 'again'}."
        ) from error
