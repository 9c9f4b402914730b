"""Train: prepared images through the Lightning trainer into checkpoints and logs."""

from __future__ import annotations

import csv
import logging
import warnings
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from tumorlens.errors import TrainingError
from tumorlens.training.environment import describe_environment
from tumorlens.training.keras_semantics import EarlyStop, KerasCallback, ReduceOnPlateau
from tumorlens.training.loading import make_loader
from tumorlens.training.losses import balanced_weights
from tumorlens.training.module import TumorModule
from tumorlens.training.phases import Course
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder
from tumorlens.training.run_data import RunData
from tumorlens.training.world import World

PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class ProgressBar(RichProgressBar):
    """Lightning's bar without the logger's version, which says nothing to a reader."""

    def get_metrics(self, trainer: Any, pl_module: Any) -> dict[str, Any]:
        """Figures beside the bar."""
        return {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}


def fit(
    recipe: Recipe,
    data: RunData,
    run: RunFolder,
    *,
    resume: bool,
    world: World | None = None,
    loggers: tuple[Logger, ...] = (),
) -> TumorModule:
    """Train to the end of the recipe, or go on from the last checkpoint; returns the module of the best epoch."""
    world = world or World()
    check_precision(recipe)
    lightning.seed_everything(recipe.seed, workers=True, verbose=False)
    training = make_loader(recipe, data.train, training=True, world=world)
    steps = len(training) * recipe.epochs
    module = new_module(recipe, data, steps, pretrained=not resume)
    if world.leads:
        _describe(recipe, data, run)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"lightning\..*")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=world.devices,
            num_nodes=world.nodes,
            strategy=_strategy(recipe, world),
            sync_batchnorm=world.size > 1 and torch.cuda.is_available(),
            max_epochs=recipe.epochs,
            precision=PRECISIONS[recipe.precision],
            gradient_clip_val=recipe.gradient_clip,
            callbacks=[*_callbacks(recipe, run), ProgressBar(refresh_rate=5)],
            logger=[
                CSVLogger(run.root, name="", version="logs"),
                TensorBoardLogger(run.root, name="", version="tensorboard"),
                *loggers,
            ],
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            enable_model_summary=False,
        )
        trainer.fit(
            module,
            training,
            make_loader(recipe, data.validation, training=False, world=world),
            ckpt_path=str(run.last) if resume else None,
        )
    return load_best(recipe, run, steps)


def new_module(recipe: Recipe, data: RunData, total_steps: int, *, pretrained: bool = True) -> TumorModule:
    """The module before its first step, its labels weighted as the recipe says."""
    weights = None
    if recipe.class_weights == "balanced":
        weights = balanced_weights(torch.from_numpy(data.train.labels), len(recipe.classes))
    return TumorModule(recipe, total_steps, weights, pretrained=pretrained)


def check_precision(recipe: Recipe) -> None:
    """Refuse half precision with a narrow range where no GPU computes it.

    Raises:
        TrainingError: the precision is ``fp16`` and there is no GPU.
    """
    if recipe.precision == "fp16" and not torch.cuda.is_available():
        raise TrainingError(
            "The precision fp16 needs a GPU, and there is none here: take precision bf16 or 32 (--set precision=bf16)."
        )


def load_best(recipe: Recipe, run: RunFolder, total_steps: int = 1) -> TumorModule:
    """The module with the weights of the best epoch, in evaluation mode, on the CPU.

    That is the epoch that early stopping restores, where the recipe says so, else the best one by its ``monitor``.
    """
    module = TumorModule(recipe, total_steps=total_steps, pretrained=False)
    path = run.restored if run.restored.is_file() else run.best
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
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


def _strategy(recipe: Recipe, world: World) -> Any:
    if world.size == 1:
        return "auto"
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    return DDPStrategy(process_group_backend=backend, find_unused_parameters=bool(recipe.phases))


def _callbacks(recipe: Recipe, run: RunFolder) -> list[Callback]:
    watchers: list[KerasCallback] = [
        EarlyStop(one, place, run.restored) if one.name == "early_stopping" else ReduceOnPlateau(one, place)
        for place, one in enumerate(recipe.callbacks)
    ]
    # Written when the training epoch has ended, after the callbacks above have counted it, for an exact resume.
    common: dict[str, Any] = {"enable_version_counter": False, "save_on_train_epoch_end": True}
    best = ModelCheckpoint(run.checkpoints, "best", monitor=recipe.monitor, mode=recipe.monitor_mode, **common)
    last = ModelCheckpoint(run.checkpoints, "last", save_top_k=1, every_n_epochs=1, **common)
    return [*watchers, Course(recipe, watchers, run.restored), best, last]


def _describe(recipe: Recipe, data: RunData, run: RunFolder) -> None:
    run.write_json("environment.json", describe_environment())
    run.write_text("split.json", data.split.to_json())
    run.write_json(
        "data.json",
        {
            "collection": recipe.data.collection,
            "split": data.split.name,
            "split_sha256": data.split.sha256,
            "images": {part: len(records) for part, records in data.records.items()},
            "train_total": len(data.train),
            "phantoms": data.phantoms,
            "fingerprint": data.fingerprint,
        },
    )
