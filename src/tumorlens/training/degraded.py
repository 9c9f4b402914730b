"""A finished run answering its test images after they lost quality, as published E did, with a report of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import load_split
from tumorlens.errors import OutputError
from tumorlens.evaluation.degradations import degradation
from tumorlens.evaluation.predict import predict
from tumorlens.evaluation.predictions import Predictions, read_predictions
from tumorlens.evaluation.report import PREDICTIONS_FILE, read_report, write_classification_report
from tumorlens.evaluation.setting import Setting
from tumorlens.inference.manifest import read_manifest
from tumorlens.training.finalize import label_of
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder


def report_degraded(name: str, recipe: Recipe, run: RunFolder, data: Path) -> Path:
    """Report on the run's own test images, degraded as ``name`` says; one that is there already is taken as it is.

    Returns:
        Its folder, ``on-<name>`` in the run's, with confusion matrix, ROC and all that a report holds.

    Raises:
        UsageError: there is no such degradation.
        DatasetError: the images are not where they were.
        InputError: the run has no table of predictions.
        OutputError: a file cannot be written.
    """
    folder = run.root / f"on-{name}"
    if read_report(folder) is not None:
        return folder
    change = degradation(name, recipe.seed)
    clean, known = read_predictions(run.root / PREDICTIONS_FILE), read_report(run.root)
    assert isinstance(clean, Predictions)
    place = {image: row for row, image in enumerate(clean.ids)}
    split = load_split(str(run.root / "split.json"))
    collection = load_collection(recipe.data.collection, data)
    # Those that the run was tested on before, which a limit may have made fewer than the split has.
    records = [record for record in split.records(collection, "test") if record.id in place]
    answered = predict(run.export, records, degrade=change, label_of=label_of(recipe))
    rows = np.array([place[image] for image in answered.table.ids], dtype=np.int64)
    same = clean.subset(rows)
    table = replace(answered.table, groups=same.groups, similarity=same.similarity)
    setting = Setting(
        read_manifest(run.export),
        f"test part of the split {split.name}",
        recipe.data.collection,
        model=run.export,
        **({} if known is None else {key: known["data"][key] for key in ("grouped_by", "reference")}),
        degrade=name,
        change=change,
        seconds=answered.seconds,
        records=answered.records,
        published=recipe.published,
    )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    write_classification_report(folder, table, setting)
    return folder
