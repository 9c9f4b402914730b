"""What pictures of scans go through on the web: quarter turns, JPEG, frames, marks burned in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

_MARKS = "LRAPSI0123456789"


@dataclass(frozen=True)
class PictureChange:
    """One drawn change of a picture.

    Attributes:
        jpeg: quality, 1 to 100; 0 leaves it.
        frame: factor by which the picture shrinks within a plain frame; 1 leaves it.
        frame_value: brightness of the frame.
        marks: number of marks burned in.
        seed: of the places of frame and marks.
    """

    jpeg: int = 0
    frame: float = 1.0
    frame_value: float = 0.0
    marks: int = 0
    seed: int = 0

    def apply(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Change an image ``[rows, cols]`` within [0, 1] and move its mask with it."""
        rng = np.random.default_rng(self.seed)
        if self.frame < 1:
            image, mask = self._framed(image, mask, rng)
        if self.marks:
            image = _marked(image, self.marks, rng)
        if self.jpeg:
            stored = np.rint(image * 255).astype(np.uint8)
            _, coded = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32) / np.float32(255)
        return np.asarray(image, dtype=np.float32), mask

    def _framed(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        rows, cols = image.shape
        high, wide = max(8, round(rows * self.frame)), max(8, round(cols * self.frame))
        top, left = int(rng.integers(rows - high + 1)), int(rng.integers(cols - wide + 1))
        out = np.full(image.shape, self.frame_value, dtype=np.float32)
        out[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
        if mask is None:
            return out, None
        moved = np.zeros_like(mask)
        moved[top : top + high, left : left + wide] = cv2.resize(mask, (wide, high), interpolation=cv2.INTER_LINEAR)
        return out, (moved > 0.5).astype(np.float32)


def _marked(image: NDArray[np.float32], marks: int, rng: np.random.Generator) -> NDArray[np.float32]:
    rows, cols = image.shape
    layer = np.zeros(image.shape, dtype=np.uint8)
    for _ in range(marks):
        text = "".join(rng.choice(list(_MARKS), size=int(rng.integers(1, 5))))
        edge = rng.uniform(0, 0.15, 2) + (rng.uniform(size=2) < 0.5) * 0.75
        place = int(edge[1] * cols), int(edge[0] * rows) + 6
        value, scale = float(rng.uniform(128, 255)), float(rng.uniform(0.25, 0.5))
        cv2.putText(layer, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, value, 1, cv2.LINE_AA)
    return np.asarray(np.maximum(image, layer.astype(np.float32) / np.float32(255)), dtype=np.float32)


class PictureRange(BaseModel):
    """What to draw a :class:`PictureChange` and quarter turns from.

    Attributes:
        turns: how often the picture lies on another side (one to three quarter turns).
        jpeg: how often it is stored as JPEG once more, and ``quality`` how well.
        quality: lowest and highest JPEG quality.
        frame: how often it lies in a plain frame, and ``smallest`` how small.
        smallest: smallest factor within a frame.
        marks: how often marks are burned in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: float = Field(default=0.0, ge=0, le=1)
    jpeg: float = Field(default=0.0, ge=0, le=1)
    quality: tuple[int, int] = (25, 90)
    frame: float = Field(default=0.0, ge=0, le=1)
    smallest: float = Field(default=0.65, gt=0, le=1)
    marks: float = Field(default=0.0, ge=0, le=1)

    def sample(self, rng: np.random.Generator) -> tuple[int, PictureChange]:
        """Draw quarter turns, 0 to 3, and one change of the picture."""
        chance, amount = rng.uniform(size=4), rng.uniform(size=3)
        turns, marks, seed = (int(one) for one in (rng.integers(1, 4), rng.integers(1, 4), rng.integers(2**62)))
        change = PictureChange(
            jpeg=int(self.quality[0] + (self.quality[1] - self.quality[0]) * amount[0]) if chance[1] < self.jpeg else 0,
            frame=float(self.smallest + (1 - self.smallest) * amount[1]) if chance[2] < self.frame else 1.0,
            frame_value=float(amount[2] * 0.25) if amount[2] > 0.6 else 0.0,
            marks=marks if chance[3] < self.marks else 0,
            seed=seed,
        )
        return (turns if chance[0] < self.turns else 0), change
