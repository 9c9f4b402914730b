"""Train a reader: a pool of slices through the Lightning trainer into checkpoints and logs."""

from __future__ import annotations

import logging
import warnings

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from tumorlens.training.environment import describe_environment
from tumorlens.training.fit import ProgressBar
from tumorlens.training.reader.data import pool_loader, training_loader
from tumorlens.training.reader.draws import Draws
from tumorlens.training.reader.module import ReaderModule
from tumorlens.training.reader.pool import Pool
from tumorlens.training.reader.recipe import ReaderRecipe
from tumorlens.training.run import RunFolder

VALIDATED_EVERY = 5
"""Epochs; nothing is chosen by these figures, and they cost an eighth of an epoch."""


def fit_reader(recipe: ReaderRecipe, train: Pool, validation: Pool, run: RunFolder, *, resume: bool) -> ReaderModule:
    """Train to the end of the recipe, or go on from the last checkpoint; returns the module of the last epoch.

    The averaged weights of the last epoch answer: no epoch is chosen, so the validation part stays fresh for what is
    fitted on it afterwards.
    """
    lightning.seed_everything(recipe.seed, workers=True, verbose=False)
    training = training_loader(Draws(train, recipe), recipe)
    module = ReaderModule(recipe, len(training) * recipe.epochs, pretrained=not resume)
    run.write_json("environment.json", describe_environment())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"lightning\..*")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=recipe.epochs,
            check_val_every_n_epoch=min(VALIDATED_EVERY, recipe.epochs),
            precision="32-true",
            gradient_clip_val=recipe.gradient_clip,
            callbacks=[
                ModelCheckpoint(
                    run.checkpoints,
                    "last",
                    save_top_k=1,
                    every_n_epochs=1,
                    save_on_train_epoch_end=True,
                    enable_version_counter=False,
                ),
                ProgressBar(refresh_rate=5),
            ],
            logger=[
                CSVLogger(run.root, name="", version="logs"),
                TensorBoardLogger(run.root, name="", version="tensorboard"),
            ],
            num_sanity_val_steps=0,
            log_every_n_steps=20,
            enable_model_summary=False,
        )
        trainer.fit(module, training, pool_loader(validation, recipe), ckpt_path=str(run.last) if resume else None)
    return module.eval()


def load_reader(recipe: ReaderRecipe, run: RunFolder) -> ReaderModule:
    """The module of the last finished epoch, in evaluation mode."""
    module = ReaderModule(recipe, total_steps=1, pretrained=False)
    checkpoint = torch.load(run.last, map_location="cpu", weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()
