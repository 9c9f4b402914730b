"""Lesions of masked slices in slices without a tumor, and ordinary tissue put there in the same way as a control.

The same healthy anatomy with and without a lesion breaks the tie between a collection and its class. That ordinary
tissue is blended in alike makes the blending itself mean nothing. Compare cut, paste and learn (D. Dwibedi et al., ICCV
2017, arXiv:1708.01642) and CarveMix (X. Zhang et al., MICCAI 2021, arXiv:2108.06883).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tumorlens.augmentation.head_mask import depth, head_mask

_RING = 7
_SMALLEST = 12
_DEEP = 0.22
LEAST_VISIBLE = 0.1


@dataclass(frozen=True)
class Implant:
    """One drawn implant.

    Attributes:
        rotation: degrees by which the patch is turned.
        zoom: factor of its size.
        flip: whether it is mirrored.
        place: where in the head it goes: share of the inner pixels, in their order, that lie before its center.
        softness: standard deviation in pixels of the blended edge.
        gain: factor of the patch's own contrast with its surroundings.
        lesion: whether it is a lesion, or ordinary tissue as a control.
    """

    rotation: float
    zoom: float
    flip: bool
    place: float
    softness: float
    gain: float
    lesion: bool

    def apply(
        self, host: NDArray[np.float32], donor: NDArray[np.float32], shape: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Blend what ``shape`` marks in ``donor`` into ``host``.

        Args:
            host: image ``[rows, cols]`` within [0, 1], without a tumor.
            donor: image of the same shape that the patch is cut from.
            shape: the patch, 0 or 1, ``[rows, cols]``.

        Returns:
            The image, and the mask of what was blended in (0 or 1); ``None`` where the host has no place for it, the
            patch is too small, or a lesion would hardly show: what nobody can see must not be called a tumor.
        """
        center = self._center(host)
        if center is None or not shape.any():
            return None
        rows, cols = np.nonzero(shape)
        moved = self._moved((float(rows.mean()), float(cols.mean())), center)
        size = host.shape[::-1]
        mask = np.asarray(cv2.warpAffine(shape, moved, size, flags=cv2.INTER_LINEAR), dtype=np.float32)
        mask *= head_mask(host)
        if float((mask > 0.5).sum()) < _SMALLEST:
            return None
        patch = np.asarray(cv2.warpAffine(donor, moved, size, flags=cv2.INTER_LINEAR), dtype=np.float32)
        matched = self._matched(host, donor, shape, patch, mask)
        if self.lesion and visibility(matched, mask, host) < LEAST_VISIBLE:
            return None
        alpha = np.clip(cv2.GaussianBlur(mask, (0, 0), self.softness), 0, 1)
        blended = host * (1 - alpha) + matched * alpha
        return np.asarray(np.clip(blended, 0, 1), dtype=np.float32), (mask > 0.5).astype(np.float32)

    def _center(self, host: NDArray[np.float32]) -> tuple[float, float] | None:
        inside = depth(head_mask(host))
        deepest = float(inside.max())
        if deepest < 10:
            return None
        rows, cols = np.nonzero(inside > _DEEP * deepest)
        chosen = min(len(rows) - 1, int(self.place * len(rows)))
        return float(rows[chosen]), float(cols[chosen])

    def _moved(self, origin: tuple[float, float], center: tuple[float, float]) -> NDArray[np.float64]:
        turned = cv2.getRotationMatrix2D((origin[1], origin[0]), self.rotation, self.zoom)
        if self.flip:
            turned = turned @ np.array([[-1, 0, 2 * origin[1]], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
        turned[0, 2] += center[1] - origin[1]
        turned[1, 2] += center[0] - origin[0]
        return np.asarray(turned, dtype=np.float64)

    def _matched(
        self,
        host: NDArray[np.float32],
        donor: NDArray[np.float32],
        shape: NDArray[np.float32],
        patch: NDArray[np.float32],
        mask: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """The patch with the tissue around it in the donor brought to the tissue around its new place."""
        around_donor, around_host = _surroundings(donor, shape), _surroundings(host, mask)
        if not len(around_donor) or not len(around_host):
            return patch
        scale = float(np.clip((around_host.std() + 0.03) / (around_donor.std() + 0.03), 0.5, 2.0)) * self.gain
        return np.asarray((patch - around_donor.mean()) * np.float32(scale) + around_host.mean(), dtype=np.float32)


def visibility(image: NDArray[np.float32], shape: NDArray[np.float32], around: NDArray[np.float32]) -> float:
    """How far the mean of ``image`` within a shape lies from the mean of ``around`` about it, or its spread within."""
    ring = _surroundings(around, shape)
    inside = image[shape > 0.5]
    if not len(ring) or not len(inside):
        return 0.0
    return float(max(abs(inside.mean() - ring.mean()), inside.std() - ring.std()))


def _surroundings(image: NDArray[np.float32], shape: NDArray[np.float32]) -> NDArray[np.float32]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RING + 1, 2 * _RING + 1))
    ring = (cv2.dilate(shape, kernel) > 0.5) & (shape < 0.5) & (image > 0.05)
    return np.asarray(image[ring], dtype=np.float32)


class ImplantRange(BaseModel):
    """What to draw an :class:`Implant` from.

    Attributes:
        probability: how often a slice without a tumor gets one.
        lesion: share of the implants that are lesions; the others are ordinary tissue.
        zoom: smallest and largest factor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=0.0, ge=0, le=1)
    lesion: float = Field(default=0.62, ge=0, le=1)
    zoom: tuple[float, float] = (0.6, 1.3)

    def sample(self, rng: np.random.Generator) -> Implant | None:
        """Draw one implant, or none; always takes the same number of draws."""
        draws = rng.uniform(size=8)
        if draws[0] >= self.probability:
            return None
        return Implant(
            rotation=float(360 * draws[1]),
            zoom=float(self.zoom[0] + (self.zoom[1] - self.zoom[0]) * draws[2]),
            flip=bool(draws[3] < 0.5),
            place=float(draws[4]),
            softness=float(0.6 + 1.8 * draws[5]),
            gain=float(0.75 + 0.6 * draws[6]),
            lesion=bool(draws[7] < self.lesion),
        )
