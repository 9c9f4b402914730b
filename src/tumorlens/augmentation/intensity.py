"""Changes of brightness and of image quality, on images scaled to [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator


@dataclass(frozen=True)
class Intensity:
    """One drawn change, applied in the order of the fields, with ``exposure`` after ``gamma``.

    Attributes:
        gamma: exponent.
        contrast: factor about the mean.
        brightness: offset.
        bias: amplitude of a smooth multiplicative field, and with ``bias_angle`` its direction in radians.
        bias_angle: see ``bias``.
        blur: standard deviation of a Gaussian blur in pixels; 0 for none.
        downsample: factor by which the image is shrunk and enlarged again; 1 for none.
        noise: standard deviation of Gaussian noise; 0 for none.
        seed: seed of the noise.
        exposure: factor on all values.
    """

    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    bias: float = 0.0
    bias_angle: float = 0.0
    blur: float = 0.0
    downsample: float = 1.0
    noise: float = 0.0
    seed: int = 0
    exposure: float = 1.0

    def apply(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Change an image ``[rows, cols]`` within [0, 1]; the result is clipped to the same range."""
        out = np.power(image, np.float32(self.gamma))
        if self.exposure != 1.0:
            out = np.minimum(out * np.float32(self.exposure), np.float32(1))
        mean = out.mean()
        out = (out - mean) * np.float32(self.contrast) + mean + np.float32(self.brightness)
        if self.bias:
            out = out * self._field(image.shape)
        if self.blur:
            out = cv2.GaussianBlur(out, (0, 0), self.blur, borderType=cv2.BORDER_REFLECT)
        if self.downsample > 1:
            rows, cols = image.shape
            small = max(1, round(cols / self.downsample)), max(1, round(rows / self.downsample))
            shrunk = cv2.resize(out, small, interpolation=cv2.INTER_AREA)
            out = cv2.resize(shrunk, (cols, rows), interpolation=cv2.INTER_LINEAR)
        if self.noise:
            rng = np.random.default_rng(self.seed)
            out = out + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.noise)
        return np.asarray(np.clip(out, 0.0, 1.0), dtype=np.float32)

    def _field(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        row = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
        col = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
        ramp = np.float32(np.cos(self.bias_angle)) * row + np.float32(np.sin(self.bias_angle)) * col
        return np.asarray(np.exp(np.float32(self.bias) * ramp), dtype=np.float32)


class IntensityRange(BaseModel):
    """What to draw an :class:`Intensity` from.

    Attributes:
        gamma: the exponent is ``exp(u)`` with u within plus or minus this.
        contrast: relative change, plus or minus.
        brightness: offset, plus or minus.
        bias: largest amplitude of the bias field.
        blur: largest standard deviation in pixels, and ``blur_probability`` how often.
        blur_probability: see ``blur``.
        downsample: largest factor, and ``downsample_probability`` how often.
        downsample_probability: see ``downsample``.
        noise: largest standard deviation, and ``noise_probability`` how often.
        noise_probability: see ``noise``.
        exposure: lowest and highest factor on all values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gamma: float = Field(default=0.0, ge=0)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    brightness: float = Field(default=0.0, ge=0, le=1)
    bias: float = Field(default=0.0, ge=0)
    blur: float = Field(default=0.0, ge=0)
    blur_probability: float = Field(default=0.0, ge=0, le=1)
    downsample: float = Field(default=1.0, ge=1)
    downsample_probability: float = Field(default=0.0, ge=0, le=1)
    noise: float = Field(default=0.0, ge=0)
    noise_probability: float = Field(default=0.0, ge=0, le=1)
    exposure: tuple[float, float] | None = None

    @field_validator("exposure")
    @classmethod
    def _check_exposure(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 < value[0] <= value[1]:
            raise ValueError("exposure must rise from above 0")
        return value

    def sample(self, rng: np.random.Generator) -> Intensity:
        """Draw one change; always takes the same number of draws from ``rng``."""
        sign, chance, amount = rng.uniform(-1, 1, 5), rng.uniform(size=3), rng.uniform(size=3)
        blurred = self.blur > 0 and chance[0] < self.blur_probability
        shrunk = self.downsample > 1 and chance[1] < self.downsample_probability
        noisy = self.noise > 0 and chance[2] < self.noise_probability
        return Intensity(
            gamma=float(np.exp(self.gamma * sign[0])),
            contrast=float(1 + self.contrast * sign[1]),
            brightness=float(self.brightness * sign[2]),
            bias=float(self.bias * sign[3]),
            bias_angle=float(np.pi * sign[4]),
            blur=float(self.blur * max(0.1, amount[0])) if blurred else 0.0,
            downsample=float(1 + (self.downsample - 1) * amount[1]) if shrunk else 1.0,
            noise=float(self.noise * amount[2]) if noisy else 0.0,
            seed=int(rng.integers(2**63)),
            exposure=1.0 if self.exposure is None else float(rng.spawn(1)[0].uniform(*self.exposure)),
        )
