"""Rotation, zoom, shift and flips about the center of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True)
class Affine:
    """One drawn transformation.

    Attributes:
        rotation: degrees, counter-clockwise as displayed.
        zoom: factor above 1 enlarges.
        aspect: factor by which columns are enlarged over rows.
        shift: ``(row, col)`` as fractions of the image's sides.
        flip: mirror left and right.
        flip_vertical: mirror top and bottom.
    """

    rotation: float = 0.0
    zoom: float = 1.0
    aspect: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False
    flip_vertical: bool = False

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
        if self.flip_vertical:
            source_row = -source_row
        return source_col + np.float32(center_col), source_row + np.float32(center_row)


class AffineRange(BaseModel):
    """What to draw an :class:`Affine` from; every quantity uniformly within plus or minus its bound.

    Attributes:
        rotation: degrees.
        zoom: relative change; 0.1 draws factors from 0.9 to 1.1.
        zoom_range: lowest and highest factor on the coordinates that are read, drawn apart for rows and columns as
            Keras' ``zoom_range`` is: below 1 enlarges. Not together with ``zoom`` or ``aspect``.
        aspect: relative change of columns over rows.
        shift: fraction of each side.
        height_shift: fraction of the rows, instead of ``shift``.
        width_shift: fraction of the columns, instead of ``shift``.
        flip: probability of mirroring left and right.
        flip_vertical: probability of mirroring top and bottom.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotation: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    zoom_range: tuple[float, float] | None = None
    aspect: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0, le=1)
    height_shift: float | None = Field(default=None, ge=0, le=1)
    width_shift: float | None = Field(default=None, ge=0, le=1)
    flip: float = Field(default=0.0, ge=0, le=1)
    flip_vertical: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> AffineRange:
        if self.zoom_range is not None:
            low, high = self.zoom_range
            if not 0 < low <= high:
                raise ValueError(f"zoom_range {self.zoom_range} must rise from above 0")
            if self.zoom or self.aspect:
                raise ValueError("zoom_range takes the place of zoom and aspect: leave those out")
        return self

    def sample(self, rng: np.random.Generator) -> Affine:
        """Draw one transformation; always takes the same number of draws from ``rng``."""
        draws = rng.uniform(-1.0, 1.0, size=5)
        flip = bool(rng.uniform() < self.flip)
        # A child of the generator: what came later must not change what earlier recipes draw.
        vertical = bool(rng.spawn(1)[0].uniform() < self.flip_vertical) if self.flip_vertical else False
        zoom, aspect = float(1 + self.zoom * draws[1]), float(1 + self.aspect * draws[2])
        if self.zoom_range is not None:
            low, high = self.zoom_range
            read_rows, read_cols = (low + (high - low) * (draws[index] + 1) / 2 for index in (1, 2))
            zoom, aspect = float(1 / read_rows), float(read_rows / read_cols)
        height, width = (self.shift if one is None else one for one in (self.height_shift, self.width_shift))
        return Affine(
            rotation=float(self.rotation * draws[0]),
            zoom=zoom,
            aspect=aspect,
            shift=(float(height * draws[3]), float(width * draws[4])),
            flip=flip,
            flip_vertical=vertical,
        )
