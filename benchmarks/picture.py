"""One picture, in process and as a whole command, against an earlier commit of this project, in turns on one machine.

    python benchmarks/picture.py [--base REVISION] [--classifier NAME] [--rounds N]

The earlier tree is checked out beside and run with this environment. Each round measures both trees, the one after the
other; ratios are of medians over the rounds. The earlier tree's default model may be another one: ``--classifier``
gives both the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEFORE_VOLUMES = "e3c6d42~1"
CALLS = 30
IN_PROCESS = """
import statistics, sys, time
from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.shipped import shipped_model
analyzer = Analyzer(shipped_model(sys.argv[2]) if sys.argv[2] else None)
times = []
for _ in range(int(sys.argv[3]) + 3):
    started = time.perf_counter()
    analyzer.analyze(sys.argv[1])
    times.append(time.perf_counter() - started)
print(statistics.median(times[3:]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=BEFORE_VOLUMES)
    parser.add_argument("--classifier", default="")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder, "earlier")
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(earlier), given.base], cwd=ROOT, check=True)
        try:
            picture = Path(folder, "picture.png")
            make_picture(picture)
            trees = {given.base: earlier, "this": ROOT}
            found: dict[str, dict[str, list[float]]] = {name: {"in process": [], "cold": []} for name in trees}
            for _ in range(given.rounds):
                for name, tree in trees.items():
                    found[name]["in process"].append(in_process(tree, picture, given.classifier))
                    found[name]["cold"].append(cold(tree, picture, given.classifier, Path(folder, "out")))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(earlier)], cwd=ROOT, check=True)
    medians = {name: {kind: statistics.median(one) for kind, one in kinds.items()} for name, kinds in found.items()}
    for kind in ("in process", "cold"):
        before, now = medians[given.base][kind], medians["this"][kind]
        print(f"{kind}: {1000 * before:.1f} ms before, {1000 * now:.1f} ms now, {now / before:.2f} x")
    print(json.dumps({"base": given.base, "classifier": given.classifier or "default", "seconds": found}))


def make_picture(path: Path) -> None:
    """A made head with a tumor, as PNG."""
    import numpy as np

    from tumorlens.io import encode_png
    from tumorlens.phantoms import demo_phantoms

    path.write_bytes(encode_png(np.rint(demo_phantoms()[0].pixels).astype(np.uint8)))


def in_process(tree: Path, picture: Path, classifier: str) -> float:
    """Median seconds of a call with the models loaded."""
    command = [sys.executable, "-c", IN_PROCESS, str(picture), classifier, str(CALLS)]
    return float(subprocess.run(command, env=_of(tree), capture_output=True, text=True, check=True).stdout)


def cold(tree: Path, picture: Path, classifier: str, out: Path) -> float:
    """Seconds of the whole command, from a new process to its files."""
    command = [sys.executable, "-c", "from tumorlens.cli.main import main; main()", "analyze", str(picture)]
    command += ["--out", str(out), "--overwrite", *(["--classifier", classifier] if classifier else [])]
    started = time.perf_counter()
    subprocess.run(command, env=_of(tree), capture_output=True, check=True)
    return time.perf_counter() - started


def _of(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree / "src")}


if __name__ == "__main__":
    main()
