"""From a model and images to a report of what corrupted images cost it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens._version import __version__
from tumorlens.datasets.records import Record
from tumorlens.errors import OutputError, UsageError
from tumorlens.evaluation.choose import Choice, Subject
from tumorlens.evaluation.corruptions import PUBLISHED, Corruption
from tumorlens.evaluation.evaluate import answers_key
from tumorlens.evaluation.robustness_answers import Collected, collect, progress_from
from tumorlens.evaluation.robustness_figures import robustness_section
from tumorlens.evaluation.robustness_page import robustness_page, value_words
from tumorlens.evaluation.robustness_pictures import worst_cases
from tumorlens.evaluation.robustness_plots import robustness_plots, roc_plots
from tumorlens.evaluation.words import title_of
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE

Report = dict[str, Any]
SCHEMA_VERSION = "1"
REPORT_FILE, PAGE_FILE, TABLE_FILE = "robustness.json", "report.html", "robustness.csv"
MARK_FILE = ".robustness.json"
ANSWERS_FOLDER = "answers"
TASKS = ("classification", "segmentation")


def robustness(
    subject: Subject,
    choice: Choice,
    out: Path,
    suite: Sequence[Corruption],
    *,
    others: Sequence[Subject] = (),
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Measure a model under corruptions, and write ``robustness.json``, ``robustness.csv`` and ``report.html``.

    Answers are kept in ``out/answers``, one file for each model, set of images and corruption: an interrupted run goes
    on after the last corruption that was finished, and a larger suite asks only for what is new.

    Args:
        subject: a classifier or a segmenter.
        choice: the images.
        out: folder of the report.
        suite: the corruptions.
        others: more models of the same task, to ask under the published degradations, on the same images.
        limit: number of images to draw from ``choice``, evenly from its classes; ``None`` for all.
        progress: called with the number of answers so far; see :func:`answers_wanted`.

    Returns:
        What robustness.json holds.

    Raises:
        UsageError: the model is neither a classifier nor a segmenter, others are of another task, or a limit below 1.
        OutputError: ``out`` holds something else, or cannot be written.
        DatasetError: no image can be read, or none has a class that the model knows, or a mask.
        EvaluationError: a corruption leaves no image to answer.
        WeightsError: a model cannot be loaded.
    """
    _check(subject, others, limit)
    chosen = replace(choice, records=wanted_records(subject, choice, limit))
    _begin(out)
    published = [one for one in suite if one.name in PUBLISHED]
    done = 0
    found: list[Collected] = []
    for one, conditions in ((subject, suite), *((other, published) for other in others)):
        folder = out / ANSWERS_FOLDER / f"{one.manifest.name}-{answers_key(one, chosen, None)[:12]}"
        found.append(collect(one, chosen.records, conditions, folder, progress_from(progress, done)))
        done += len(chosen.records) * (1 + len(conditions))
    report = _report(found, chosen, suite, limit if limit is not None and limit < len(choice.records) else None)
    report["models"] = [_tested(one, published) for one in found]
    _write(out, report, found[0], suite)
    return report


def wanted_records(subject: Subject, choice: Choice, limit: int | None) -> tuple[Record, ...]:
    """The records to ask about: those with a mask for a segmenter, and of these ``limit``, as many of each class.

    They are drawn without regard to order, and always the same ones.
    """
    records = choice.records
    if subject.manifest.task == "segmentation" and any(record.mask for record in records):
        records = tuple(record for record in records if record.mask)
    if limit is None or limit >= len(records):
        return records
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(records))
    turn: dict[str, int] = {}
    ranks = {}
    for index in drawn:
        label = str(records[index].label)
        turn[label] = turn.get(label, 0) + 1
        ranks[int(index)] = turn[label]
    kept = sorted(sorted(ranks, key=lambda index: ranks[index])[:limit])
    return tuple(records[index] for index in kept)


def answers_wanted(images: int, suite: Sequence[Corruption], others: int) -> int:
    """Number of answers that :func:`robustness` asks for, for a bar of progress."""
    published = sum(one.name in PUBLISHED for one in suite)
    return images * (1 + len(suite) + others * (1 + published))


def robustness_summary(found: Mapping[str, Any]) -> list[str]:
    """Sentences that a physician can read."""
    metric, clean = found["metric"], found["clean"]
    score = found["mean_corruption_score"]
    whole = (
        f"On unchanged images it is right for {value_words(clean, metric)}"
        if metric == "accuracy"
        else f"On unchanged images its outlines reach a mean Dice of {value_words(clean, metric)}"
    )
    if score is not None:
        whole += (
            f"; over all corruptions and strengths it keeps {100 * score['value']:.1f} % of that (95 % interval "
            f"{100 * score['low']:.1f} to {100 * score['high']:.1f})"
        )
    sentences = [f"{whole}, measured on {found['images']:,} images."]
    by_name = {one["name"]: one for one in found["conditions"]}
    for name, words in (
        ("blur15", "the published blur of 15 x 15 pixels"),
        ("down5", "the published down-sampling to a fifth"),
        ("blur15@512", "that blur as it is on originals of 512 px"),
        ("down5@512", "that down-sampling as it is on originals of 512 px"),
    ):
        if name in by_name:
            sentences.append(f"Under {words} it {_lost(by_name[name]['lost'], metric)}.")
    return sentences + _hardest(found)


def _hardest(found: Mapping[str, Any]) -> list[str]:
    families = sorted(found["families"], key=lambda one: -(one["lost"]["value"] or 0))
    if len(families) < 2:
        return []
    metric, top = found["metric"], families[: min(3, len(families) - 1)]
    named = ", ".join(f"{_named(one['title'])} ({_cost(one['lost'], metric)})" for one in top)
    least = families[-1]
    return [
        f"What hurts most, as the mean of its strengths: {named}.",
        f"What hurts least: {_named(least['title'])} ({_cost(least['lost'], metric)}).",
    ]


def _lost(lost: Mapping[str, Any], metric: str) -> str:
    """``loses 3.1 points (2.2 to 4.1)``, or what it gains."""
    sign, verb = (-1, "gains") if lost["value"] < 0 else (1, "loses")
    scale, digits = (100, 1) if metric == "accuracy" else (1, 3)
    ends = sorted(sign * scale * lost[end] for end in ("low", "high"))
    interval = " to ".join(f"{one + 0.0:.{digits}f}" for one in ends)
    return f"{verb} {_cost({'value': sign * lost['value']}, metric)} ({interval})"


def _cost(lost: Mapping[str, Any], metric: str) -> str:
    return f"{100 * lost['value']:.1f} points" if metric == "accuracy" else f"{lost['value']:.3f} of Dice"


def _named(title: str) -> str:
    """A title within a sentence, abbreviations as they are."""
    return title if title[:2].isupper() or title.startswith(("Gaussian", "Rician")) else title[0].lower() + title[1:]


def _check(subject: Subject, others: Sequence[Subject], limit: int | None) -> None:
    task = subject.manifest.task
    if task not in TASKS:
        raise UsageError(f"{subject.manifest.name} does {task}: robustness takes classifiers and segmenters.")
    for one in others:
        if one.manifest.task != task:
            raise UsageError(f"{one.manifest.name} does {one.manifest.task}, and {subject.manifest.name} {task}.")
    if limit is not None and limit < 1:
        raise UsageError(f"The limit is {limit}: give at least 1 image.")


def _begin(out: Path) -> None:
    """The folder of the report, if it is one or can become one."""
    if out.is_file():
        raise OutputError(f"{out} is a file: choose another folder for the report.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK_FILE).is_file():
        raise OutputError(f"{out} is not empty and holds no robustness report: choose another --out, or empty it.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {out} cannot be made: {error.strerror}.") from error
    write_atomic(out / MARK_FILE, json.dumps({"made_by": f"tumorlens {__version__}"}).encode())


def _report(found: Sequence[Collected], choice: Choice, suite: Sequence[Corruption], limit: int | None) -> Report:
    first, manifest = found[0], found[0].subject.manifest
    section = robustness_section(first, suite)
    unread = [
        {"image": image, "corruption": name, "reason": reason}
        for name, answers in (("none", first.clean), *first.corrupted.items())
        for image, reason in answers.unread.items()
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "made_by": f"tumorlens {__version__}",
        "notice": NOTICE,
        "kind": "robustness",
        "model": {
            "id": manifest.id,
            "name": manifest.name,
            "version": manifest.version,
            "title": manifest.title,
            "task": manifest.task,
            "sha256": manifest.sha256,
        },
        "data": {
            "description": choice.data,
            "collection": choice.collection,
            "limit": limit,
            "grouped_by": first.grouped_by,
            "suite": [one.name for one in suite],
            "seed": suite[0].seed if suite else 0,
            "unread": unread,
        },
        "summary": robustness_summary(section),
        "results": section,
    }


def _tested(found: Collected, published: Sequence[Corruption]) -> dict[str, Any]:
    """One model on the original and on the degraded images, and what it was trained on."""
    section = robustness_section(found, [one for one in published if one.name in found.corrupted])
    return {
        "id": found.subject.manifest.id,
        "trained_on": _trained_on(found.subject),
        "tested": {"clean": section["clean"], **{one["name"]: one["value"] for one in section["conditions"]}},
    }


def _trained_on(subject: Subject) -> str:
    """The degradation of a run's training images, ``"original"`` where there is none, ``"unknown"`` without a run."""
    if subject.run is None:
        return "unknown"
    try:
        recipe = json.loads((subject.run / "recipe.json").read_text(encoding="utf-8"))
        degrade = (recipe.get("data") or {}).get("degrade") or {}
        name = str(degrade.get("train", "none"))
    except (OSError, ValueError, AttributeError):
        return "unknown"
    return "original" if name == "none" else name


def _write(out: Path, report: Report, first: Collected, suite: Sequence[Corruption]) -> None:
    section = report["results"]
    labels = {str(record.label) for record in first.records.values()} | set(first.classes)
    titles = {name: title_of(name) for name in labels}
    worst = worst_cases(first, suite, titles)
    words = {"clean": "Unchanged", **{one.name: f"{one.name}: {one.words}" for one in suite}}
    report["worst"] = [
        {
            "image": one.image,
            "corruption": one.corruption,
            "truth": one.truth,
            "unchanged": one.before,
            "corrupted": one.after,
        }
        for one in worst
    ]
    page = robustness_page(report, robustness_plots(section), roc_plots(section, titles, words), worst)
    write_atomic(out / TABLE_FILE, _table(report))
    write_atomic(out / PAGE_FILE, page.encode("utf-8", "replace"))
    write_atomic(out / REPORT_FILE, (json.dumps(report, indent=1) + "\n").encode("utf-8", "replace"))


def _table(report: Report) -> bytes:
    section, stream = report["results"], io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    figures = ("value", "lost", "kept")
    ends = [f"{figure}{end}" for figure in figures for end in ("", "_low", "_high")]
    writer.writerow(["corruption", "family", "strength", "amount", "metric", "images", "unread", *ends])
    clean = section["clean"]
    writer.writerow(
        ["none", "", "", "", section["metric"], section["images"], 0, clean["value"], clean["low"], clean["high"]]
        + [""] * 6
    )
    for one in section["conditions"]:
        numbers = [one[figure][end] for figure in figures for end in ("value", "low", "high")]
        start = [one[name] for name in ("name", "family", "strength", "amount")]
        writer.writerow([*start, section["metric"], one["images"], one["unread"], *numbers])
    return stream.getvalue().encode()
