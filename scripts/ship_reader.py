"""Finish the reader that ships: rules and figures from the sources left out, then its folder among the weights.

    python scripts/ship_reader.py RUN LEFT_OUT [--weights src/tumorlens/weights] [--table docs]

``RUN`` is the run of ``reader-lite0``, ``LEFT_OUT`` what ``tumorlens evaluate reader-lite0 --leave-out ...`` left.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tumorlens.evaluation.detection import read_detections
from tumorlens.evaluation.leave_out_report import TABLE, write_leave_out
from tumorlens.inference.manifest import CARD_FILE, MODEL_FILE, read_manifest
from tumorlens.training.reader.finalize import SPECIFICITY, write_manifest
from tumorlens.training.reader.leave_out import ANSWERS
from tumorlens.training.reader.left_out import answered_again, rules_of_left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("left_out", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("src/tumorlens/weights"))
    parser.add_argument("--table", type=Path, default=Path("docs"))
    given = parser.parse_args()
    manifest = read_manifest(given.run / "export")
    assert manifest.reading is not None
    answers = {one.parent.name: read_detections(one) for one in sorted(given.left_out.glob(f"*/{ANSWERS}"))}
    rows = [row for those in answers.values() for row in those]
    rules = rules_of_left_out(manifest.reading, rows, SPECIFICITY)
    again = {name: answered_again(those, rules) for name, those in answers.items()}
    write_leave_out(given.left_out, manifest.title, dict.fromkeys(again, ()), again)
    shutil.copy(given.left_out / TABLE, given.table / TABLE)
    folder = given.weights / manifest.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(given.run / "export" / MODEL_FILE, folder / MODEL_FILE)
    write_manifest(folder, manifest.model_copy(update={"reading": rules}))
    print(f"{folder / CARD_FILE}: threshold {rules.tumor_threshold}, doubt {rules.doubt}, looks {len(rules.known)}")


if __name__ == "__main__":
    main()
