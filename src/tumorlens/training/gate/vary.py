"""Pictures as they might have been exported: turned, framed, stripped, shrunk, degraded, in another contrast."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import DatasetError
from tumorlens.inference.gate import LONGEST_SIDE

Grey = NDArray[np.uint8]


def load_grey(path: Path, longest: int = LONGEST_SIDE) -> Grey:
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


def crown(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice as it looks near the top of the head: a small round piece of it, alone on a dark, noisy ground."""
    rows, cols = picture.shape
    side = min(rows, cols)
    piece = max(12, int(side * rng.uniform(0.2, 0.6)))
    top, left = (int((length - piece) * rng.uniform(0.25, 0.75)) for length in (rows, cols))
    cut = picture[top : top + piece, left : left + piece].astype(np.float32)
    mask = np.zeros((piece, piece), dtype=np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        at = tuple(int(one) for one in (piece * rng.normal(0.5, 0.08, 2)))
        axes = tuple(max(2, int(piece * one)) for one in rng.uniform(0.12, 0.42, 2))
        cv2.ellipse(mask, at, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.5)))
    lift = float(rng.uniform(0, 120))
    if rng.random() < 0.4:  # the scalp, cut along its surface, is a bright smooth disc or rim
        cut = cv2.GaussianBlur(cut, (0, 0), float(rng.uniform(1, 5)))
        rim = soft - cv2.erode(soft, np.ones((3, 3), np.uint8), iterations=int(rng.integers(1, 4)))
        cut = cut + rim * float(rng.uniform(-100, 150))
    canvas = np.abs(rng.normal(0, float(rng.uniform(0.3, 8)), (side, side))).astype(np.float32)
    size = max(6, int(side * rng.uniform(0.06, 0.5)))
    small = np.asarray(cv2.resize(np.clip(cut + lift, 0, 255) * soft, (size, size), interpolation=cv2.INTER_AREA))
    row, col = (int(np.clip((side - size) * rng.normal(0.5, 0.17), 0, side - size)) for _ in range(2))
    canvas[row : row + size, col : col + size] += small
    return np.asarray(np.clip(canvas, 0, 255), dtype=np.uint8)


def shrink(picture: Grey, rng: np.random.Generator, smallest: float) -> Grey:
    """A slice that fills only a part of its frame, down to ``smallest`` of the side, anywhere within it."""
    rows, cols = picture.shape
    share = float(np.exp(rng.uniform(np.log(smallest), 0)))
    small = cv2.resize(picture, (max(6, int(cols * share)), max(6, int(rows * share))), interpolation=cv2.INTER_AREA)
    ground = float(np.median(picture[0])) + rng.normal(0, float(rng.uniform(0, 6)), picture.shape)
    canvas = np.clip(ground, 0, 255).astype(np.uint8)
    height, width = (min(pair) for pair in zip(small.shape, picture.shape, strict=True))
    row, col = int(rng.integers(0, rows - height + 1)), int(rng.integers(0, cols - width + 1))
    canvas[row : row + height, col : col + width] = small[:height, :width]
    return canvas


def thick(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice cut across a stack of thick ones: coarse along one side, and now and then a slab of the head alone."""
    rows, cols = picture.shape
    coarse = max(8, int(rows / rng.uniform(2, 9)))
    way = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR]))
    flat = cv2.resize(picture, (cols, coarse), interpolation=cv2.INTER_AREA)
    again = np.asarray(cv2.resize(flat, (cols, rows), interpolation=way), dtype=np.uint8)
    if rng.random() < 0.3:
        height = max(16, int(rows * rng.uniform(0.35, 0.8)))
        top = int(rng.integers(0, max(1, rows - height)))
        again = np.ascontiguousarray(again[top : top + height])
    return again


def recolor(picture: Grey, rng: np.random.Generator) -> Grey:
    """Another contrast of the same anatomy: tones bent by a smooth curve, and bright near one place, as under a coil.

    A CT of the belly so gets the look of an MRI of it. Black stays dark, since air is dark in either.
    """
    tones = np.cumsum(rng.normal(0, 1, 7))
    tones = (tones - tones.min()) / max(float(np.ptp(tones)), 1e-6) * 235 + 20
    knots = np.concatenate([[0.0, 20.0], tones[1:]])
    table = np.interp(np.arange(256), [0, 10, 50, 90, 130, 170, 210, 255], knots)
    values = table[picture].astype(np.float32)
    if rng.random() < 0.5:
        along, across = (np.linspace(0, 1, length, dtype=np.float32) for length in picture.shape)
        far = np.square((along[:, None] - rng.uniform(0.1, 0.9)) / rng.uniform(0.15, 0.7))
        far = far + np.square((across[None] - rng.uniform(0.1, 0.9)) / rng.uniform(0.15, 0.7))
        values = values * (0.05 + 1.2 * np.exp(-far / 2))
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def vary_brain(picture: Grey, rng: np.random.Generator) -> Grey:
    """A slice as it might have been exported: any quarter turn and mirror, small turns, zoom, frame, degradations.

    Some are stripped of skull and scalp, coarse along one side, small in their frame, or as near the crown.
    """
    if rng.random() < 0.12:
        picture = strip(picture, rng)
    if rng.random() < 0.06:
        picture = thick(picture, rng)
    drawn = float(rng.random())
    if drawn < 0.02:
        picture = crown(picture, rng)
    elif drawn < 0.08:
        picture = shrink(picture, rng, 0.15)
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
