"""The augmentation that a recipe names: geometry in one interpolation, then intensity."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tumorlens.augmentation.affine import Affine, AffineRange
from tumorlens.augmentation.elastic import Elastic, ElasticRange
from tumorlens.augmentation.intensity import Intensity, IntensityRange


@dataclass(frozen=True)
class Sample:
    """Everything drawn for one image: applying it twice gives the same picture."""

    affine: Affine
    elastic: Elastic | None
    intensity: Intensity | None

    def apply(
        self, image: NDArray[np.float32], mask: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Change an image ``[rows, cols]`` within [0, 1], and its mask in the same way where there is one.

        Pixels read from outside the image are 0. The mask, 0 or 1, is interpolated and thresholded at one half.
        """
        if not (self.affine.is_identity and self.elastic is None):
            shape = (image.shape[0], image.shape[1])
            col, row = self.affine.source_grid(shape)
            if self.elastic is not None:
                shift_col, shift_row = self.elastic.displacement(shape)
                col, row = col + shift_col, row + shift_row
            image = np.asarray(cv2.remap(image, col, row, cv2.INTER_LINEAR), dtype=np.float32)
            if mask is not None:
                moved = cv2.remap(mask, col, row, cv2.INTER_LINEAR)
                mask = (np.asarray(moved) > 0.5).astype(np.float32)
        return (image if self.intensity is None else self.intensity.apply(image)), mask


class Augmentation(BaseModel):
    """Ranges of each family of changes; a family left out does nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    affine: AffineRange = AffineRange()
    elastic: ElasticRange | None = None
    intensity: IntensityRange | None = None

    def sample(self, rng: np.random.Generator) -> Sample:
        """Draw what happens to one image."""
        return Sample(
            affine=self.affine.sample(rng),
            elastic=None if self.elastic is None else self.elastic.sample(rng),
            intensity=None if self.intensity is None else self.intensity.sample(rng),
        )
