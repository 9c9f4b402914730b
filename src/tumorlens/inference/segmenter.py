"""Tumor masks of slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.areas import map_spread
from tumorlens.inference.session import Floats, ModelSession, sigmoid
from tumorlens.measurement import components
from tumorlens.preprocessing import Prepared
from tumorlens.scan import Scan, Slice, as_slice


@dataclass(frozen=True, eq=False)
class Outline:
    """Answer for one slice.

    Attributes:
        mask: bool ``[rows, cols]``, possibly empty.
        spread: how blurred the edge of the probability map is; 1 where the manifest does not ask for it.
    """

    mask: NDArray[np.bool_]
    spread: float


class Segmenter:
    """Runs a segmenter as its manifest says."""

    def __init__(self, session: ModelSession) -> None:
        self.session = session
        self.manifest = session.manifest

    def probabilities(self, slices: Sequence[Scan | Slice]) -> list[Floats]:
        """Tumor probability of each pixel, float32 ``[rows, cols]`` at each slice's own resolution."""
        return [one.geometry.restore(values) for one, values in self._run(slices)]

    def __call__(self, slices: Sequence[Scan | Slice]) -> list[NDArray[np.bool_]]:
        """Outline the tumor in 2-D scans in one batch: masks bool ``[rows, cols]``, possibly empty."""
        return [one.mask for one in self.outline(slices)]

    def outline(
        self, slices: Sequence[Scan | Slice], beside: Sequence[Floats] | None = None, threshold: float | None = None
    ) -> list[Outline]:
        """Outline the tumor in 2-D scans in one batch, and say how blurred each outline is.

        Args:
            slices: what to outline.
            beside: a second opinion of each, probabilities ``[rows, cols]`` of the slice; the mean of both then counts.
            threshold: a pixel above it is tumor; the manifest's for ``None``.
        """
        known = self.manifest.area_interval
        found = []
        for at, (prepared, values) in enumerate(self._run(slices)):
            probability = prepared.geometry.restore(values)
            if beside is not None:
                probability = np.asarray((probability + beside[at]) / 2, dtype=np.float32)
            spread = 1.0 if known is None or known.spread is None else map_spread(probability, known.spread)
            found.append(Outline(self.decide(probability, prepared, threshold), spread))
        return found

    def decide(self, probability: Floats, prepared: Prepared, threshold: float | None = None) -> NDArray[np.bool_]:
        """Threshold a map ``[rows, cols]`` and drop regions too small to mean anything."""
        mask = np.asarray(probability > (self.manifest.threshold if threshold is None else threshold))
        smallest = self.manifest.min_region_fraction * prepared.geometry.box.height * prepared.geometry.box.width
        if smallest <= 1 or not mask.any():
            return mask
        found = components(mask, min_area_px=int(np.ceil(smallest)))
        return np.asarray(found.labels > 0)

    def _run(self, slices: Sequence[Scan | Slice]) -> list[tuple[Prepared, Floats]]:
        prepared = [self.manifest.preprocessing(one.pixels, one.spacing_mm) for one in map(as_slice, slices)]
        images = np.stack([one.array for one in prepared])
        values = self._probability(images)
        if self.manifest.flip_average:
            mirrored = self._probability(images[..., ::-1])[..., ::-1]
            values = np.asarray((values + mirrored) / 2, dtype=np.float32)
        return list(zip(prepared, values[:, 0], strict=True))

    def _probability(self, images: Floats) -> Floats:
        (logits,) = self.session.run(images)
        return sigmoid(logits / np.float32(self.manifest.temperature))
