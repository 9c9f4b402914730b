"""Finish the reader that ships: figures of sources that taught it nothing, then its folder among the weights.

    python scripts/ship_reader.py RUN [--left-out LEFT_OUT] [--external ANSWERS.csv ...] [--weights WEIGHTS]

``RUN`` is the run of ``reader-lite0``. ``LEFT_OUT`` is what ``tumorlens evaluate reader-lite0 --leave-out ...`` left:
the rules are fitted on it, and the figures of each look come from it. ``ANSWERS.csv`` are tables of answers about
collections that taught nothing and chose nothing (``tumorlens evaluate`` writes them): they add figures, and no rule.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tumorlens.evaluation.detection import Detection, detection_figures, read_detections
from tumorlens.inference.manifest import CARD_FILE, MODEL_FILE, Metric, read_manifest
from tumorlens.training.reader.finalize import SPECIFICITY, write_manifest
from tumorlens.training.reader.leave_out import ANSWERS
from tumorlens.training.reader.left_out import known_looks, rules_of_left_out
from tumorlens.training.recipe import load_any_recipe

SHOWN = ("sensitivity", "specificity", "auroc", "ece", "wrong_silent", "dice")


def metrics(name: str, rows: list[Detection]) -> list[Metric]:
    """Figures of a collection that taught nothing, for manifest and card."""
    figures = detection_figures(rows)
    return [
        Metric(name=key, value=one.value, low=one.low, high=one.high, images=len(rows), data=name)
        for key in SHOWN
        if (one := figures[key]) is not None
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--left-out", type=Path)
    parser.add_argument("--external", type=Path, nargs="*", default=[])
    parser.add_argument("--weights", type=Path, default=Path("src/tumorlens/weights"))
    given = parser.parse_args()
    manifest = read_manifest(given.run / "export")
    rules, found = manifest.reading, list(manifest.metrics)
    assert rules is not None
    if given.left_out is not None:
        rows = [row for one in sorted(given.left_out.glob(f"*/{ANSWERS}")) for row in read_detections(one)]
        rules = rules_of_left_out(rules, rows, SPECIFICITY)
    external = [row for one in given.external for row in read_detections(one)]
    if external:
        known = {(one.sequence, one.stripped): one for one in (*known_looks(external), *rules.known)}
        rules = rules.model_copy(update={"known": tuple(known.values())})
        for collection in sorted({one.collection for one in external}):
            found += metrics(
                f"{collection}, which taught nothing", [one for one in external if one.collection == collection]
            )
    # Mean Dice of validation slices that look like T1 with contrast, by the reader, the segmenter and the mean of both:
    # figshare 0.68, 0.73, 0.74; BraTS 0.62, 0.48, 0.61.
    rules = rules.model_copy(update={"segmented": ("t1c",), "outlined_only": True})
    limits = load_any_recipe(manifest.training.recipe).limits
    folder = given.weights / manifest.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(given.run / "export" / MODEL_FILE, folder / MODEL_FILE)
    write_manifest(folder, manifest.model_copy(update={"reading": rules, "metrics": tuple(found), "limits": limits}))
    print(f"{folder / CARD_FILE}: threshold {rules.tumor_threshold}, doubt {rules.doubt}, looks {len(rules.known)}")


if __name__ == "__main__":
    main()
