"""Keep ``docs/experiments.csv``, the measured figures, and write ``docs/experiments.md`` from it and from the recipes.

python scripts/experiments_table.py add RUN... --hardware "2 cores"     figures of finished runs
python scripts/experiments_table.py smoke smoke.csv                     the table of scripts/smoke_recipes.sh
python scripts/experiments_table.py write                               the page
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from tumorlens.evaluation.intervals import bootstrap_mean
from tumorlens.evaluation.predictions import Predictions, read_predictions
from tumorlens.evaluation.published import headline
from tumorlens.inference.manifest import read_manifest
from tumorlens.training.recipe import Recipe, load_any_recipe, load_recipe, parse_recipe, recipe_names
from tumorlens.training.results import run_figures
from tumorlens.training.run import RunFolder

DOCS = Path(__file__).parent.parent / "docs"
TABLE, SMOKE = DOCS / "experiments.csv", DOCS / "smoke.csv"
HEAD, TAIL = DOCS / "experiments.head.md", DOCS / "experiments.tail.md"
COLUMNS = (
    "recipe", "figure", "value", "low", "high", "f1", "validation", "images", "train_images", "input", "epochs_run",
    "epochs_recipe", "pretrained", "precision", "minutes", "hardware", "commit",
)  # fmt: skip
TITLES = {
    "A": "EfficientNetB0 transfer learning, and two baselines (Nickparvar)",
    "B": "Model families compared (Sartaj)",
    "C": "Lower-grade glioma: detection and segmentation (LGG)",
    "D": "Ensemble's base models (Nickparvar) and segmenters (figshare)",
    "E": "Robustness to image quality (Sartaj)",
}


def measured(folder: Path, hardware: str) -> dict[str, object]:
    """One row of the table from a finished run."""
    run = RunFolder(folder)
    recipe = parse_recipe(json.loads((folder / "recipe.json").read_text(encoding="utf-8")), str(folder))
    figures, manifest = run_figures(recipe, run), read_manifest(run.export)
    table = read_predictions(folder / "predictions.csv")
    values = table.right.astype(float) if isinstance(table, Predictions) else table.dice
    found = bootstrap_mean(values, list(table.groups))
    name = "accuracy" if isinstance(table, Predictions) else "dice"
    seconds = folder / "seconds.json"
    return {
        "recipe": recipe.name,
        "figure": name,
        "value": f"{found.value:.4f}",
        "low": f"{found.low:.4f}",
        "high": f"{found.high:.4f}",
        "f1": f"{figures['f1']:.4f}" if "f1" in figures else "",
        "validation": f"{figures[f'val_{name}']:.4f}" if f"val_{name}" in figures else "",
        "images": len(table),
        "train_images": manifest.training.images,
        "input": recipe.preprocessing.size[0],
        "epochs_run": int(figures.get("epochs", 0)),
        "epochs_recipe": load_recipe(recipe.name).epochs,
        "pretrained": recipe.model.pretrained,
        "precision": recipe.precision,
        "minutes": f"{float(seconds.read_text()) / 60:.0f}" if seconds.is_file() else "",
        "hardware": hardware,
        "commit": (manifest.training.commit or "unknown")[:12],
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV, none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def add(folders: list[Path], hardware: str) -> None:
    """Put the figures of finished runs into the table, in place of earlier ones of the same recipe."""
    rows: dict[str, dict[str, object]] = {row["recipe"]: dict(row) for row in read_rows(TABLE)}
    for folder in folders:
        row = measured(folder, hardware)
        rows[str(row["recipe"])] = row
    with TABLE.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))


def page() -> str:
    """The whole page."""
    ours = {row["recipe"]: row for row in read_rows(TABLE)}
    smoke = {row["recipe"]: row for row in read_rows(SMOKE)}
    lines = [HEAD.read_text(encoding="utf-8").rstrip(), ""]
    # Readers and gates belong to no published experiment.
    recipes = [one for name in recipe_names() if isinstance(one := load_any_recipe(name), Recipe)]
    for letter, title in TITLES.items():
        heads = ("command", "published", "ours, full size", "data", "hardware", "reduced run")
        lines += [f"## {letter}. {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for recipe in (one for one in recipes if one.experiment == letter):
            lines.append(f"| {' | '.join(cells(recipe, ours.get(recipe.name), smoke.get(recipe.name)))} |")
        lines.append("")
    return "\n".join([*lines, TAIL.read_text(encoding="utf-8")])


def cells(recipe: Recipe, ours: dict[str, str] | None, smoke: dict[str, str] | None) -> list[str]:
    """Command, published figures, ours at full size, data and hardware, and whether the reduced run went through."""
    published = ", ".join(f"{key} {value:g}" for key, value in headline(recipe.published).items()) or "none"
    full, data, hardware = "not run", recipe.data.collection, ""
    if ours is not None:
        full = f"{ours['figure']} {float(ours['value']):.3f} [{float(ours['low']):.3f}, {float(ours['high']):.3f}]"
        full += f", {ours['epochs_run']} of {ours['epochs_recipe']} epochs"
        data += f", {int(ours['train_images']):,} train, {int(ours['images']):,} test"
        hardware = ours["hardware"]
    small = "not run" if smoke is None else (smoke["error"] or f"went through in {float(smoke['seconds']):.0f} s")
    return [f"`train {recipe.name}`", published, full, data, hardware, small]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add")
    adding.add_argument("runs", type=Path, nargs="+")
    adding.add_argument("--hardware", required=True)
    smoking = commands.add_parser("smoke")
    smoking.add_argument("table", type=Path)
    commands.add_parser("write")
    chosen = parser.parse_args()
    if chosen.command == "add":
        add(chosen.runs, chosen.hardware)
    elif chosen.command == "smoke":
        SMOKE.write_text(chosen.table.read_text(encoding="utf-8"), encoding="utf-8")
    (DOCS / "experiments.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
