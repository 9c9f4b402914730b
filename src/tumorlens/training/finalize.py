"""The end of a run: export, parity, what validation chooses, the report on the test part, manifest and card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.datasets.records import Record
from tumorlens.evaluation.card import model_card_from
from tumorlens.evaluation.degradations import degradation
from tumorlens.evaluation.predict import Answered, outline, predict
from tumorlens.evaluation.report import Report, metrics_of, write_classification_report, write_segmentation_report
from tumorlens.evaluation.setting import Setting
from tumorlens.inference.manifest import CARD_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, Training, sha256_of
from tumorlens.inference.session import ModelSession
from tumorlens.io.atomic import write_atomic
from tumorlens.training.data import TrainingImages
from tumorlens.training.environment import describe_environment
from tumorlens.training.export import export_onnx, has_maps, parity
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder
from tumorlens.training.run_data import RunData
from tumorlens.training.select import choose_threshold, fit_temperature
from tumorlens.training.uncertainty import fit_area_interval, fit_prediction_sets

PARITY_IMAGES = 64
CURVES = "curves.png"


def finalize(recipe: Recipe, data: RunData, run: RunFolder, module: TumorModule) -> Manifest:
    """Export ``module``, describe it, and report on it; the test part is read here, once.

    Writes ``export/model.onnx``, ``export/manifest.json`` and ``export/card.md``, and where there is a test part
    ``predictions.csv``, ``metrics.json``, ``report.html`` and what belongs to them.

    Returns:
        The finished manifest.

    Raises:
        TrainingError: the network cannot be exported.
        OutputError: a file cannot be written.
    """
    run.export.mkdir(exist_ok=True)
    onnx_path = run.export / MODEL_FILE
    export_onnx(module, onnx_path)
    manifest = _draft(recipe, data, module, run)
    _write(run, manifest)
    session = ModelSession(run.export)
    validation = data.records["validation"]
    if recipe.task == "classification":
        temperature = fit_temperature(session, validation, recipe.label_index)
        manifest = manifest.model_copy(update={"temperature": round(temperature, 4)})
    else:
        threshold, fraction, _ = choose_threshold(session, validation)
        manifest = manifest.model_copy(update={"threshold": threshold, "min_region_fraction": fraction})
    _write(run, manifest)
    manifest = manifest.model_copy(update=_doubts(recipe, data, run))
    _write(run, manifest)
    report = report_on_test(recipe, data, run, manifest) if data.records["test"] else None
    if report is not None:
        manifest = manifest.model_copy(update={"metrics": metrics_of(report)})
        _write(run, manifest)
    card = model_card_from(report, manifest, f"tumorlens train {recipe.name} --data DATASETS --out RUN")
    write_atomic(run.export / CARD_FILE, card.encode())
    return manifest


def _doubts(recipe: Recipe, data: RunData, run: RunFolder) -> dict[str, Any]:
    validation = data.records["validation"]
    words = f"validation part of the split {data.split.name}, which chose the epoch and the threshold too"
    if recipe.task == "segmentation":
        return {"area_interval": fit_area_interval(ModelSession(run.export), validation, words)}
    words = words.replace("threshold", "temperature")
    return {"conformal": fit_prediction_sets(run.export, validation, label_of(recipe), words)}


def report_on_test(recipe: Recipe, data: RunData, run: RunFolder, manifest: Manifest) -> Report:
    """Answer the test part through the runtime that serves, and write predictions, figures, plots and ``report.html``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        DatasetError: no test image can be read.
        OutputError: a file cannot be written.
    """
    test = data.records["test"]
    name = None if recipe.data.degrade is None else recipe.data.degrade.test
    name = None if name == "none" else name
    change = None if name is None else degradation(name, recipe.seed)
    words = f"test part of the split {data.split.name}"
    taught = list(data.records["train"])
    if data.split.validation_is_test:
        words += ", which is its validation part too and chose the epoch"
    else:
        taught += data.records["validation"]
    curves = run.root / CURVES

    def setting(found: Answered[Any]) -> Setting:
        return Setting(
            manifest,
            words,
            recipe.data.collection,
            model=run.export,
            reference=f"training and validation images of the split {data.split.name}",
            grouped_by=found.grouped_by,
            neighbour=found.neighbour,
            seconds=found.seconds,
            records=found.records,
            degrade=name,
            change=change,
            published=recipe.published,
            curves=curves if curves.is_file() else None,
        )

    if recipe.task == "segmentation":
        outlined = outline(run.export, test, taught=taught, degrade=change)
        return write_segmentation_report(run.root, outlined.table, setting(outlined))
    answered = predict(run.export, test, taught=taught, degrade=change, label_of=label_of(recipe))
    return write_classification_report(run.root, answered.table, setting(answered))


def label_of(recipe: Recipe) -> Callable[[Record], str]:
    """The recipe's label that is right for a record."""
    return lambda record: recipe.classes[recipe.label_index(record.label)]


def _draft(recipe: Recipe, data: RunData, module: TumorModule, run: RunFolder) -> Manifest:
    onnx_path = run.export / MODEL_FILE
    images = TrainingImages(data.validation, recipe.preprocessing, None, recipe.seed)
    count = min(PARITY_IMAGES, len(images))
    inputs = [images[(0, index * len(images) // count)]["image"].numpy() for index in range(count)]
    environment = describe_environment()
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        task=recipe.task,
        preprocessing=recipe.preprocessing,
        classes=recipe.classes,
        activation="cam" if has_maps(module.network) else "none",
        flip_average=recipe.flip_average,
        parity=parity(module, onnx_path, np.stack(inputs)),
        training=Training(
            recipe=recipe.name,
            collection=recipe.data.collection,
            split=data.split.name,
            split_sha256=data.split.sha256,
            data_licence=CATALOGUE[recipe.data.collection].licence,
            images=len(data.records["train"]),
            phantoms=data.phantoms,
            data_fingerprint=data.fingerprint,
            seed=recipe.seed,
            epochs=recipe.epochs,
            pretrained=Path(recipe.model.pretrained).name,
            commit=environment["commit"],
            versions=environment["packages"],
        ),
        limits=recipe.limits,
        licence=recipe.licence,
        sha256=sha256_of(onnx_path),
    )


def _write(run: RunFolder, manifest: Manifest) -> None:
    write_atomic(run.export / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
