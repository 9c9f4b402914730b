"""Elastic deformation: Simard, Steinkraus and Platt, Best practices for CNNs, ICDAR 2003."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

CHANNELS = 3


@dataclass(frozen=True)
class Elastic:
    """One drawn deformation: uniform noise in [-1, 1] per pixel and axis, smoothed and scaled.

    Attributes:
        alpha: scale of the displacement in pixels, before smoothing shrinks it.
        sigma: standard deviation of the Gaussian that smooths the field, in pixels.
        seed: seed of the noise.
        channels: fields, one for each channel of the image; 1 moves all channels alike.
    """

    alpha: float
    sigma: float
    seed: int
    channels: int = 1

    def displacement(self, shape: tuple[int, int], channel: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Column and row displacement in pixels, two float32 ``[rows, cols]``; drawn anew for each ``channel``."""
        seed = [self.seed, channel] if channel else self.seed
        noise = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(2, *shape)).astype(np.float32)
        fields = [
            cv2.GaussianBlur(one, (0, 0), self.sigma, borderType=cv2.BORDER_REFLECT) * np.float32(self.alpha)
            for one in noise
        ]
        return np.asarray(fields[0], np.float32), np.asarray(fields[1], np.float32)


class ElasticRange(BaseModel):
    """What to draw an :class:`Elastic` from.

    Attributes:
        alpha: lowest and highest scale in pixels.
        sigma: smoothing in pixels.
        probability: share of images that are deformed.
        per_channel: draw a field for each of three channels, which then differ from each other; a mask moves with the
            first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: tuple[float, float]
    sigma: float = Field(gt=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    per_channel: bool = False

    def sample(self, rng: np.random.Generator) -> Elastic | None:
        """Draw one deformation or none; always takes the same number of draws from ``rng``."""
        chosen, alpha = rng.uniform() < self.probability, float(rng.uniform(*self.alpha))
        seed = int(rng.integers(2**63))
        return Elastic(alpha, self.sigma, seed, CHANNELS if self.per_channel else 1) if chosen else None
