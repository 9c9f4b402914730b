"""A finished run once more: its network with the best weights, and its export."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tumorlens.datasets.splits import load_split
from tumorlens.errors import OutputError, TrainingError, UsageError
from tumorlens.inference.manifest import CARD_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, read_manifest, sha256_of
from tumorlens.io.atomic import write_atomic
from tumorlens.phantoms import random_phantom
from tumorlens.training.export import export_onnx, parity
from tumorlens.training.finalize import finalize
from tumorlens.training.fit import load_best
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder
from tumorlens.training.run_data import plan_data, prepare_data

PARITY_IMAGES = 16


@dataclass(frozen=True)
class Exported:
    """What was exported: its manifest and its folder, and the digest of the ONNX file that was there before."""

    manifest: Manifest
    folder: Path
    before: str | None


def open_run(folder: Path) -> tuple[Recipe, RunFolder, TumorModule]:
    """Recipe and network of a run, with the weights of its best epoch.

    Raises:
        UsageError: it is no run, or has no checkpoint.
        TrainingError: its recipe or checkpoint cannot be read by this version.
    """
    run = RunFolder(folder)
    try:
        recipe = Recipe.model_validate_json((folder / "recipe.json").read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder} is no run, for it has no recipe.json: pass a folder made by tumorlens train."
        ) from error
    except ValidationError as error:
        raise TrainingError(
            f"The recipe of {folder} is not one of this version of tumorlens: train it again."
        ) from error
    if not run.best.is_file() and not run.restored.is_file():
        raise UsageError(f"The run {folder} has no checkpoint of a best epoch: train it for at least one epoch.")
    try:
        return recipe, run, load_best(recipe, run)
    except Exception as error:  # torch raises many classes for a damaged file
        raise TrainingError(
            f"The checkpoint of {folder} cannot be read ({type(error).__name__}): train it again."
        ) from error


def export_again(folder: Path, out: Path | None = None, *, half: bool = True, data: Path | None = None) -> Exported:
    """Export the best checkpoint of a run as ONNX with its manifest, and check it against torch.

    Temperature, threshold and figures stay those of the run's manifest, for the weights are the same. A run that ended
    before it had one is finished here, for which its images are needed.

    Args:
        folder: of the run.
        out: model folder; the run's own ``export`` for ``None``.
        half: whether large weights are stored in half precision.
        data: folder of the collection, for a run that has no manifest yet.

    Raises:
        UsageError: it is no run, has no checkpoint, or has no manifest and ``data`` is not given.
        TrainingError: the network cannot be exported, or the images are not those of the run.
        OutputError: a file cannot be written.
    """
    recipe, run, module = open_run(folder)
    target = out or run.export
    if target != run.export and target.is_dir() and any(target.iterdir()) and not (target / MANIFEST_FILE).is_file():
        raise OutputError(f"{target} holds something else than a model: choose another --out.")
    if not (run.export / MANIFEST_FILE).is_file():
        _finish(recipe, run, module, data)
    before = read_manifest(run.export)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {target} cannot be made: {error.strerror}.") from error
    export_onnx(module, target / MODEL_FILE, half=half)
    found = sha256_of(target / MODEL_FILE)
    values = {"sha256": found, "parity": parity(module, target / MODEL_FILE, _inputs(recipe))}
    if found != before.sha256:
        origin = f"Figures were measured on the export {before.sha256[:12]} of the same weights."
        values["limits"] = (
            *(line for line in before.limits if not line.startswith("Figures were measured on")),
            origin,
        )
    manifest = before.model_copy(update=values)
    write_atomic(target / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
    card = run.export / CARD_FILE
    if target != run.export and card.is_file():
        shutil.copyfile(card, target / CARD_FILE)
    return Exported(manifest, target, before.sha256)


def _finish(recipe: Recipe, run: RunFolder, module: TumorModule, data: Path | None) -> None:
    if data is None:
        raise UsageError(
            f"The run {run.root} ended before its figures were measured: pass --data with its collection to finish it."
        )
    try:
        kept = json.loads((run.root / "data.json").read_text(encoding="utf-8"))
        known = str(kept["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{run.root / 'data.json'} cannot be read, so the run cannot be finished.") from error
    prepared = prepare_data(recipe, plan_data(recipe, data, None, load_split(str(run.root / "split.json"))))
    if prepared.fingerprint != known:
        raise TrainingError(
            f"{run.root} was trained on other images than those in {data}, or on a part of them (--limit): finish it "
            "with tumorlens train and --resume, with what it was started with."
        )
    finalize(recipe, prepared, run, module)


def _inputs(recipe: Recipe) -> NDArray[np.float32]:
    """Made heads as the network takes them, so that parity needs no data."""
    heads = [random_phantom(np.random.default_rng([recipe.seed, one])).pixels for one in range(PARITY_IMAGES)]
    return np.stack([recipe.preprocessing(one).array for one in heads])


def check_is_network(folder: Path) -> None:
    """Refuse a model folder where a run is needed, for ONNX keeps no layers to look into.

    Raises:
        UsageError: it is a model folder.
        WeightsError: it has a damaged manifest.
    """
    if (folder / MANIFEST_FILE).is_file() and not (folder / "recipe.json").is_file():
        name = read_manifest(folder).name
        raise UsageError(f"{folder} is the exported model {name}, whose layers cannot be looked into: pass its run.")
