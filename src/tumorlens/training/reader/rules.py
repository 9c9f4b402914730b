"""From what a reader said about slices that did not teach it to the rules of its manifest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tumorlens.evaluation.calibration import fit_temperature

COVERAGE = 0.95
"""Share of slices of each truth whose set of possible labels is to hold it, as the answers state."""
FITTED_COVERAGE = 0.975
"""The same of the slices that are fitted on: those of other collections are less alike, so sets are fitted wider."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Slices that did not teach the network, and what it said of them.

    Attributes:
        tumor_logit: ``[slices]``.
        kind_logits: ``[slices, kinds]``.
        tumor: whether there is one, bool ``[slices]``.
        kind: index of its kind, -1 where unknown or none, ``[slices]``.
        weight: of each slice, so that large collections do not outvote small ones, ``[slices]``.
    """

    tumor_logit: NDArray[np.float32]
    kind_logits: NDArray[np.float32]
    tumor: NDArray[np.bool_]
    kind: NDArray[np.int64]
    weight: NDArray[np.float64]


@dataclass(frozen=True)
class TumorRules:
    """Platt's scale and bias, the threshold, the ranges of doubt and of turning; see ``ReadingRules``."""

    scale: float
    bias: float
    threshold: float
    doubt: tuple[float, float]
    turned: tuple[float, float]


def fit_tumor_rules(judged: Judged, specificity: float) -> TumorRules:
    """Calibrate the tumor's probability, and choose its threshold and range of doubt.

    Args:
        judged: slices that did not teach.
        specificity: share of the tumor-free slices, weighted, that the threshold is to leave uncalled.
    """
    scale, bias = fit_platt(judged.tumor_logit, judged.tumor, judged.weight)
    probability = 1 / (1 + np.exp(-(scale * judged.tumor_logit.astype(np.float64) + bias)))
    free, shown = ~judged.tumor, judged.tumor
    threshold = weighted_quantile(probability[free], judged.weight[free], specificity)
    threshold = float(np.clip(threshold, 0.05, 0.95))

    def between(coverage: float) -> tuple[float, float]:
        low = weighted_quantile(probability[shown], judged.weight[shown], 1 - coverage)
        high = weighted_quantile(probability[free], judged.weight[free], coverage)
        return round(min(low, threshold), 4), round(max(high, threshold), 4)

    # Turned looks at a head that lies upright cost more than they bring, so they are asked less often.
    return TumorRules(scale, bias, round(threshold, 4), between(FITTED_COVERAGE), between(COVERAGE))


def fit_platt(
    logits: NDArray[np.float32], truth: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Scale (0.05 to 20) and bias of the logits with the least weighted cross-entropy (Platt, 1999)."""
    values, target, share = logits.astype(np.float64), truth.astype(np.float64), weight / weight.sum()

    def loss(parameters: NDArray[np.float64]) -> float:
        scaled = np.exp(np.clip(parameters[0], -3, 3)) * values + parameters[1]
        return float((share * (np.logaddexp(0, scaled) - target * scaled)).sum())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead")
    return round(float(np.exp(np.clip(found.x[0], -3, 3))), 4), round(float(found.x[1]), 4)


def fit_kind_rules(judged: Judged) -> tuple[float, float]:
    """Temperature of the kind logits, and the probability from which on a kind remains possible.

    The latter keeps the true kind of that share of slices in the set (Sadinle, Lei and Wasserman, 2019).
    """
    known = judged.kind >= 0
    temperature = round(fit_temperature(judged.kind_logits[known][None], judged.kind[known]), 4)
    scaled = judged.kind_logits[known].astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    probability = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
    of_truth = probability[np.arange(len(probability)), judged.kind[known]]
    least = weighted_quantile(of_truth, judged.weight[known], 1 - FITTED_COVERAGE)
    return temperature, float(np.floor(least * 1e4) / 1e4)


def weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The smallest value that at least ``share`` of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    place = int(np.searchsorted(total, share * total[-1]))
    return float(values[order[min(place, len(order) - 1)]])
