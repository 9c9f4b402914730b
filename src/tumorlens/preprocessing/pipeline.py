"""The preprocessing that a manifest names: crop, fit, intensity, channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tumorlens.preprocessing.geometry import Geometry, letterbox, stretch, whole
from tumorlens.preprocessing.head import head_box
from tumorlens.preprocessing.intensity import percentile_scale


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network's input, float32 ``[channels, rows, cols]``, and the geometry that leads back to the slice."""

    array: NDArray[np.float32]
    geometry: Geometry


class Preprocessing(BaseModel):
    """Named steps with their parameters; the same object prepares training images and scans to be answered.

    Attributes:
        size: ``(rows, cols)`` of the input.
        channels: 1, or 3 equal channels for networks that expect color.
        crop: ``"head"`` for the box of the largest contour, ``"none"`` for the whole slice.
        crop_margin: border around the head, as a fraction of its longer side.
        fit: ``"letterbox"`` keeps proportions and pads with 0, ``"stretch"`` fills the input.
        percentiles: the two intensity percentiles of the kept part that become 0 and 1.
        mean: subtracted after scaling.
        std: divided by, after ``mean`` is subtracted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int]
    channels: Literal[1, 3] = 1
    crop: Literal["head", "none"] = "head"
    crop_margin: float = Field(default=0.02, ge=0.0, le=0.5)
    fit: Literal["letterbox", "stretch"] = "letterbox"
    percentiles: tuple[float, float] = (0.5, 99.5)
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0.0)

    @model_validator(mode="after")
    def _check(self) -> Preprocessing:
        if min(self.size) < 8 or max(self.size) > 4096:
            raise ValueError(f"size {self.size} must be 8 to 4096 pixels on each side")
        low, high = self.percentiles
        if not 0.0 <= low < high <= 100.0:
            raise ValueError(f"percentiles {self.percentiles} must rise within 0 to 100")
        return self

    def geometry(self, pixels: NDArray[np.float32], spacing_mm: tuple[float, ...] | None = None) -> Geometry:
        """Where the input of ``pixels`` ``[rows, cols]`` comes from.

        ``spacing_mm`` ``(row, col)`` corrects the proportions of pixels that are not square.
        """
        shape = (pixels.shape[0], pixels.shape[1])
        box = head_box(pixels, self.crop_margin) if self.crop == "head" else whole(shape)
        if self.fit == "stretch":
            return stretch(shape, box, self.size)
        aspect = 1.0 if spacing_mm is None else spacing_mm[-2] / spacing_mm[-1]
        return letterbox(shape, box, self.size, aspect)

    def __call__(self, pixels: NDArray[np.float32], spacing_mm: tuple[float, ...] | None = None) -> Prepared:
        """Prepare one slice ``[rows, cols]`` of any intensity range, with its spacing in millimetres if known."""
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        geometry = self.geometry(pixels, spacing_mm)
        kept = percentile_scale(pixels[geometry.box.slices], *self.percentiles)
        scaled = np.zeros_like(pixels)
        scaled[geometry.box.slices] = kept
        image = geometry.forward(scaled)
        if self.mean != 0.0 or self.std != 1.0:
            image = (image - np.float32(self.mean)) / np.float32(self.std)
        return Prepared(np.repeat(image[None], self.channels, axis=0), geometry)
