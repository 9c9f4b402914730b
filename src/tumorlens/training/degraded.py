"""A finished run answering its test images after they lost quality, as published E did."""

from __future__ import annotations

from pathlib import Path

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import load_split
from tumorlens.evaluation.degradations import degradation
from tumorlens.evaluation.predict import predict
from tumorlens.evaluation.predictions import Predictions
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder


def predict_degraded(name: str, recipe: Recipe, run: RunFolder, data: Path) -> Predictions:
    """Answers of the run's exported model on its own test part, degraded as ``name`` says.

    Raises:
        UsageError: there is no such degradation.
        DatasetError: the images are not where they were.
    """
    change = degradation(name, recipe.seed)
    collection = load_collection(recipe.data.collection, data)
    records = load_split(str(run.root / "split.json")).records(collection, "test")
    return predict(run.export, records, degrade=change).table
