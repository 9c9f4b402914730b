"""The report of an evaluation: every figure as JSON, and one HTML page with all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens._version import __version__
from tumorlens.datasets.similarity import NEAR_DUPLICATE
from tumorlens.errors import EvaluationError, OutputError
from tumorlens.evaluation.classification import ClassificationFigures, classification_report
from tumorlens.evaluation.figures import classification_section
from tumorlens.evaluation.outline_section import segmentation_section
from tumorlens.evaluation.pictures import Picture, examples, outline_pictures, worst_errors
from tumorlens.evaluation.plots import Plot, classification_plots, segmentation_plots
from tumorlens.evaluation.predictions import Outlines, Predictions
from tumorlens.evaluation.published import beside_published, published_on
from tumorlens.evaluation.report_pages import classification_page, segmentation_page
from tumorlens.evaluation.run_log import curve_plots, logged_figures
from tumorlens.evaluation.segmentation import size_bins
from tumorlens.evaluation.setting import Setting
from tumorlens.evaluation.words import classification_summary, segmentation_summary, title_of
from tumorlens.inference.manifest import Metric
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE

Report = dict[str, Any]
SCHEMA_VERSION = "1"
METRICS_FILE = "metrics.json"
PAGE_FILE = "report.html"
PREDICTIONS_FILE = "predictions.csv"


def write_classification_report(folder: Path, predictions: Predictions, setting: Setting, *, folds: int = 5) -> Report:
    """Write a classifier's report into ``folder``, which must exist.

    It receives ``metrics.json``, ``report.html``, ``predictions.csv``, ``classification_report.txt``, ``.csv`` and
    ``.json``, ``plots/`` and ``gallery/``. Files of these names are replaced, others are left alone.

    Args:
        folder: such as that of a run.
        predictions: the answers.
        setting: what was evaluated.
        folds: number of folds of whole groups; below 2 for none.

    Returns:
        What metrics.json holds.

    Raises:
        EvaluationError: there are no answers.
        OutputError: a file cannot be written.
    """
    if not len(predictions):
        raise EvaluationError("There are no answers to report on: evaluate at least one image.")
    found = classification_section(predictions, setting, folds)
    titles = {name: title_of(name) for name in predictions.classes}
    report = report_of(
        "classification",
        found,
        setting,
        reference_known=predictions.similarity is not None,
        unread=predictions.unread,
    )
    report["published"] = _beside(folder, found, setting)
    report["summary"] = classification_summary(found, report["data"])
    errors, usual = worst_errors(predictions, setting, titles), examples(predictions, setting, titles)
    report["worst_errors"] = [{"image": one.image, "truth": one.truth, "answer": one.answer} for one in errors]
    plots = [*_curves(setting), *classification_plots(found, titles)]
    page = classification_page(report, plots, errors, usual)
    text = classification_report(predictions.truth, predictions.probabilities, predictions.classes)
    _write_figures(folder, text)
    write_report(folder, report, page, predictions.to_csv(), plots, [*errors, *usual])
    return report


def write_segmentation_report(folder: Path, outlines: Outlines, setting: Setting, *, folds: int = 5) -> Report:
    """Write a segmenter's report into ``folder``, which must exist; see :func:`write_classification_report`.

    Raises:
        EvaluationError: there are no outlines.
        OutputError: a file cannot be written.
    """
    if not len(outlines):
        raise EvaluationError("There are no outlines to report on: evaluate at least one image.")
    found = segmentation_section(outlines, setting, folds)
    titles = {name: title_of(name) for name in set(outlines.labels)}
    report = report_of(
        "segmentation",
        found,
        setting,
        reference_known=outlines.similarity is not None,
        unread=outlines.unread,
    )
    report["published"] = _beside(folder, found, setting)
    report["summary"] = segmentation_summary(found, report["data"])
    pictures = outline_pictures(outlines, setting, titles)
    report["worst_outlines"] = [
        {"image": one.image, "truth": one.truth, "answer": one.answer} for one in pictures["worst"]
    ]
    bins = size_bins(outlines.areas)
    sizes = [(words["name"], one.rows) for one, words in zip(bins, found["per_size"], strict=True)]
    plots = [*_curves(setting), *segmentation_plots(outlines.dice, [titles[name] for name in outlines.labels], sizes)]
    page = segmentation_page(report, plots, pictures)
    write_report(folder, report, page, outlines.to_csv(), plots, [*pictures["worst"], *pictures["typical"]])
    return report


def metrics_of(report: Report) -> tuple[Metric, ...]:
    """The figures that a manifest carries: accuracy or Dice, on all and on leak-free images, and for each class."""
    found, words = report["results"], report["data"]["description"]
    whole, free = found["figures"]["all"], found["figures"]["leak_free"]
    name = "accuracy"
    more: tuple[str, ...] = ("balanced_accuracy", "macro_f1", "macro_auroc")
    if report["kind"] == "segmentation":
        name, more = "dice", ("iou", "hd95", "surface_dice", "sensitivity")
    if report["kind"] == "reading":
        more = ("sensitivity", "specificity", "auroc", "ece", "wrong_silent", "dice")
    rows: list[tuple[str, Mapping[str, Any] | None, int, str]] = []
    rows.append((name, whole["intervals"][name], whole["images"], words))
    if free is not None and free["images"] < whole["images"]:
        limit = report["data"]["near_duplicate"]
        narrower = f"{words}, images with no training neighbour above {limit}"
        rows.append((f"{name}_leak_free", free["intervals"][name], free["images"], narrower))
    rows += [(one, whole["intervals"][one], _count(whole, one), words) for one in more]
    if report["kind"] == "classification":
        for label, count in whole["counts"].items():
            rows.append((f"recall_{label}", whole["intervals"][f"recall_{label}"], count, words))
    elif report["kind"] == "segmentation":
        rows += [
            (f"dice_{key}", one["intervals"]["dice"], one["images"], words) for key, one in found["per_class"].items()
        ]
    return tuple(
        Metric(name=key, value=one["value"], low=one["low"], high=one["high"], images=count, data=data)
        for key, one, count, data in rows
        if one is not None
    )


def read_report(folder: Path) -> Report | None:
    """What metrics.json in ``folder`` holds, or ``None`` if there is no report of an evaluation."""
    try:
        found = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_report = isinstance(found, dict) and found.get("made_by", "").startswith("tumorlens") and "results" in found
    return found if is_report else None


def report_of(
    kind: str,
    found: Mapping[str, Any],
    setting: Setting,
    *,
    reference_known: bool,
    unread: Sequence[tuple[str, str]],
) -> Report:
    """What metrics.json holds, its sentences yet to come.

    Args:
        kind: task of the model.
        found: its figures.
        setting: what was evaluated.
        reference_known: whether the images were compared with those that taught the model.
        unread: files that could not be answered, each with the reason.
    """
    manifest = setting.manifest
    return {
        "schema_version": SCHEMA_VERSION,
        "made_by": f"tumorlens {__version__}",
        "notice": NOTICE,
        "kind": kind,
        "model": {
            "id": manifest.id,
            "name": manifest.name,
            "version": manifest.version,
            "title": manifest.title,
            "sha256": manifest.sha256,
            "collection": manifest.training.collection,
            "split": manifest.training.split,
            "images": manifest.training.images,
            "limits": list(manifest.limits),
        },
        "data": {
            "description": setting.data,
            "collection": setting.collection,
            "degrade": setting.degrade,
            "grouped_by": setting.grouped_by,
            "reference": setting.reference,
            "reference_known": reference_known,
            "near_duplicate": NEAR_DUPLICATE,
            "seconds": None if setting.seconds is None else round(setting.seconds, 3),
            "unread": [{"path": path, "reason": reason} for path, reason in unread],
        },
        "summary": [],
        "published": [],
        "results": found,
    }


def _beside(folder: Path, found: Mapping[str, Any], setting: Setting) -> list[dict[str, Any]]:
    """Published figures with ours; a report in the folder of a run finds the best epoch in its logs."""
    intervals = dict(found["figures"]["all"]["intervals"])
    if (calibration := found.get("calibration")) is not None:
        # As published: before any temperature.
        intervals["loss"] = {"value": round(calibration["before"]["nll"], 6)}
    logged = setting.logged or logged_figures(folder)
    return beside_published(published_on(setting.published, setting.degrade), intervals, logged)


def _curves(setting: Setting) -> list[Plot]:
    return [] if setting.curves is None else curve_plots(setting.curves.parent)


def _count(whole: Mapping[str, Any], name: str) -> int:
    found = whole["intervals"][name]
    return int(found["count"]) if found is not None and "count" in found else int(whole["images"])


def _write_figures(folder: Path, figures: ClassificationFigures) -> None:
    """The classification report as text, CSV and JSON."""
    names = ("precision", "recall", "specificity", "f1", "auroc", "auprc")
    lines = [["class", "images", "predicted", *names]]
    for label, one in figures.per_class.items():
        cells = ["" if getattr(one, name) is None else f"{getattr(one, name):.6f}" for name in names]
        lines.append([label, str(one.support), str(one.predicted), *cells])
    table = "\n".join(",".join(line) for line in lines) + "\n"
    write_atomic(folder / "classification_report.txt", f"{figures.to_text()}\n{NOTICE}\n".encode())
    write_atomic(folder / "classification_report.csv", table.encode())
    write_atomic(folder / "classification_report.json", _json(figures.to_dict()))


def write_report(
    folder: Path, report: Report, page: str, table: bytes, plots: Iterable[Plot], pictures: Sequence[Picture]
) -> None:
    """Write metrics.json, page, table, plots and pictures into a folder.

    Raises:
        OutputError: a file cannot be written.
    """
    try:
        (folder / "plots").mkdir(exist_ok=True)
        if pictures:
            (folder / "gallery").mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"The report folder {folder} cannot be written to: {error.strerror}.") from error
    for plot in plots:
        write_atomic(folder / "plots" / f"{plot.name}.png", plot.png)
    for one in pictures:
        write_atomic(folder / "gallery" / f"{one.name}.png", one.png)
        if one.map_png is not None:
            write_atomic(folder / "gallery" / f"{one.name}-activation.png", one.map_png)
    write_atomic(folder / PREDICTIONS_FILE, table)
    write_atomic(folder / PAGE_FILE, page.encode("utf-8", "replace"))
    write_atomic(folder / METRICS_FILE, _json(report))


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1, default=_plain) + "\n").encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
