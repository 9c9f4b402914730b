"""The end of a run: export, parity, what validation chooses, the report on the test part, manifest and card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.datasets.records import Record
from tumorlens.evaluation.calibration import fit_temperature, tempered
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
from tumorlens.training.select import class_logits, try_outlines
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
    if data.records["validation"]:
        manifest = manifest.model_copy(update=_chosen(recipe, data, ModelSession(run.export)))
        _write(run, manifest)
    report = report_on_test(recipe, data, run, manifest) if data.records["test"] else None
    if report is not None:
        manifest = manifest.model_copy(update={"metrics": metrics_of(report)})
        _write(run, manifest)
    card = model_card_from(report, manifest, f"tumorlens train {recipe.name} --data DATASETS --out RUN")
    write_atomic(run.export / CARD_FILE, card.encode())
    return manifest


def _chosen(recipe: Recipe, data: RunData, session: ModelSession) -> dict[str, Any]:
    """What the validation part chooses, and what it says about the model's doubts, as fields of the manifest."""
    validation, words = data.records["validation"], validation_in_words(data.split.name, recipe.task)
    if recipe.task == "classification":
        found = class_logits(session, validation, recipe.label_index)
        # This very number is served.
        temperature = round(fit_temperature(found.logits, found.truth), 4)
        sets = fit_prediction_sets(tempered(found.logits, temperature), found.truth, words)
        return {"temperature": temperature, "conformal": sets}
    tried = try_outlines(session, validation)
    row, col = tried.best()
    return {
        "threshold": tried.thresholds[row],
        "min_region_fraction": tried.fractions[col],
        "area_interval": fit_area_interval(tried.measured[:, row, col], tried.true, tried.spreads, words),
    }


def validation_in_words(split: str, task: str) -> str:
    """Which images the manifest says that prediction sets and area intervals were fitted on."""
    chosen = "temperature" if task == "classification" else "threshold"
    return f"validation part of the split {split}, which chose the epoch and the {chosen} too"


def setting_on_test(manifest: Manifest, model: Path, found: Answered[Any]) -> Setting:
    """What a report on the test part of a model's own split says beside the answers."""
    split = manifest.training.split
    return Setting(
        manifest,
        f"test part of the split {split}",
        manifest.training.collection,
        model=model,
        reference=f"training and validation images of the split {split}",
        grouped_by=found.grouped_by,
        neighbour=found.neighbour,
        seconds=found.seconds,
        records=found.records,
    )


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
    taught = list(data.records["train"])
    if not data.split.validation_is_test:
        taught += data.records["validation"]
    curves = run.root / CURVES

    def setting(found: Answered[Any]) -> Setting:
        common = setting_on_test(manifest, run.export, found)
        also = ", which is its validation part too and chose the epoch" if data.split.validation_is_test else ""
        return replace(
            common,
            data=common.data + also,
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
