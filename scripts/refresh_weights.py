"""Measure the models that ship once more, and write what was found into their manifests and cards.

Prediction sets and area intervals are fitted on the validation part and figures taken on the test part, as a training
run does at its end; the ONNX files stay as they are.

    python scripts/refresh_weights.py --data DATASETS --out REPORTS [NAME...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import load_split
from tumorlens.evaluation.card import model_card_from
from tumorlens.evaluation.predict import outline, predict
from tumorlens.evaluation.report import metrics_of, write_classification_report, write_segmentation_report
from tumorlens.inference.manifest import CARD_FILE, MANIFEST_FILE, Manifest, read_manifest
from tumorlens.inference.session import ModelSession
from tumorlens.inference.shipped import shipped_model
from tumorlens.io.atomic import write_atomic
from tumorlens.training.finalize import setting_on_test, validation_in_words
from tumorlens.training.select import try_outlines
from tumorlens.training.uncertainty import fit_area_interval, fit_prediction_sets


def refresh(name: str, data: Path, out: Path) -> Manifest:
    """Fit, measure and write one model; returns its new manifest."""
    folder = shipped_model(name)
    manifest = read_manifest(folder)
    collection = load_collection(manifest.training.collection, data)
    split = load_split(manifest.training.split)
    train, validation, test = (split.records(collection, part) for part in ("train", "validation", "test"))
    words = validation_in_words(split.name, manifest.task)
    segments = manifest.task == "segmentation"
    if segments:
        found = try_outlines(ModelSession(folder), validation, (manifest.threshold,), (manifest.min_region_fraction,))
        interval = fit_area_interval(found.measured[:, 0, 0], found.true, found.spreads, words)
        manifest = manifest.model_copy(update={"area_interval": interval})
    else:
        table = predict(folder, validation).table
        sets = fit_prediction_sets(table.probabilities, table.truth, words)
        manifest = manifest.model_copy(update={"conformal": sets})
    answered = (outline if segments else predict)(folder, test, taught=[*train, *validation])
    out.mkdir(parents=True, exist_ok=True)
    report = (write_segmentation_report if segments else write_classification_report)(
        out, answered.table, setting_on_test(manifest, folder, answered)
    )
    manifest = manifest.model_copy(update={"metrics": metrics_of(report)})
    write_atomic(folder / MANIFEST_FILE, (manifest.model_dump_json(indent=1) + "\n").encode())
    card = model_card_from(report, manifest, f"tumorlens train {name} --data DATASETS --out RUN")
    write_atomic(folder / CARD_FILE, card.encode())
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("names", nargs="*", default=["classifier-small", "segmenter-small"])
    chosen = parser.parse_args()
    for name in chosen.names:
        manifest = refresh(name, chosen.data, chosen.out / name)
        for one in manifest.metrics[:3]:
            span = f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"
            print(f"{name}: {one.name} {span}, {one.images} images")


if __name__ == "__main__":
    main()
