"""A study: many recipes trained one after the other, resumable run by run, and ranked beside the published figures."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tumorlens.errors import OutputError, RecipeError, TumorlensError
from tumorlens.evaluation.published import published_on
from tumorlens.inference.manifest import MANIFEST_FILE
from tumorlens.io.atomic import write_atomic
from tumorlens.training.recipe import Recipe, load_recipe
from tumorlens.training.results import PREDICTIONS, Figures, run_figures, table_figures, temperature_of
from tumorlens.training.run import RunFolder
from tumorlens.training.studies import Study
from tumorlens.training.train import Options, train

RESULT = "study.json"
CACHE = ".cache"
COLUMNS = ("images", "accuracy", "dice", "precision", "recall", "f1", "auroc", "loss", "iou")
EXTRA = ("val_accuracy", "val_dice", "val_loss", "train_accuracy", "epochs", "seconds")


@dataclass(frozen=True)
class Row:
    """One line of a study's table: a recipe tested on one kind of images, or why it is missing."""

    recipe: str
    tested_on: str = "none"
    figures: Figures = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


def run_study(
    study: Study,
    data: Path,
    out: Path,
    *,
    protocols: Sequence[str] = ("published", "corrected"),
    overrides: Sequence[str] = (),
    epochs: int | None = None,
    limit: int | None = None,
    announce: Callable[[str, int, int], None] = lambda name, number, total: None,
) -> list[Row]:
    """Train what is not finished yet, and rank all of it.

    Each recipe has its folder below ``out``. A run that was interrupted goes on from its last epoch, a finished one is
    taken as it is, and one that fails is listed with its error while the others go on. ``study.csv``, ``study.json``
    and ``study.html`` in ``out`` are written anew after every run, so that a study can be read while it runs.

    Args:
        study: what to run.
        data: folder of the collections.
        out: folder of the study.
        protocols: ``published``, ``corrected`` or both.
        overrides: ``key=value`` changes of every recipe.
        epochs: replaces the recipes' number of epochs.
        limit: images of each part.
        announce: told the name, number and total of each run before it begins.

    Returns:
        The rows, best first.

    Raises:
        RecipeError: an override does not fit, or no recipe is left.
        OutputError: ``out`` holds something else, or cannot be written.
        KeyboardInterrupt: it was interrupted; its message says how to go on.
    """
    recipes = [load_recipe(name, overrides) for name in study.names(protocols)]
    if not recipes:
        raise RecipeError(f"The study has no recipe of the protocol {' or '.join(protocols)}: choose another one.")
    if out.is_dir() and any(out.iterdir()) and not (out / RESULT).is_file():
        raise OutputError(f"{out} holds something else than a study: choose another --out.")
    out.mkdir(parents=True, exist_ok=True)
    if not (out / RESULT).is_file():
        write_rows(out, study, [])
    rows: list[Row] = []
    for number, recipe in enumerate(recipes, start=1):
        announce(recipe.name, number, len(recipes))
        try:
            rows += _run(study, recipe, data, out / recipe.name, epochs, limit)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                f"The study was interrupted in {recipe.name} ({number} of {len(recipes)}): the same command goes on."
            ) from interrupt
        except TumorlensError as error:
            rows.append(Row(recipe.name, published=published_on(recipe.published), error=str(error)))
        write_rows(out, study, rows)
    return ranked(rows, study.rank_by)


def _run(study: Study, recipe: Recipe, data: Path, folder: Path, epochs: int | None, limit: int | None) -> list[Row]:
    run = RunFolder(folder)
    finished = (run.export / MANIFEST_FILE).is_file() and (folder / "report.html").is_file()
    if not finished:
        started = time.monotonic()
        cache = folder.parent / CACHE
        train(recipe, data, folder, Options(epochs, limit, resume=run.last.is_file(), cache=cache))
        run.write_json("seconds.json", round(time.monotonic() - started, 1))
    figures = run_figures(recipe, run)
    seconds = run.root / "seconds.json"
    if seconds.is_file():
        figures["seconds"] = float(json.loads(seconds.read_text(encoding="utf-8")))
    rows = [Row(recipe.name, "none", figures, published_on(recipe.published))]
    for name in study.test_on:
        if name != "none":
            found = _tested_on(name, recipe, run, data)
            rows.append(Row(recipe.name, name, found, published_on(recipe.published, name)))
    return rows


def _tested_on(name: str, recipe: Recipe, run: RunFolder, data: Path) -> Figures:
    from tumorlens.training.degraded import report_degraded

    return table_figures(report_degraded(name, recipe, run, data) / PREDICTIONS, temperature_of(run))


def ranked(rows: Sequence[Row], figure: str) -> list[Row]:
    """Rows with the highest ``figure`` first; those without it last."""
    return sorted(rows, key=lambda row: -row.figures.get(figure, -1.0))


def write_rows(out: Path, study: Study, rows: Sequence[Row]) -> None:
    """Write ``study.csv``, ``study.json`` and ``study.html``.

    Raises:
        OutputError: one cannot be written.
    """
    from tumorlens.training.study_page import study_page

    best_first = ranked(rows, study.rank_by)
    document = {
        "title": study.title,
        "rank_by": study.rank_by,
        "rows": [
            {
                "recipe": row.recipe,
                "tested_on": row.tested_on,
                "figures": {key: round(value, 6) for key, value in row.figures.items()},
                "published": dict(row.published),
                "error": row.error,
            }
            for row in best_first
        ],
    }
    write_atomic(out / "study.csv", _csv(best_first))
    write_atomic(out / "study.html", study_page(study.title, study.rank_by, best_first).encode())
    write_atomic(out / RESULT, (json.dumps(document, indent=1) + "\n").encode())


def used_columns(rows: Sequence[Row]) -> list[str]:
    """Names of the figures that any row has, in a fixed order; those of single classes where some were published."""
    known = (*COLUMNS, *EXTRA)
    of_classes = dict.fromkeys(name for row in rows for name in row.published if name not in known)
    return [name for name in (*known, *of_classes) if any(name in row.figures for row in rows)]


def _csv(rows: Sequence[Row]) -> bytes:
    names = used_columns(rows)
    published = sorted({key for row in rows for key in row.published})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["rank", "recipe", "tested_on", *names, *(f"published_{key}" for key in published), "error"])
    for rank, row in enumerate(rows, start=1):
        ours = [f"{row.figures[name]:.6g}" if name in row.figures else "" for name in names]
        theirs = [f"{row.published[key]:.6g}" if key in row.published else "" for key in published]
        writer.writerow([rank, row.recipe, row.tested_on, *ours, *theirs, row.error])
    return stream.getvalue().encode()
