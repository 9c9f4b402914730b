"""A whole run of a gate, in one folder that can be resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tumorlens.errors import OutputError, TrainingError, UsageError
from tumorlens.training.environment import fingerprint
from tumorlens.training.gate.fit import GateModule, fit_gate, load_gate_module
from tumorlens.training.gate.pool import PARTS, GatePool, Shelf, load_gate_pool
from tumorlens.training.gate.recipe import GateRecipe
from tumorlens.training.memory import keep_freed_memory
from tumorlens.training.run import RunFolder


def train_gate(
    recipe: GateRecipe, data: Path, out: Path, *, resume: bool = False, limit: int | None = None
) -> RunFolder:
    """Train a gate, choose its border, export and measure it.

    Args:
        recipe: what to train.
        data: folder of all collections that the recipe names.
        out: folder of the run.
        resume: go on from the last checkpoint; a finished run is exported again.
        limit: pictures of each shelf at most; all for ``None``.

    Returns:
        The run's folder, with ``export/`` in it.

    Raises:
        RecipeError: the network cannot be built.
        DatasetError: a collection, a volume, a package or the folder of pictures is missing.
        TrainingError: there is nothing to resume, or the loss became NaN.
        UsageError: ``limit`` is below 1.
        KeyboardInterrupt: it was interrupted; its message says how to go on.
        OutputError: ``out`` holds something else, or cannot be written.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}: pass a whole number of at least 1, or leave it out.")
    keep_freed_memory()
    pool = limited(load_gate_pool(recipe, data), limit)
    run = RunFolder(out)
    run.start(recipe, resume=resume)
    facts = {
        "fingerprint": fingerprint(pool.files),
        "images": {part: pool.images(part) for part in PARTS},
        "train": {f"{one.kind}: {one.source}": len(one.pictures) for one in pool.train},
    }
    if resume and run.read_json("data.json").get("fingerprint") != facts["fingerprint"]:
        raise TrainingError(
            f"{run.root} was started on other pictures than those given now: resume with the same --data, or choose "
            "another --out."
        )
    run.write_json("data.json", facts)
    module = _fit(recipe, pool.train, run, resume)
    from tumorlens.training.gate.finalize import finalize_gate

    finalize_gate(recipe, pool, run, module, str(facts["fingerprint"]), data)
    return run


def limited(pool: GatePool, limit: int | None) -> GatePool:
    """The pool with at most ``limit`` pictures a shelf, spread over it."""
    if limit is None:
        return pool

    def cut(shelves: list[Shelf]) -> list[Shelf]:
        return [replace(one, pictures=one.pictures[:: max(1, -(-len(one.pictures) // limit))]) for one in shelves]

    return GatePool(cut(pool.train), cut(pool.validation), cut(pool.test), pool.files, pool.licences)


def _fit(recipe: GateRecipe, shelves: list[Shelf], run: RunFolder, resume: bool) -> GateModule:
    if resume and int(torch.load(run.last, map_location="cpu", weights_only=True)["epoch"]) + 1 >= recipe.epochs:
        return load_gate_module(recipe, run)
    try:
        return fit_gate(recipe, shelves, run, resume=resume)
    except (KeyboardInterrupt, SystemExit) as interrupt:
        how = "with --resume to go on" if run.last.is_file() else "again to start over"
        raise KeyboardInterrupt(f"Training was interrupted: run the same command {how}.") from interrupt
    except OSError as error:
        raise OutputError(
            f"The run in {run.root} stopped because a file could not be written ({error.strerror or error}): mend that "
            f"and run the same command {'with --resume' if run.last.is_file() else 'again'}."
        ) from error
