"""Rotation, zoom, shift and flip about the center of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Affine:
    """One drawn transformation.

    Attributes:
        rotation: degrees, counter-clockwise as displayed.
        zoom: factor above 1 enlarges.
        aspect: factor by which columns are enlarged over rows.
        shift: ``(row, col)`` as fractions of the image's sides.
        flip: mirror left and right.
    """

    rotation: float = 0.0
    zoom: float = 1.0
    aspect: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether nothing would move."""
        return self == Affine()

    def source_grid(self, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For each output pixel the column and the row of the input to read, two float32 ``[rows, cols]``."""
        rows, cols = shape
        center_row, center_col = (rows - 1) / 2, (cols - 1) / 2
        row, col = np.mgrid[0:rows, 0:cols].astype(np.float32)
        row -= np.float32(center_row + self.shift[0] * rows)
        col -= np.float32(center_col + self.shift[1] * cols)
        angle = np.deg2rad(self.rotation)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        source_row = (cosine * row + sine * col) / np.float32(self.zoom)
        source_col = (cosine * col - sine * row) / np.float32(self.zoom * self.aspect)
        if self.flip:
            source_col = -source_col
        return source_col + np.float32(center_col), source_row + np.float32(center_row)


class AffineRange(BaseModel):
    """What to draw an :class:`Affine` from; every quantity uniformly within plus or minus its bound.

    Attributes:
        rotation: degrees.
        zoom: relative change; 0.1 draws factors from 0.9 to 1.1.
        aspect: relative change of columns over rows.
        shift: fraction of each side.
        flip: probability of mirroring left and right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotation: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    aspect: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0, le=1)
    flip: float = Field(default=0.0, ge=0, le=1)

    def sample(self, rng: np.random.Generator) -> Affine:
        """Draw one transformation; always takes the same number of draws from ``rng``."""
        draws = rng.uniform(-1.0, 1.0, size=5)
        return Affine(
            rotation=float(self.rotation * draws[0]),
            zoom=float(1 + self.zoom * draws[1]),
            aspect=float(1 + self.aspect * draws[2]),
            shift=(float(self.shift * draws[3]), float(self.shift * draws[4])),
            flip=bool(rng.uniform() < self.flip),
        )
