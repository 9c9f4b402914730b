"""The report of a reader: every figure as JSON, the answers as a table, and one HTML page with all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.errors import EvaluationError, TumorlensError
from tumorlens.evaluation import html
from tumorlens.evaluation.detection import FIGURES, Detection, detections_csv
from tumorlens.evaluation.pictures import ANSWER_COLOR, MOST_ERRORS, TRUTH_COLOR, Picture, contoured, grey_picture
from tumorlens.evaluation.plots import Plot, class_curves, reliability_curve, rendered
from tumorlens.evaluation.predict import read_slice, read_truth
from tumorlens.evaluation.read_records import ReadAnswers
from tumorlens.evaluation.reading_section import reading_section, reading_summary
from tumorlens.evaluation.report import Report, report_of, write_report
from tumorlens.evaluation.report_pages import drawn, ending, leak_note, picture_section, report_shell
from tumorlens.evaluation.setting import Setting
from tumorlens.evaluation.words import figure, percent, title_of
from tumorlens.inference.analyze import Analyzer
from tumorlens.io.overlay import encode_png
from tumorlens.request import AnalysisRequest

_TILES = {
    "sensitivity": "of slices with a tumor: one found",
    "specificity": "of slices without: none called",
    "wrong_silent": "of answers: wrong, and nothing warned",
    "accuracy": "right among kinds and no tumor",
}


def write_reading_report(folder: Path, answers: ReadAnswers, setting: Setting) -> Report:
    """Write a reader's report into ``folder``, which must exist.

    It receives ``metrics.json``, ``report.html``, ``predictions.csv``, ``plots/`` and ``gallery/``.

    Args:
        folder: where to.
        answers: of the reader.
        setting: what was evaluated.

    Returns:
        What metrics.json holds.

    Raises:
        EvaluationError: there are no answers.
        OutputError: a file cannot be written.
    """
    if not answers.rows:
        raise EvaluationError("There are no answers to report on: evaluate at least one image.")
    found = reading_section(answers.rows)
    known, unread = answers.reference_known, answers.unread
    report = report_of("reading", found, setting, reference_known=known, unread=unread)
    report["summary"] = reading_summary(found, report["data"])
    silent = silent_errors(answers, setting)
    report["worst_errors"] = [{"image": one.image, "truth": one.truth, "answer": one.answer} for one in silent]
    plots = _plots(found)
    write_report(folder, report, _page(report, plots, silent), detections_csv(answers.rows), plots, silent)
    return report


def silent_errors(answers: ReadAnswers, setting: Setting) -> list[Picture]:
    """Answers that were wrong while nothing warned of it, the surest first, with both outlines."""
    wrong = [one for one in answers.rows if one.is_wrong and one.certain]
    wrong.sort(key=lambda one: -abs(one.probability - 0.5))
    if not wrong or setting.model is None:
        return []
    analyzer = Analyzer(classifier=setting.model, gate=False)
    made = (_picture(number, one, answers, setting, analyzer) for number, one in enumerate(wrong[:MOST_ERRORS], 1))
    return [one for one in made if one is not None]


def _picture(number: int, row: Detection, answers: ReadAnswers, setting: Setting, analyzer: Analyzer) -> Picture | None:
    record = answers.records[row.id]
    try:
        scan = read_slice(record, setting.change)
        truth = read_truth(record, scan) if record.mask is not None else np.zeros(scan.shape, dtype=np.bool_)
        answered = analyzer.analyze(scan, AnalysisRequest(gate=False)).mask
    except TumorlensError:  # a picture that has gone since is left out of the report
        return None
    masks = [(truth, TRUTH_COLOR), *([] if answered is None else [(answered, ANSWER_COLOR)])]
    return Picture(
        name=f"silent-{number:02d}",
        image=row.id,
        truth=f"Truth: {title_of(row.kind)}",
        answer=f"Answer: {title_of(row.label)}, probability of a tumor {percent(row.probability, 0)}",
        right=False,
        png=encode_png(contoured(grey_picture(scan), masks)),
    )


def _plots(found: Mapping[str, Any]) -> list[Plot]:
    plots = []
    if found["roc"] is not None:
        area = figure(found["figures"]["all"]["intervals"]["auroc"])
        plots.append(
            rendered(
                "roc",
                "Sensitivity against false alarms",
                "Receiver operating characteristic of tumor against none: the upper left corner is best.",
                class_curves(
                    {"tumor": found["roc"]["tumor"]}, {"tumor": f"Tumor {area}"}, "1 - specificity", "Sensitivity", True
                ),
            )
        )
    if found["calibration"] is not None:
        plots.append(
            rendered(
                "reliability",
                "Is a confidence of 90 % right nine times in ten?",
                "Of tumor or none. Points on the diagonal are honest, below it too sure; larger ones hold more images.",
                reliability_curve(found["calibration"]),
            )
        )
    return plots


def _page(report: Mapping[str, Any], plots: Sequence[Plot], silent: Sequence[Picture]) -> str:
    found = report["results"]
    whole = found["figures"]["all"]
    values = whole["intervals"]
    tiles = [(percent(values[name]["value"]), words) for name, words in _TILES.items() if values[name] is not None]
    body = [
        html.tiles([*tiles, (f"{whole['images']:,}", "images")]),
        html.section("In plain words", html.sentences(report["summary"])),
        html.section(
            "Figures",
            html.table(["Slices", "All", "With", "Without", *FIGURES.values()], _rows(found)),
            note=f"In parentheses the 95 % bootstrap interval, {drawn(report)}. {leak_note(report)}",
        ),
        html.section("What was answered", html.table(*_confusion(found)), note="Rows are the truth."),
        _unlike(found),
        html.section("Plots", html.plots(plots)) if plots else "",
        picture_section(
            "Wrong and silent",
            "The surest of the wrong answers of which nothing warned. Amber is the true outline, green the answer.",
            silent,
        ),
        *ending(report),
    ]
    return report_shell(report, body)


def _rows(found: Mapping[str, Any]) -> list[list[str]]:
    parts = [("All", found["figures"]["all"]), ("Leak-free", found["figures"]["leak_free"])]
    parts += [(one["name"], one) for one in found["parts"]]
    return [
        [
            name,
            *(f"{part[key]:,}" for key in ("images", "with_tumor", "without_tumor")),
            *(figure(part["intervals"][key]) for key in FIGURES),
        ]
        for name, part in parts
        if part is not None
    ]


def _confusion(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    answers = sorted({name for row in found["confusion"].values() for name in row})
    rows = [
        [title_of(truth), *(f"{row.get(name, 0):,}" for name in answers)] for truth, row in found["confusion"].items()
    ]
    heads = ["Tumor, kind uncertain" if name == "tumor" else title_of(name) for name in answers]
    return ["Shows", *heads], rows


def _unlike(found: Mapping[str, Any]) -> str:
    unlike = found["unlike"]
    if unlike is None:
        return ""
    shown = [
        (title, percent(unlike[key]))
        for title, key in (
            ("Of the wrong answers, said to be of a scan unlike those known", "of_wrong"),
            ("Of the right answers, likewise", "of_right"),
            ("Of the wrong answers, where the limit flags 5 % of the right ones", "of_wrong_at_5"),
        )
        if unlike[key] is not None
    ]
    return html.section("Scans unlike those it knows", html.facts(shown))
