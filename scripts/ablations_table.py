"""Table of what scripts/ablations.sh left: every training on the slices that all of them answered.

    python scripts/ablations_table.py OUT [--csv docs/ablations.csv]

Prints a table in Markdown; intervals are 95 %, by person.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from tumorlens.evaluation.detection import detection_figures, read_detections
from tumorlens.evaluation.leave_out_report import interval_cells, shown
from tumorlens.training.reader.leave_out import ANSWERS

SHOWN = ("sensitivity", "specificity", "auroc", "sensitivity_at", "ece", "wrong_silent", "dice")
BRATS = "BraTS 2021"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    answers = {one.parent.parent.name: read_detections(one) for one in sorted(given.out.glob(f"*/*/{ANSWERS}"))}
    if not answers:
        parser.error(f"{given.out} holds no {ANSWERS}: run scripts/ablations.sh first.")
    common = set.intersection(*({(one.collection, one.id) for one in rows} for rows in answers.values()))
    kept = {name: [one for one in rows if (one.collection, one.id) in common] for name, rows in answers.items()}
    print(f"{len(common)} slices, {sum(one.tumor for one in next(iter(kept.values())))} with a tumor")
    print("| training | " + " | ".join(SHOWN) + " | AUROC of BraTS |")
    print("|---" * (len(SHOWN) + 2) + "|")
    table: list[list[str]] = []
    for name, rows in kept.items():
        parts = {"all": rows, BRATS: [one for one in rows if one.source == BRATS]}
        figures = {look: detection_figures(part) for look, part in parts.items()}
        cells = [shown(figures["all"][key]) for key in SHOWN] + [shown(figures[BRATS]["auroc"])]
        print(f"| {name} | " + " | ".join(cells) + " |")
        for look, part in parts.items():
            ends = [cell for key in SHOWN for cell in interval_cells(figures[look][key])]
            table.append([name, look, str(len(part)), *ends])
    if given.csv is not None:
        with given.csv.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            heads = [f"{key}{end}" for key in SHOWN for end in ("", "_low", "_high")]
            writer.writerow(["training", "look", "slices", *heads])
            writer.writerows(table)


if __name__ == "__main__":
    main()
