"""Measure a gate on sources and kinds that taught it nothing, and write the table into the card of a run.

    python scripts/gate_leave_out.py --data DATASETS --pictures PICTURES --run RUN

``PICTURES`` is what ``scripts/gate_sources.py`` laid out; ``RUN`` is a finished run of ``tumorlens train gate-small``.
``leave-out.json`` in the run keeps the rows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tumorlens.inference.manifest import read_manifest
from tumorlens.training.gate.finalize import write_described
from tumorlens.training.gate.leave_out import LeftOut, as_rows, draw_bank, leave_out, table
from tumorlens.training.gate.pool import load_gate_pool
from tumorlens.training.gate.recipe import GateRecipe
from tumorlens.training.recipe import load_any_recipe


def main() -> None:
    """Draw, train each smaller run, ask, describe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--pictures", "--run"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--draws", type=int, default=16_384)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--runs", type=int, default=4, help="runs that the sources and kinds are divided among")
    parser.add_argument("--describe-only", action="store_true", help="write the card from the rows that the run keeps")
    chosen = parser.parse_args()
    kept = chosen.run / "leave-out.json"
    if chosen.describe_only:
        stored = json.loads(kept.read_text(encoding="utf-8"))
        rows = [LeftOut(**row) for row in stored["rows"]]
        draws, epochs, runs = stored["draws"], stored["epochs"], stored["runs"]
    else:
        recipe = load_any_recipe("gate-small", [f"pictures={chosen.pictures}"])
        assert isinstance(recipe, GateRecipe)
        pool = load_gate_pool(recipe, chosen.data)
        bank = draw_bank(pool, recipe, chosen.draws)
        draws, epochs, runs = chosen.draws, chosen.epochs, chosen.runs
        rows = leave_out(recipe, pool, bank, epochs, runs, lambda row: print(row, flush=True))
        stored = {"draws": draws, "epochs": epochs, "runs": runs, "rows": as_rows(rows)}
        kept.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    export = chosen.run / "export"
    write_described(export, read_manifest(export), table(rows, draws, epochs, runs))


if __name__ == "__main__":
    main()
