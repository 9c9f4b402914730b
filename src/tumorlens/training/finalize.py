"""The end of a run: export, parity, what validation chooses, the test figures, the manifest and the card."""

from __future__ import annotations

import numpy as np

from tumorlens.datasets.catalogue import CATALOGUE
from tumorlens.inference.manifest import CARD_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, Metric, Training, sha256_of
from tumorlens.inference.session import ModelSession
from tumorlens.io.atomic import write_atomic
from tumorlens.labels import CLASSES
from tumorlens.training.card import model_card
from tumorlens.training.data import TrainingImages
from tumorlens.training.environment import describe_environment, fingerprint
from tumorlens.training.export import export_onnx, has_maps, parity
from tumorlens.training.fit import RunData
from tumorlens.training.module import TumorModule
from tumorlens.training.recipe import Recipe
from tumorlens.training.run import RunFolder
from tumorlens.training.score import Row, rows_csv, score_classifier, score_segmenter
from tumorlens.training.select import choose_threshold, fit_temperature

PARITY_IMAGES = 64


def finalize(recipe: Recipe, data: RunData, run: RunFolder, module: TumorModule) -> Manifest:
    """Export ``module`` and describe it; the test part is read here, once.

    Writes ``export/model.onnx``, ``export/manifest.json``, ``export/card.md`` and ``predictions.csv``.

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
        manifest = manifest.model_copy(update={"temperature": round(fit_temperature(session, validation), 4)})
    else:
        threshold, fraction, _ = choose_threshold(session, validation)
        manifest = manifest.model_copy(update={"threshold": threshold, "min_region_fraction": fraction})
    _write(run, manifest)
    metrics, rows = _score(recipe, data, ModelSession(run.export))
    manifest = manifest.model_copy(update={"metrics": tuple(metrics)})
    _write(run, manifest)
    write_atomic(run.root / "predictions.csv", rows_csv(rows))
    write_atomic(run.export / CARD_FILE, model_card(manifest, recipe, CATALOGUE[recipe.data.collection]).encode())
    return manifest


def _draft(recipe: Recipe, data: RunData, module: TumorModule, run: RunFolder) -> Manifest:
    onnx_path = run.export / MODEL_FILE
    images = TrainingImages(data.validation, recipe.preprocessing, None, recipe.seed)
    count = min(PARITY_IMAGES, len(images))
    inputs = [images[(0, index * len(images) // count)]["image"].numpy() for index in range(count)]
    environment = describe_environment()
    classifies = recipe.task == "classification"
    paths = [record.path for part in data.records.values() for record in part]
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        task=recipe.task,
        preprocessing=recipe.preprocessing,
        classes=tuple(str(one) for one in CLASSES) if classifies else (),
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
            phantoms=len(data.train) - len(data.records["train"]),
            data_fingerprint=fingerprint(paths),
            seed=recipe.seed,
            epochs=recipe.epochs,
            commit=environment["commit"],
            versions=environment["packages"],
        ),
        limits=recipe.limits,
        licence=recipe.licence,
        sha256=sha256_of(onnx_path),
    )


def _score(recipe: Recipe, data: RunData, session: ModelSession) -> tuple[list[Metric], list[Row]]:
    test = data.records["test"]
    part = f"test part of the split {data.split.name}"
    if not test:
        return [], []
    if recipe.task == "classification":
        return score_classifier(session, test, [*data.records["train"], *data.records["validation"]], part)
    return score_segmenter(session, test, part)


def _write(run: RunFolder, manifest: Manifest) -> None:
    write_atomic(run.export / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
