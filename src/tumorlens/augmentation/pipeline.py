"""The augmentation that a recipe names: geometry in one interpolation, then intensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tumorlens.augmentation.affine import Affine, AffineRange
from tumorlens.augmentation.elastic import Elastic, ElasticRange
from tumorlens.augmentation.intensity import Intensity, IntensityRange

Fill = Literal["constant", "nearest", "reflect"]
BORDERS = {"constant": cv2.BORDER_CONSTANT, "nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT}


@dataclass(frozen=True)
class Sample:
    """Everything drawn for one image: applying it twice gives the same picture."""

    affine: Affine
    elastic: Elastic | None
    intensity: Intensity | None
    fill: Fill = "constant"

    def apply(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Change an image ``[rows, cols]`` within [0, 1], and its mask in the same way where there is one.

        The image becomes ``[channels, rows, cols]`` where the elastic deformation differs between channels. Pixels read
        from outside the image, and the mask, are 0, the nearest pixel, or mirrored, as ``fill`` says. The mask, 0 or 1,
        is interpolated and thresholded at one half.
        """
        if not (self.affine.is_identity and self.elastic is None):
            shape = (image.shape[0], image.shape[1])
            grid = self.affine.source_grid(shape)
            channels = 1 if self.elastic is None else self.elastic.channels
            moved = [self._moved(image, grid, channel) for channel in range(channels)]
            if mask is not None:
                mask = (self._moved(mask, grid, 0) > 0.5).astype(np.float32)
            image = moved[0] if channels == 1 else np.stack(moved)
        if self.intensity is None:
            return image, mask
        if image.ndim == 2:
            return self.intensity.apply(image), mask
        return np.stack([self.intensity.apply(one) for one in image]), mask

    def _moved(
        self, image: NDArray[np.float32], grid: tuple[NDArray[np.float32], NDArray[np.float32]], channel: int
    ) -> NDArray[np.float32]:
        col, row = grid
        if self.elastic is not None:
            shift_col, shift_row = self.elastic.displacement((image.shape[0], image.shape[1]), channel)
            col, row = col + shift_col, row + shift_row
        moved = cv2.remap(image, col, row, cv2.INTER_LINEAR, borderMode=BORDERS[self.fill])
        return np.asarray(moved, dtype=np.float32)


class Augmentation(BaseModel):
    """Ranges of each family of changes; a family left out does nothing.

    ``fill`` is what lies outside the image: 0, the nearest pixel, or the image mirrored at its border.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    affine: AffineRange = AffineRange()
    elastic: ElasticRange | None = None
    intensity: IntensityRange | None = None
    fill: Fill = "constant"

    @property
    def is_empty(self) -> bool:
        """Whether every image would stay as it is."""
        return self.affine == AffineRange() and self.elastic is None and self.intensity is None

    def sample(self, rng: np.random.Generator) -> Sample:
        """Draw what happens to one image."""
        return Sample(
            affine=self.affine.sample(rng),
            elastic=None if self.elastic is None else self.elastic.sample(rng),
            intensity=None if self.intensity is None else self.intensity.sample(rng),
            fill=self.fill,
        )
