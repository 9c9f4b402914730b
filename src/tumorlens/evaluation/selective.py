"""What a model gets right when it may keep silent where it is least sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.intervals import Floats

COVERAGES = (0.80, 0.90, 0.95)


@dataclass(frozen=True, eq=False)
class SelectiveFigures:
    """Errors among the most confident answers (El-Yaniv and Wiener, JMLR 11, 2010; Geifman et al., ICLR 2019).

    Attributes:
        coverage: share of images answered, float64 ``[images]``, from one image to all.
        risk: share of wrong answers among these.
        confidence: lowest confidence among these.
        aurc: area under the risk-coverage curve, the mean of ``risk``.
        excess_aurc: what of it a perfect order of confidence would save.
        accuracy_at: share of right answers at a coverage of at least the key, such as ``"0.90"``.
    """

    coverage: Floats
    risk: Floats
    confidence: Floats
    aurc: float
    excess_aurc: float
    accuracy_at: dict[str, float]

    def to_dict(self, points: int = 200) -> dict[str, Any]:
        """The figures as plain numbers, the curve thinned to at most ``points`` (first and last kept)."""
        rows = np.unique(np.linspace(0, len(self.coverage) - 1, min(points, len(self.coverage))).astype(np.int64))
        curve = {name: getattr(self, name)[rows].tolist() for name in ("coverage", "risk", "confidence")}
        return {**curve, "aurc": self.aurc, "excess_aurc": self.excess_aurc, "accuracy_at": dict(self.accuracy_at)}


def selective_figures(
    confidence: NDArray[Any] | Sequence[float],
    correct: NDArray[Any] | Sequence[bool],
    coverages: Sequence[float] = COVERAGES,
) -> SelectiveFigures:
    """Risk over coverage, the most confident answers first; equals count with their mean risk, in no order.

    Args:
        confidence: of each answer, such as its probability, ``[images]``.
        correct: whether each answer is right, ``[images]``.
        coverages: shares of images for which accuracy is stated.

    Raises:
        EvaluationError: no images, lengths that differ, a confidence that is not finite, a coverage out of range.
    """
    scores, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.bool_)
    if scores.size == 0:
        raise EvaluationError("There are no images to evaluate: give at least one.")
    if scores.ndim != 1 or scores.shape != right.shape or not np.isfinite(scores).all():
        raise EvaluationError(
            f"{scores.size} confidences do not fit {right.size} answers: give one finite number for each answer."
        )
    if not all(0 < one <= 1 for one in coverages):
        raise EvaluationError(f"The coverages {list(coverages)} must lie above 0 and up to 1.")
    order = np.argsort(-scores, kind="stable")
    ordered, total = scores[order], len(scores)
    answered = np.arange(1, total + 1)
    ends = np.append(np.flatnonzero(np.diff(ordered)), total - 1)
    wrong = np.interp(answered, np.append(0, ends + 1), np.append(0, np.cumsum(~right[order])[ends]))
    risk = wrong / answered
    errors = int((~right).sum())
    best = np.maximum(answered - (total - errors), 0) / answered
    kept = {f"{one:.2f}": max(1, int(np.ceil(one * total - 1e-9))) for one in coverages}
    return SelectiveFigures(
        coverage=answered / total,
        risk=risk,
        confidence=ordered,
        aurc=float(risk.mean()),
        excess_aurc=float(max(risk.mean() - best.mean(), 0.0)),
        accuracy_at={key: float(1 - risk[count - 1]) for key, count in kept.items()},
    )
