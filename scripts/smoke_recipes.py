"""Every recipe for real at reduced size: few images, one epoch for each phase, small input, random weights.

Shows that each recipe trains, answers the test part, writes its report and exports; its figures mean nothing else.
Finished runs are kept, so that the script goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import time
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

from tumorlens.errors import TumorlensError
from tumorlens.training.recipe import Recipe, load_any_recipe, load_recipe, recipe_names
from tumorlens.training.results import run_figures
from tumorlens.training.train import Options, train

SIZES = {"timm resnet10t": 96, "e_cnn": 96, "a_cnn6": 96, "inception_v3": 96, "xception": 96, "vgg": 64}
COLUMNS = ("recipe", "input", "images", "epochs", "parameters_mb", "accuracy_or_dice", "parity", "seconds", "error")


def reduced(name: str, size: int | None = None) -> Recipe:
    """The recipe with a small input, random weights and one epoch for each phase."""
    full = load_recipe(name)
    kind = f"{full.model.name} {full.model.parameters.get('backbone', '')}"
    side = size or next((value for key, value in SIZES.items() if key in kind), 64)
    overrides = [f"preprocessing.size=[{side}, {side}]", "model.pretrained=none", "batch_size=16", "workers=0"]
    if full.data.offline is not None:
        offline = full.data.offline
        if offline.copies:
            overrides.append("data.offline.copies=2")
        if offline.per_class:
            overrides.append("data.offline.per_class=16")
        if offline.small_tumors:
            overrides.append("data.offline.small_tumors=8")
    return load_recipe(name, overrides)


def run_one(name: str, data: Path, folder: Path, limit: int) -> dict[str, object]:
    """Train one recipe and say what came of it."""
    recipe = reduced(name)
    epochs = max(1, len(recipe.phases))
    started = time.monotonic()
    row: dict[str, object] = {"recipe": name, "input": recipe.preprocessing.size[0], "epochs": epochs}
    try:
        options = Options(epochs=epochs, limit=limit, cache=folder.parent / ".cache")
        run = train(recipe, data, folder, options)
        figures = run_figures(recipe, run)
        manifest = json.loads((run.export / "manifest.json").read_text(encoding="utf-8"))
        missing = [one for one in ("report.html", "predictions.csv", "split.json") if not (run.root / one).is_file()]
        row |= {
            "images": manifest["training"]["images"],
            "parameters_mb": round((run.export / "model.onnx").stat().st_size / 2**20, 2),
            "accuracy_or_dice": round(figures.get("accuracy", figures.get("dice", float("nan"))), 4),
            "parity": f"{manifest['parity']:.1e}",
            "error": f"missing: {', '.join(missing)}" if missing else "",
        }
    except TumorlensError as error:
        row["error"] = str(error)
    row["seconds"] = round(time.monotonic() - started, 1)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pattern", default="*")
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--keep", action="store_true", help="keep checkpoints and weights, not only rows and reports")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    known = [name for name in recipe_names() if fnmatchcase(name, chosen.pattern)]
    names = [name for name in known if isinstance(load_any_recipe(name), Recipe)]
    for number, name in enumerate(names, start=1):
        kept = chosen.out / "rows" / f"{name}.json"
        if kept.is_file() and not json.loads(kept.read_text(encoding="utf-8"))["error"]:
            continue
        console.print(f"[{number}/{len(names)}] {name}", markup=False)
        folder = chosen.out / "runs" / name
        shutil.rmtree(folder, ignore_errors=True)
        row = run_one(name, chosen.data, folder, chosen.limit)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(row), encoding="utf-8")
        if not chosen.keep:
            for part in ("checkpoints", "export", "tensorboard"):
                shutil.rmtree(folder / part, ignore_errors=True)
        console.print(f"    {row['error'] or row['accuracy_or_dice']} in {row['seconds']} s", markup=False)
    write_table(chosen.out, names)


def write_table(out: Path, names: list[str]) -> None:
    """All rows in one CSV and one Markdown table, with the commit."""
    rows = [json.loads((out / "rows" / f"{name}.json").read_text(encoding="utf-8")) for name in names]
    with (out / "smoke.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    failed = sum(bool(row["error"]) for row in rows)
    lines = [f"{len(rows)} recipes at commit {commit}, {failed} failed.", "", f"| {' | '.join(COLUMNS)} |"]
    lines.append("|" + " --- |" * len(COLUMNS))
    lines += [f"| {' | '.join(str(row.get(column, '')) for column in COLUMNS)} |" for row in rows]
    (out / "smoke.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Console().print(f"{lines[0]} Table: {out / 'smoke.md'}", markup=False)


if __name__ == "__main__":
    main()
