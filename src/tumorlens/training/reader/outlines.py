"""The threshold of a reader's outlines, their smallest region, and how far their areas may be off."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.evaluation import dice
from tumorlens.inference.areas import map_spread
from tumorlens.inference.manifest import AreaInterval
from tumorlens.measurement import components
from tumorlens.training.reader.answers import Answers
from tumorlens.training.reader.pool import Pool
from tumorlens.training.select import SPREAD
from tumorlens.training.uncertainty import fit_area_interval

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(11))
FRACTIONS = (0.0005, 0.001, 0.002)


def fit_outline(pool: Pool, answers: Answers, words: str) -> tuple[float, float, AreaInterval | None]:
    """Threshold and smallest region with the best mean Dice, and the interval of areas at these.

    Of slices with a tumor whose mask is known and holds no more than a reader outlines; collections count alike.

    Args:
        pool: slices that did not teach.
        answers: about them.
        words: what they are.
    """
    tumor = np.array([one.record.is_tumor for one in pool.items])
    chosen = np.flatnonzero(tumor & pool.masked & ~pool.whole & (pool.masks.reshape(len(pool), -1).sum(axis=1) > 0))
    if not len(chosen):
        return 0.5, FRACTIONS[0], None
    names = [pool.items[at].collection for at in chosen]
    weights = np.array([1 / names.count(name) for name in names])
    shape = len(chosen), len(THRESHOLDS), len(FRACTIONS)
    overlaps, measured = np.zeros(shape), np.zeros(shape)
    true, spreads = np.zeros(len(chosen)), np.zeros(len(chosen))
    for place, at in enumerate(chosen):
        truth = pool.masks[at] > 0
        probability = enlarged(answers.mask[at], truth.shape)
        true[place], spreads[place] = truth.sum(), map_spread(probability, SPREAD)
        for row, threshold in enumerate(THRESHOLDS):
            for col, fraction in enumerate(FRACTIONS):
                mask = probability > threshold
                if mask.any():
                    least = int(np.ceil(fraction * mask.size))
                    mask = np.asarray(components(mask, min_area_px=least).labels > 0)
                overlaps[place, row, col], measured[place, row, col] = dice(mask, truth), mask.sum()
    mean = (overlaps * weights[:, None, None]).sum(axis=0)
    row, col = (int(one) for one in np.unravel_index(int(mean.argmax()), mean.shape))
    interval = fit_area_interval(measured[:, row, col], true, spreads, words)
    return THRESHOLDS[row], FRACTIONS[col], interval


def enlarged(values: NDArray[np.float16], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A map at the network's stride brought to the input's resolution, as the runtime does."""
    plain = values.astype(np.float32)
    return np.asarray(cv2.resize(plain, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
