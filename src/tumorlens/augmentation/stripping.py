"""Skull stripping, and its opposite: collections come with and without the skull, which must not tell their classes.

Both are rough on purpose. Stripping takes off a rim of the head; a made scalp is a dark gap and a bright ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tumorlens.augmentation.head_mask import depth, head_mask

_KEPT_AROUND_TUMOR = 5
SHRUNK = 0.82


@dataclass(frozen=True)
class Stripping:
    """One drawn change.

    Attributes:
        rim: thickness of what is taken off, as a fraction of the head's greatest depth.
        softness: standard deviation in pixels of the smoothing of the new edge.
        add: a scalp is added, and nothing taken off.
        gap: thickness of the dark ring, ``scalp`` of the bright one, as fractions of the image's rows.
        scalp: see ``gap``.
        brightness: of the scalp.
    """

    rim: float = 0.2
    softness: float = 2.0
    add: bool = False
    gap: float = 0.02
    scalp: float = 0.03
    brightness: float = 0.6

    def apply(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Change an image ``[rows, cols]`` within [0, 1]; pixels of the tumor mask are never taken off.

        Where a scalp is added the image shrinks to make room, and the mask with it.
        """
        return self._added(image, mask) if self.add else (self._stripped(image, mask), mask)

    def _stripped(self, image: NDArray[np.float32], mask: NDArray[np.float32] | None) -> NDArray[np.float32]:
        inside = depth(head_mask(image))
        deepest = float(inside.max())
        if deepest < 8:
            return image
        kept = (inside > self.rim * deepest).astype(np.float32)
        kept = cv2.GaussianBlur(kept, (0, 0), self.softness)
        if mask is not None and mask.any():
            size = 2 * _KEPT_AROUND_TUMOR + 1
            around = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
            kept = np.maximum(kept, np.asarray(around, dtype=np.float32))
        return np.asarray(image * (kept > 0.5), dtype=np.float32)

    def _added(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        rows, cols = image.shape
        moved = np.array(
            [[SHRUNK, 0, (1 - SHRUNK) * (cols - 1) / 2], [0, SHRUNK, (1 - SHRUNK) * (rows - 1) / 2]], dtype=np.float32
        )
        image = np.asarray(cv2.warpAffine(image, moved, (cols, rows), flags=cv2.INTER_AREA), dtype=np.float32)
        if mask is not None:
            mask = (cv2.warpAffine(mask, moved, (cols, rows)) > 0.5).astype(np.float32)
        hull = _hull(head_mask(image))
        outside = depth((1 - hull).astype(np.uint8))
        gap, end = self.gap * rows, (self.gap + self.scalp) * rows
        ring = ((outside > gap) & (outside <= end)).astype(np.float32)
        ring = cv2.GaussianBlur(ring, (0, 0), 0.8) * np.float32(self.brightness)
        return np.asarray(np.maximum(image, ring), dtype=np.float32), mask


def _hull(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    out = np.zeros_like(mask)
    if contours:
        cv2.drawContours(out, [cv2.convexHull(max(contours, key=cv2.contourArea))], -1, 1, thickness=cv2.FILLED)
    return out


class StrippingRange(BaseModel):
    """What to draw a :class:`Stripping` from.

    Attributes:
        strip: how often a slice that is not stripped is stripped.
        add: how often a slice that is stripped gets a scalp.
        rim: thinnest and thickest rim.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strip: float = Field(default=0.0, ge=0, le=1)
    add: float = Field(default=0.0, ge=0, le=1)
    rim: tuple[float, float] = (0.14, 0.34)

    def sample(self, rng: np.random.Generator, stripped: bool | None) -> Stripping | None:
        """Draw one change for a slice of which it is known, or not, whether it is stripped; ``None`` for no change."""
        chance, *amounts = rng.uniform(size=6)
        if chance >= (self.add if stripped else self.strip):
            return None
        return Stripping(
            rim=float(self.rim[0] + (self.rim[1] - self.rim[0]) * amounts[0]),
            softness=float(1 + 2 * amounts[1]),
            add=bool(stripped),
            gap=float(0.01 + 0.025 * amounts[2]),
            scalp=float(0.012 + 0.03 * amounts[3]),
            brightness=float(0.2 + 0.75 * amounts[4]),
        )
