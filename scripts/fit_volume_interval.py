"""How far measured volumes are from the true ones: fitted on half of the people of LGG, checked on the other half.

    python scripts/fit_volume_interval.py DATASETS [--model FOLDER] [--into WEIGHTS/reader-lite0]

The collection taught nothing and chooses nothing else. Each person's FLAIR slices are a stack; the ratio of true to
measured volume needs no spacing. People are divided by the digest of their number. A stack without an outline is missed
and has no ratio. With ``--into`` the factors are written into the manifest and the card of that folder; all else of a
volume's answer follows the rules for slices.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tumorlens.inference.analyze import Analyzer
from tumorlens.inference.manifest import VolumeRules, read_manifest
from tumorlens.scan import Scan
from tumorlens.training.reader.finalize import write_manifest

COVERAGE = 0.9
FLAIR = 1
LEAST_SLICES = 7


@dataclass(frozen=True)
class Measured:
    """One person: voxels of truth and of the answer, Dice, and the probability of a tumor."""

    person: str
    true: int
    found: int
    dice: float
    probability: float
    label: str


def measured(folder: Path, models: Analyzer) -> Measured | None:
    """The answer about one person's stack, beside the truth; ``None`` where there are too few slices of one size."""
    paths = sorted(
        (one for one in folder.glob("*.tif") if "_mask" not in one.name),
        key=lambda one: int(re.findall(r"_(\d+)\.tif$", one.name)[0]),
    )
    pictures = [cv2.imread(str(one), cv2.IMREAD_UNCHANGED) for one in paths]
    pairs = [
        (picture, cv2.imread(str(path).replace(".tif", "_mask.tif"), cv2.IMREAD_GRAYSCALE))
        for path, picture in zip(paths, pictures, strict=True)
        if picture is not None
    ]
    pairs = [(picture, mask) for picture, mask in pairs if mask is not None and picture.ndim == 3]
    if len(pairs) < LEAST_SLICES:
        return None
    truth = np.stack([mask for _, mask in pairs]) > 0
    answer = models.analyze(Scan(np.stack([picture[..., FLAIR] for picture, _ in pairs])))
    assert answer.whole is not None
    mask = np.zeros(truth.shape, bool) if answer.whole.mask is None else answer.whole.mask
    both = int((mask & truth).sum())
    return Measured(
        folder.name,
        int(truth.sum()),
        int(mask.sum()),
        2 * both / max(1, int(mask.sum() + truth.sum())),
        1 - answer.probabilities.get("no_tumor", 1.0),
        str(answer.label),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, help="folder of a reader; the one that ships by default")
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    models = Analyzer(classifier=given.model)
    folders = sorted(one for one in (given.data / "lgg-256" / "kaggle_3m").iterdir() if one.is_dir())
    rows = [one for folder in folders if (one := measured(folder, models)) is not None and one.true]
    for one in rows:
        print(f"{one.person}: {one.label} {one.probability:.3f}, dice {one.dice:.3f}, {one.found} of {one.true} voxels")
    called = [one for one in rows if one.label not in ("no_tumor", "None")]
    outlined = [one for one in called if one.found]
    print(f"{len(rows)} people, {len(called)} called a tumor, {len(outlined)} outlined")
    print(f"mean Dice {np.mean([one.dice for one in rows]):.3f}, median {np.median([one.dice for one in rows]):.3f}")
    half = [int(hashlib.sha256(one.person.encode()).hexdigest(), 16) % 2 for one in outlined]
    ratios = np.array([one.true / one.found for one in outlined])
    fit, check = ratios[np.array(half) == 0], ratios[np.array(half) == 1]
    low, high = conformal(fit)
    held = float(np.mean((check >= low) & (check <= high)))
    said = f"hold for {100 * held:.0f} %"
    print(f"factors {low:.3f} to {high:.3f} of {len(fit)} people; on the {len(check)} others they {said}")
    if given.into is not None:
        manifest = read_manifest(given.into)
        assert manifest.reading is not None
        reading = manifest.reading
        rules = VolumeRules(
            scale=reading.tumor_scale,
            bias=reading.tumor_bias,
            threshold=reading.tumor_threshold,
            doubt=reading.doubt,
            factors=(round(low, 3), round(high, 3)),
            factors_coverage=COVERAGE,
            fitted_on=f"factors: {len(fit)} people of lgg (FLAIR), which taught nothing; on the {len(check)} others "
            f"they {said}; the rest as for slices",
        )
        reading = reading.model_copy(update={"volume": rules})
        write_manifest(given.into, manifest.model_copy(update={"reading": reading}))


def conformal(ratios: np.ndarray) -> tuple[float, float]:
    """Bounds of the ratio that hold for :data:`COVERAGE` of people, from finitely many (split conformal prediction)."""
    count = len(ratios)
    ordered = np.sort(ratios)
    tail = int(np.floor((count + 1) * (1 - COVERAGE) / 2))
    low, high = (ordered[tail - 1], ordered[count - tail]) if tail else (ordered[0], ordered[-1])
    return min(1.0, float(low)), max(1.0, float(high))


if __name__ == "__main__":
    main()
