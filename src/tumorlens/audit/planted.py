"""How good the search for copies is: plant copies of each kind, search, and count what was found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.items import Item
from tumorlens.audit.pairs import Kind, find_pairs
from tumorlens.audit.store import Descriptors, describe

Picture = NDArray[np.uint8]


def _jpeg(quality: int) -> Callable[[Picture], Picture]:
    def apply(picture: Picture) -> Picture:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)

    return apply


def _resized(side: int) -> Callable[[Picture], Picture]:
    def apply(picture: Picture) -> Picture:
        scale = side / max(picture.shape)
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)

    return apply


def _rotated(angle: float) -> Callable[[Picture], Picture]:
    def apply(picture: Picture) -> Picture:
        rows, cols = picture.shape
        matrix = cv2.getRotationMatrix2D(((cols - 1) / 2, (rows - 1) / 2), angle, 1)
        return np.asarray(cv2.warpAffine(picture, matrix, (cols, rows)), dtype=np.uint8)

    return apply


def _cropped(share: float) -> Callable[[Picture], Picture]:
    """Cut ``share`` of the side off every edge."""

    def apply(picture: Picture) -> Picture:
        top, left = round(picture.shape[0] * share), round(picture.shape[1] * share)
        return picture[top : picture.shape[0] - top, left : picture.shape[1] - left]

    return apply


def _corner(picture: Picture) -> Picture:
    """A quarter of the height and width cut off at one corner."""
    return picture[picture.shape[0] // 4 :, : picture.shape[1] - picture.shape[1] // 4]


def _padded(picture: Picture) -> Picture:
    top, left = picture.shape[0] // 6, picture.shape[1] // 6
    return np.asarray(cv2.copyMakeBorder(picture, top, top, left, left, cv2.BORDER_CONSTANT), dtype=np.uint8)


def _shifted(picture: Picture) -> Picture:
    rows, cols = picture.shape
    matrix = np.array([[1, 0, 0.08 * cols], [0, 1, -0.06 * rows]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(picture, matrix, (cols, rows)), dtype=np.uint8)


def _levels(gain: float, offset: float, gamma: float = 1) -> Callable[[Picture], Picture]:
    def apply(picture: Picture) -> Picture:
        values = 255 * (picture.astype(np.float32) / 255) ** gamma
        return np.asarray(np.clip(gain * values + offset, 0, 255).round(), dtype=np.uint8)

    return apply


def _noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(0).normal(0, 10, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255).round(), dtype=np.uint8)


def _blurred(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), dtype=np.uint8)


def _lettered(picture: Picture) -> Picture:
    out = picture.copy()
    for line in range(3):
        cv2.putText(out, "R 12:04 SE 3", (4, 16 + 16 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    return out


def _mixed(picture: Picture) -> Picture:
    return _jpeg(60)(_cropped(0.06)(_rotated(8)(np.ascontiguousarray(picture[:, ::-1]))))


PLANTED: dict[str, Callable[[Picture], Picture]] = {
    "same pixels, other file": lambda picture: picture,
    "JPEG quality 50": _jpeg(50),
    "JPEG quality 15": _jpeg(15),
    "resized to 128 px": _resized(128),
    "resized to 512 px": _resized(512),
    "brightness x 0.6": _levels(0.6, 0),
    "brightness + 50": _levels(1, 50),
    "contrast x 1.4": _levels(1.4, -30),
    "gamma 0.6": _levels(1, 0, 0.6),
    "noise, sigma 10": _noisy,
    "blur, sigma 1.5 px": _blurred,
    "burned-in text": _lettered,
    "mirrored left-right": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    "mirrored upside down": lambda picture: np.ascontiguousarray(picture[::-1]),
    "turned 90°": lambda picture: np.ascontiguousarray(np.rot90(picture)),
    "turned 180°": lambda picture: np.ascontiguousarray(picture[::-1, ::-1]),
    "turned 3°": _rotated(3),
    "turned 10°": _rotated(10),
    "turned 25°": _rotated(25),
    "shifted 8 %": _shifted,
    "border of 1/6 added": _padded,
    "5 % cut off each edge": _cropped(0.05),
    "10 % cut off each edge": _cropped(0.1),
    "20 % cut off each edge": _cropped(0.2),
    "quarter cut off two edges": _corner,
    "mirrored, turned 8°, cropped, JPEG 60": _mixed,
}
"""What is done to a picture before it is planted, by name."""


@dataclass(frozen=True)
class Score:
    """How one kind of copy is found.

    Attributes:
        name: what was done to the copies.
        planted: copies planted, one of each picture.
        found: copies joined with their own picture.
        found_by_thumbnail: copies that a plain comparison of thumbnails (above 0.95) joins.
        wrong: pairs that join two different pictures.
    """

    name: str
    planted: int
    found: int
    found_by_thumbnail: int
    wrong: int

    @property
    def recall(self) -> float:
        """Share of the copies that was found."""
        return self.found / self.planted

    @property
    def precision(self) -> float:
        """Share of the pairs found that join a picture with its copy; 1 where none was found."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0


def score_planted(
    pictures: Sequence[Picture],
    distractors: Sequence[Item] = (),
    names: Sequence[str] = tuple(PLANTED),
    *,
    cache: Path | None = None,
    done: Callable[[Score], None] = lambda score: None,
) -> list[Score]:
    """Plant a copy of each picture, one kind at a time, and score the search.

    Args:
        pictures: uint8 ``[rows, cols]``, of different subjects: no two may be the same picture.
        distractors: images to hide them among; pairs with these are not counted, as they may be of the same subject.
        names: kinds of copies, of :data:`PLANTED`.
        cache: folder for the distractors' descriptors.
        done: told each score.
    """
    scores = []
    hiding = describe(distractors, cache) if distractors else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = _written(pictures, folder / "originals")
        base = describe(originals, None)
        for kind in names:
            copies = _written([PLANTED[kind](picture) for picture in pictures], folder / "copies", text="copy")
            table = [base, describe(copies, None), *([hiding] if hiding is not None else [])]
            paths = [item.path for item in (*originals, *copies, *distractors)]
            scores.append(_scored(kind, Descriptors.joined(table), paths, len(pictures)))
            done(scores[-1])
    return scores


def _written(pictures: Sequence[Picture], folder: Path, text: str | None = None) -> list[Item]:
    """The pictures as PNG files; ``text`` makes their bytes differ from those of the same pixels elsewhere."""
    folder.mkdir(exist_ok=True)
    items = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number}.png"
        level = 9 if text else 1
        _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, level])
        path.write_bytes(data.tobytes())
        items.append(Item(path.name, path))
    return items


def _scored(kind: str, descriptors: Descriptors, paths: list[Path], count: int) -> Score:
    right, plain, wrong = set(), set(), 0
    for pair in find_pairs(descriptors, paths):
        if pair.second >= 2 * count or pair.kind == Kind.ALIKE:
            continue
        if pair.second == pair.first + count:
            right.add(pair.first)
            if pair.correlation > 0.95:
                plain.add(pair.first)
        else:
            wrong += 1
    return Score(kind, count, len(right), len(plain), wrong)
