"""Time and memory of the whole command on one volume, beside a process that only reads the same voxels with nibabel.

    python benchmarks/volume.py VOLUME.nii.gz [--rounds 3]

Each round runs one and then the other, and medians are compared. ``tumorlens analyze VOLUME --out DIR`` reads every
slice inside the head, writes mask, pictures and page, and draws on all processors. Exit status 1 where it takes more
than 6 s or 600 MB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from run import run_process

SECONDS, MEGABYTES = 6.0, 600.0
READ = "import sys, nibabel, numpy; numpy.asarray(nibabel.load(sys.argv[1]).dataobj)"
MAIN = "from tumorlens.cli.main import main; main()"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ours, plain = [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as out:
            ours.append(run_process([sys.executable, "-c", MAIN, "analyze", str(given.volume), "--out", out]))
        plain.append(run_process([sys.executable, "-c", READ, str(given.volume)]))
    seconds, memory = (statistics.median(one[at] for one in ours) for at in (0, 1))
    base, base_memory = (statistics.median(one[at] for one in plain) for at in (0, 1))
    print(f"tumorlens analyze: {seconds:.2f} s, {memory:.0f} MB")
    print(f"nibabel, reading alone: {base:.2f} s, {base_memory:.0f} MB; ratio {seconds / base:.1f}")
    met = seconds <= SECONDS and memory <= MEGABYTES
    print(f"target: {SECONDS:g} s and {MEGABYTES:g} MB: {'met' if met else 'missed'}")
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main())
