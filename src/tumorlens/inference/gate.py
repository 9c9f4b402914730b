"""The gate: whether a picture looks like a slice of a brain MRI at all, asked before anything is read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.opening import open_session
from tumorlens.inference.session import Floats, ModelSession, sigmoid
from tumorlens.preprocessing import Prepared
from tumorlens.scan import Scan, Slice, as_slice

LONGEST_SIDE = 160
"""Pixels; the gate is fitted on pictures shrunk to the same side."""

_SHORTEST_SIDE = 8


@dataclass(frozen=True)
class GateAnswer:
    """What the gate says about one slice.

    Attributes:
        score: probability that it is a slice of a brain MRI.
        passed: whether it is to be read.
        reason: why not, in one sentence; ``None`` where it passed.
    """

    score: float
    passed: bool
    reason: str | None = None


class Gate:
    """Runs a gate as its manifest says."""

    def __init__(self, session: ModelSession) -> None:
        self.session = session
        self.manifest = session.manifest

    def __call__(self, slices: Sequence[Scan | Slice]) -> list[GateAnswer]:
        """Judge 2-D scans in one batch."""
        return [self._answer(float(one)) for one in self.scores(slices)]

    def scores(self, slices: Sequence[Scan | Slice]) -> Floats:
        """Probability of being a slice of a brain MRI, float32 ``[slices]``."""
        images = np.stack([self.prepare(one).array for one in slices])
        values = self._probabilities(images)
        if self.manifest.flip_average:
            values = np.asarray((values + self._probabilities(images[..., ::-1])) / 2, dtype=np.float32)
        return values

    def prepare(self, scan: Scan | Slice) -> Prepared:
        """The model's input: the manifest's preprocessing of the slice, shrunk first if it is large.

        Percentiles of a full-size slice would take longer than the gate itself may.
        """
        flat = as_slice(scan)
        return self.manifest.preprocessing(shrunk(flat.pixels), flat.spacing_mm)

    def _probabilities(self, images: Floats) -> Floats:
        (logits,) = self.session.run(images)
        return sigmoid(logits[:, 0] / np.float32(self.manifest.temperature))

    def _answer(self, score: float) -> GateAnswer:
        threshold = self.manifest.threshold
        if score > threshold:
            return GateAnswer(score, True)
        shown = f"{score:.3f}" if score >= 0.0005 else "below 0.001"
        reason = (
            f"The gate's probability that this is a slice of a brain MRI is {shown}, and more than {threshold:g} is "
            "needed."
        )
        return GateAnswer(score, False, reason)


def shrunk(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The slice ``[rows, cols]``, its longest side at most :data:`LONGEST_SIDE` pixels, shrunk by area means."""
    rows, cols = pixels.shape
    factor = LONGEST_SIDE / max(rows, cols)
    if factor >= 1:
        return pixels
    size = max(_SHORTEST_SIDE, round(cols * factor)), max(_SHORTEST_SIDE, round(rows * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def open_gate(folder: Path, threads: int = 0) -> Gate:
    """The gate of a model folder.

    Raises:
        WeightsError: it is missing, altered, or no gate.
    """
    return Gate(open_session(folder, "gate", threads))
