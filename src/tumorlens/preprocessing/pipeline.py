"""The preprocessing that a manifest names: crop, fit, intensity, channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tumorlens.preprocessing.content import content_box
from tumorlens.preprocessing.geometry import Box, Geometry, letterbox, stretch, whole
from tumorlens.preprocessing.head import head_box
from tumorlens.preprocessing.intensity import percentile_scale

CROPS: dict[str, Callable[[NDArray[np.float32], float], Box]] = {
    "head": head_box,
    "content": content_box,
    "none": lambda pixels, margin: whole((pixels.shape[0], pixels.shape[1])),
}


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
        crop: ``"head"`` for the box of the largest contour, ``"content"`` for that of the head whatever it is framed
            in, ``"none"`` for the whole slice.
        crop_margin: border around the head, as a fraction of its longer side.
        fit: ``"letterbox"`` keeps proportions and pads with 0, ``"stretch"`` fills the input.
        percentiles: the two intensity percentiles of the kept part that become 0 and 1.
        intensities: two intensities that become 0 and 1 instead, such as ``(0, 255)`` where published work divides by
            255; values outside are clipped. It suits pictures of 8 bits alone.
        mean: subtracted after scaling, one number or one for each channel.
        std: divided by, after ``mean`` is subtracted, one number or one for each channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int]
    channels: Literal[1, 3] = 1
    crop: Literal["head", "content", "none"] = "head"
    crop_margin: float = Field(default=0.02, ge=0.0, le=0.5)
    fit: Literal["letterbox", "stretch"] = "letterbox"
    percentiles: tuple[float, float] = (0.5, 99.5)
    intensities: tuple[float, float] | None = None
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0

    @model_validator(mode="after")
    def _check(self) -> Preprocessing:
        if min(self.size) < 8 or max(self.size) > 4096:
            raise ValueError(f"size {self.size} must be 8 to 4096 pixels on each side")
        low, high = self.percentiles
        if not 0.0 <= low < high <= 100.0:
            raise ValueError(f"percentiles {self.percentiles} must rise within 0 to 100")
        if self.intensities is not None and not self.intensities[0] < self.intensities[1]:
            raise ValueError(f"intensities {self.intensities} must rise")
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, tuple) and len(value) != self.channels:
                raise ValueError(f"{name} has {len(value)} numbers and the input {self.channels} channels")
        if min(np.atleast_1d(self.std)) <= 0:
            raise ValueError(f"std {self.std} must be above 0")
        return self

    def plain(self) -> Preprocessing:
        """The same steps up to one channel within [0, 1], before ``mean`` and ``std``."""
        return self.model_copy(update={"mean": 0.0, "std": 1.0, "channels": 1})

    def normalize(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """From ``[rows, cols]`` within [0, 1] to ``[channels, rows, cols]`` as the network takes it."""
        image = np.repeat(image[None], self.channels, axis=0)
        if self.mean == 0.0 and self.std == 1.0:
            return image
        mean, std = (np.asarray(one, dtype=np.float32).reshape(-1, 1, 1) for one in (self.mean, self.std))
        return np.asarray((image - mean) / std, dtype=np.float32)

    def geometry(self, pixels: NDArray[np.float32], spacing_mm: tuple[float, ...] | None = None) -> Geometry:
        """Where the input of ``pixels`` ``[rows, cols]`` comes from.

        ``spacing_mm`` ``(row, col)`` corrects the proportions of pixels that are not square.
        """
        shape = (pixels.shape[0], pixels.shape[1])
        box = CROPS[self.crop](pixels, self.crop_margin)
        if self.fit == "stretch":
            return stretch(shape, box, self.size)
        aspect = 1.0 if spacing_mm is None else spacing_mm[-2] / spacing_mm[-1]
        return letterbox(shape, box, self.size, aspect)

    def __call__(self, pixels: NDArray[np.float32], spacing_mm: tuple[float, ...] | None = None) -> Prepared:
        """Prepare one slice ``[rows, cols]`` of any intensity range, with its spacing in millimetres if known."""
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        geometry = self.geometry(pixels, spacing_mm)
        kept = self._scale(pixels[geometry.box.slices])
        scaled = np.zeros_like(pixels)
        scaled[geometry.box.slices] = kept
        return Prepared(self.normalize(geometry.forward(scaled)), geometry)

    def _scale(self, kept: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.intensities is None:
            return percentile_scale(kept, *self.percentiles)
        low, high = (np.float32(one) for one in self.intensities)
        return np.asarray(np.clip((kept - low) / (high - low), 0.0, 1.0), dtype=np.float32)
