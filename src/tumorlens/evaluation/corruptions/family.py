"""What a corruption is: a family that says how, and one strength of it, for a picture and its mask."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Change = Callable[[Pixels, float, np.random.Generator], Pixels]
Move = Callable[[Pixels, float, np.random.Generator, int], Pixels]
STRENGTHS = 5


@dataclass(frozen=True)
class Family:
    """A kind of corruption at five strengths.

    Attributes:
        name: such as ``"motion"``; its strengths are called ``motion-1`` to ``motion-5``.
        title: for people.
        group: what it belongs to in a report, such as ``"Scanner"``.
        unit: what an amount is, with ``{}`` in the place of the number.
        amounts: from mild to severe.
        meaning: what it stands for in practice, and what each amount is.
        change: takes pixels float32 ``[rows, cols]``, an amount and a generator.
        move: for what changes the position of the anatomy instead of ``change``; it also takes OpenCV's interpolation,
            so that a mask follows its picture. What it uncovers has the lowest value of the picture.
    """

    name: str
    title: str
    group: str
    unit: str
    amounts: tuple[float, float, float, float, float]
    meaning: str
    change: Change | None = None
    move: Move | None = None


@dataclass(frozen=True)
class Corruption:
    """One corruption at one strength, for pictures of any range and size.

    The same picture gets the same corruption in every run: what is drawn (a direction, a noise) comes from the seed,
    the family and the image's id. Strengths of a family share what is drawn, so that they differ in strength alone.

    Attributes:
        name: such as ``"motion-3"`` or ``"blur15"``.
        words: for people, with the amount.
        family: name of its family; its own name where it has none.
        strength: 1 to 5; 0 for what has one strength only.
        amount: in the family's unit; NaN where there is no family.
        seed: of what is drawn.
        change: as in :class:`Family`.
        move: as in :class:`Family`.
    """

    name: str
    words: str
    family: str
    strength: int
    amount: float
    seed: int
    change: Change | None = None
    move: Move | None = None

    def __call__(self, pixels: Pixels, image_id: str | None = None) -> Pixels:
        """Corrupt pixels float32 ``[rows, cols]``; without an id, what is drawn comes from the pixels themselves."""
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        return self._apply(pixels, self._generator(pixels, image_id), cv2.INTER_LINEAR)

    def with_mask(self, pixels: Pixels, mask: Mask, image_id: str | None = None) -> tuple[Pixels, Mask]:
        """Corrupt a picture, and let the mask bool ``[rows, cols]`` of the anatomy in it follow.

        Returns:
            Both, of one shape, which some corruptions change.
        """
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        changed = self(pixels, image_id)
        if self.move is None:
            return changed, mask
        moved = self._apply(mask.astype(np.float32), self._generator(pixels, image_id), cv2.INTER_NEAREST)
        return changed, np.asarray(moved > 0.5)

    def _apply(self, pixels: Pixels, rng: np.random.Generator, method: int) -> Pixels:
        if self.move is not None:
            return np.ascontiguousarray(self.move(pixels, self.amount, rng, method), dtype=np.float32)
        assert self.change is not None, f"{self.name} does nothing"
        return np.ascontiguousarray(self.change(pixels, self.amount, rng), dtype=np.float32)

    def _generator(self, pixels: Pixels, image_id: str | None) -> np.random.Generator:
        image = pixels.tobytes() if image_id is None else image_id.encode("utf-8", "surrogateescape")
        return np.random.default_rng([self.seed, zlib.crc32(self.family.encode()), zlib.crc32(image)])


def side(pixels: Pixels) -> int:
    """Longer side in pixels, which lengths are stated against: 224 px and 512 px of one head then look alike."""
    return int(max(pixels.shape))


def signal(pixels: Pixels) -> float:
    """Brightness of bright tissue above the lowest value: the 99th percentile, or the highest value where that is 0."""
    low = float(pixels.min())
    white = float(np.percentile(pixels, 99)) - low
    return white if white > 0 else float(pixels.max()) - low
