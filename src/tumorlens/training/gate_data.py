"""What the gate is fitted on: slices of brain MRI, real pictures of other things, and made ones, each drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from tumorlens.datasets.non_brain import scramble
from tumorlens.errors import DatasetError
from tumorlens.preprocessing import Preprocessing

Grey = NDArray[np.uint8]
LONGEST = 160


def load_grey(path: Path, longest: int = LONGEST) -> Grey:
    """A picture file as uint8 grey, shrunk so that its longer side is at most ``longest``.

    Raises:
        DatasetError: it cannot be decoded.
    """
    grey = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DatasetError(f"{path} cannot be decoded as a picture: replace or remove it.")
    scale = longest / max(grey.shape)
    if scale < 1:
        size = max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.uint8)


def _turn(picture: Grey, rng: np.random.Generator, most: float, zoom: tuple[float, float]) -> Grey:
    """Rotate about the center by up to ``most`` degrees, zoom, shift and squeeze a little."""
    rows, cols = picture.shape
    scale = float(np.exp(rng.uniform(*np.log(zoom))))
    matrix = cv2.getRotationMatrix2D((cols / 2, rows / 2), float(rng.uniform(-most, most)), scale)
    matrix[:, 2] += rng.normal(0, 0.03, 2) * (cols, rows)
    matrix[0] *= float(rng.uniform(0.85, 1.15))
    fill = int(np.median(picture[0])) if rng.random() < 0.5 else 0
    return np.asarray(cv2.warpAffine(picture, matrix, (cols, rows), flags=cv2.INTER_LINEAR, borderValue=fill), np.uint8)


def _frame(picture: Grey, rng: np.random.Generator) -> Grey:
    """Pad with a border, or burn in text and marks, as exports and screenshots of viewers do."""
    if rng.random() < 0.5:
        top, bottom, left, right = (int(one) for one in rng.integers(0, max(2, max(picture.shape) // 5), 4))
        value = int(rng.choice([0, 0, 0, 30, 255]))
        picture = np.asarray(
            cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=value), np.uint8
        )
    if rng.random() < 0.5:
        picture = picture.copy()
        for _ in range(int(rng.integers(1, 7))):
            at = int(rng.integers(0, picture.shape[1])), int(rng.integers(6, picture.shape[0]))
            text = "".join(rng.choice(list("ABCDEFGHIJKLMR0123456789 :./-"), rng.integers(1, 14)))
            cv2.putText(
                picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.2, 0.4)), int(rng.choice([160, 255]))
            )
    return picture


def degrade(picture: Grey, rng: np.random.Generator) -> Grey:
    """Blur, down-sampling, noise, gamma or compression, each now and then."""
    if rng.random() < 0.25:
        picture = np.asarray(
            cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, max(1.0, max(picture.shape) / 64)))), np.uint8
        )
    if rng.random() < 0.25:
        factor = float(rng.uniform(1.5, 4.5))
        small = max(8, int(picture.shape[1] / factor)), max(8, int(picture.shape[0] / factor))
        way = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_AREA]))
        picture = np.asarray(cv2.resize(picture, small, interpolation=way), dtype=np.uint8)
        if rng.random() < 0.5:
            way = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR]))
            picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way), dtype=np.uint8)
    values = picture.astype(np.float32) / 255
    if rng.random() < 0.4:
        values = values ** np.float32(np.exp(rng.uniform(-0.7, 0.7)))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(0.005, 0.07), values.shape).astype(np.float32)
    if rng.random() < 0.15:
        along = np.linspace(-1, 1, values.shape[0], dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, values.shape[1], dtype=np.float32)[None]
        values = values * (1 + np.float32(rng.normal(0, 0.25)) * along + np.float32(rng.normal(0, 0.25)) * across)
    return np.asarray(np.clip(values, 0, 1) * 255, dtype=np.uint8)


def _head(picture: Grey) -> NDArray[np.uint8]:
    """Mask of the head in a slice: what is not background, filled."""
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), dtype=np.uint8)
    bright = (smooth > 0.12 * float(np.percentile(smooth, 99))).astype(np.uint8)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros_like(picture)
    if outlines:
        cv2.drawContours(mask, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return mask


def _shrunk(mask: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    side = max(1, round(share * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * side + 1, 2 * side + 1))
    return np.asarray(cv2.erode(mask, kernel, borderValue=0), dtype=np.uint8)


def strip(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice without its rim of scalp and skull, roughly: as tools for skull stripping leave it."""
    inner = _shrunk(_head(picture), float(rng.uniform(0.04, 0.1)))
    rows, cols = np.nonzero(inner)
    if rows.size < 0.1 * picture.size:
        return picture
    kept = picture * inner
    if rng.random() < 0.5:
        kept = kept[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    return np.ascontiguousarray(kept)


def like_ct(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice of a head turned into the look of CT: white thick bone around a nearly even brain; it is no MRI."""
    head = _head(picture)
    scalp, bone = float(rng.uniform(0.005, 0.025)), float(rng.uniform(0.015, 0.05))
    outer = _shrunk(head, scalp)
    inner = _shrunk(outer, bone)
    even = float(rng.uniform(50, 150))
    texture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), float(rng.uniform(1, 4)))
    values = even + float(rng.uniform(-0.15, 0.25)) * (texture - float(texture.mean()))
    values = np.where(inner > 0, values, np.where(outer > 0, 255.0, 0.7 * even)) * (head > 0)
    if rng.random() < 0.3:  # a window for bone leaves the soft parts nearly black
        values = np.where((outer > 0) & (inner == 0), values, 0.4 * values)
    values = values + rng.normal(0, float(rng.uniform(1, 7)), values.shape) * (head > 0)
    softened = cv2.GaussianBlur(np.clip(values, 0, 255).astype(np.float32), (0, 0), 0.7)
    return np.asarray(softened, dtype=np.uint8)


def vary_brain(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice as it might have been exported: any quarter turn and mirror, small turns, zoom, frame, degradations."""
    if rng.random() < 0.12:
        picture = strip(picture, rng)
    picture = np.rot90(picture, int(rng.integers(4)))
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    picture = np.ascontiguousarray(picture)
    if rng.random() < 0.7:
        picture = _turn(picture, rng, 20 if rng.random() < 0.8 else 45, (0.6, 1.3))
    if rng.random() < 0.3:
        picture = _frame(picture, rng)
    return degrade(picture, rng)


def vary_other(picture: Grey, rng: np.random.Generator) -> Grey:
    """A picture of another thing: a part of it or the whole, mirrored, turned, inverted, framed, degraded."""
    rows, cols = picture.shape
    if rng.random() < 0.5:
        height, width = (max(16, int(side * rng.uniform(0.35, 1))) for side in (rows, cols))
        top, left = int(rng.integers(0, max(1, rows - height))), int(rng.integers(0, max(1, cols - width)))
        picture = picture[top : top + height, left : left + width]
    picture = np.rot90(picture, int(rng.integers(4)) if rng.random() < 0.5 else 0)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    picture = np.ascontiguousarray(picture)
    if rng.random() < 0.3:
        picture = _turn(picture, rng, 25, (0.6, 1.4))
    if rng.random() < 0.15:
        picture = np.asarray(255 - picture, dtype=np.uint8)
    if rng.random() < 0.15:
        picture = _frame(picture, rng)
    return degrade(picture, rng) if rng.random() < 0.7 else picture


@dataclass(frozen=True, eq=False)
class GateImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Varied pictures, half of them brain MRI; item ``index`` is the same each time for one seed.

    Attributes:
        brains: slices of brain MRI.
        others: real pictures of other things, one sequence for each kind; kinds are drawn equally often.
        made: made pictures of other things in the same way; they are drawn a third as often as all others.
        preprocessing: what prepares the network's input.
        length: pictures of one epoch.
        seed: seed of all draws; change it with the epoch.
    """

    brains: Sequence[Grey]
    others: dict[str, Sequence[Grey]]
    made: dict[str, Sequence[Grey]]
    preprocessing: Preprocessing
    length: int
    seed: int

    def __len__(self) -> int:
        return self.length

    def picture(self, index: int) -> tuple[Grey, bool]:
        """The picture of an index before it is prepared, and whether it is a brain MRI."""
        rng = np.random.default_rng([self.seed, index])
        if index % 2 == 0:
            return vary_brain(self.brains[int(rng.integers(len(self.brains)))], rng), True
        return self._other(rng), False

    def _other(self, rng: np.random.Generator) -> Grey:
        drawn = float(rng.random())
        if drawn < 0.06:
            return degrade(scramble(self.brains[int(rng.integers(len(self.brains)))], rng), rng)
        if drawn < 0.14:
            return vary_other(like_ct(self.brains[int(rng.integers(len(self.brains)))], rng), rng)
        shelf = self.made if drawn < 0.42 or not self.others else self.others
        pictures = shelf[str(rng.choice(list(shelf)))]
        return vary_other(pictures[int(rng.integers(len(pictures)))], rng)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture, brain = self.picture(index)
        array = self.preprocessing(picture.astype(np.float32)).array
        return torch.from_numpy(array), torch.tensor([float(brain)])
