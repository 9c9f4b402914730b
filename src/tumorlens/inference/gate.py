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
_SAMPLED = 4096
_MANY_VALUES = 64
"""A mask or label map has fewer distinct values than this; the gate looks closer where a sample of pixels has too."""
_FLAT = 0.97
"""Share of the pixels off the background that equal their right and lower neighbors, from which on all is flat."""


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
        flat = [self._known_reason(one) for one in slices]
        asked = [one for one, reason in zip(slices, flat, strict=True) if reason is None]
        scores = iter(self.scores(asked) if asked else ())
        return [
            self._answer(float(next(scores))) if reason is None else GateAnswer(0.0, False, reason) for reason in flat
        ]

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

    def _known_reason(self, scan: Scan | Slice) -> str | None:
        """Why a slice is refused without asking the network: its file says so, or it is a mask."""
        flat, least = as_slice(scan), self.manifest.least_values
        if flat.scan.refusal is not None:
            return flat.scan.refusal
        return None if least is None else flat_reason(flat.pixels, least)

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


def flat_reason(pixels: NDArray[np.float32], least: int) -> str | None:
    """Why a picture must be a mask, a label map or a drawing; ``None`` where it may be a scan.

    It is one where it has fewer than ``least`` distinct values, or few and each in flat patches: a scan has noise.

    Args:
        pixels: ``[rows, cols]``.
        least: fewest distinct values of a scan.
    """
    step = max(1, pixels.size // _SAMPLED) | 1  # odd, so that an even width is not sampled in columns
    if len(np.unique(pixels.ravel()[::step])) > _MANY_VALUES:
        return None
    values, counts = np.unique(pixels, return_counts=True)
    if len(values) < least:
        return (
            f"The picture has only {len(values)} distinct values, as a mask, a label map or a drawing has: pass the "
            "scan itself."
        )
    if len(values) > _MANY_VALUES:
        return None
    inner = pixels[:-1, :-1]
    off = inner != values[np.argmax(counts)]
    same = (inner == pixels[1:, :-1]) & (inner == pixels[:-1, 1:])
    if off.any() and float(same[off].mean()) >= _FLAT:
        return (
            f"The picture consists of flat patches of {len(values)} values, as a label map or a drawing does: pass the "
            "scan itself."
        )
    return None


def open_gate(folder: Path, threads: int = 0) -> Gate:
    """The gate of a model folder.

    Raises:
        WeightsError: it is missing, altered, or no gate.
    """
    return Gate(open_session(folder, "gate", threads))
