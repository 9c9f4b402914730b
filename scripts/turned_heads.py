"""Whether an answer hangs on how the file lies: the same tumors upright, in a wide frame, turned and upside down.

    python scripts/turned_heads.py DATASETS [--count 60]

Slices with a tumor of Nickparvar's validation part, drawn by a fixed seed; how many are named as their folder is, and
in how many a tumor is found at all.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.splits import load_split
from tumorlens.evaluation.predict import read_slice
from tumorlens.inference.analyze import Analyzer

Pixels = NDArray[np.float32]


def framed(pixels: Pixels) -> Pixels:
    """The picture off the center of a black one that is 2.2 times as high and wide."""
    rows, cols = pixels.shape
    frame = np.full((int(rows * 2.2), int(cols * 2.2)), pixels.min(), pixels.dtype)
    top, left = int(rows * 0.7), int(cols * 0.4)
    frame[top : top + rows, left : left + cols] = pixels
    return frame


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "upright": lambda pixels: pixels,
    "wide frame": framed,
    "turned 90 degrees": lambda pixels: np.rot90(pixels).copy(),
    "upside down": lambda pixels: pixels[::-1].copy(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60)
    given = parser.parse_args()
    split = load_split("nickparvar-clusters")
    records = [one for one in split.records(load_collection("nickparvar", given.data), "validation") if one.is_tumor]
    chosen = random.Random(0).sample(records, min(given.count, len(records)))
    pictures = [read_slice(one, None).pixels for one in chosen]
    analyzer = Analyzer()
    for name, change in CHANGES.items():
        answers = [analyzer.analyze(change(one)) for one in pictures]
        right = sum(answer.label == record.label for answer, record in zip(answers, chosen, strict=True))
        found = sum(answer.label not in (None, "no_tumor") for answer in answers)
        refused = sum(answer.label is None for answer in answers)
        print(f"{name}: {right} named right, a tumor found in {found}, {refused} refused, of {len(chosen)}")


if __name__ == "__main__":
    main()
