"""Made pictures that are not slices of a brain MRI: what the gate learns to refuse beside real photos and scans.

Every maker takes a random generator and a side in pixels and draws one grey picture, uint8 ``[side, side]``. The
anatomies are crude on purpose: they carry the outlines that a coarse look goes by (ribs, a spine, a ring of bone) and
are no substitute for patients.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from tumorlens.datasets._non_brain_anatomy import (
    abdomen,
    ball,
    bone_cut,
    chest,
    coronal,
    joint,
    limb,
    spine,
    thorax,
)
from tumorlens.datasets._non_brain_canvas import Grey, blobs, box, ellipse, finish, flat, plain, spectral
from tumorlens.datasets._non_brain_eye import retina
from tumorlens.datasets._non_brain_heart import heart
from tumorlens.datasets._non_brain_objects import insert_phantom, shape, water_phantom

Maker = Callable[[np.random.Generator, int], Grey]

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;()-"))


def _paper(rng: np.random.Generator) -> tuple[float, float]:
    """Brightness of a background and of what stands on it."""
    paper, ink = float(rng.uniform(170, 255)), float(rng.uniform(0, 90))
    return (paper, ink) if rng.random() < 0.65 else (ink, paper)


def _write(image: Grey, text: str, at: tuple[int, int], scale: float, value: float, font: int) -> None:
    cv2.putText(image, text, at, font, scale, value, 1, cv2.LINE_AA)


def _words(rng: np.random.Generator, length: int) -> str:
    return " ".join("".join(rng.choice(LETTERS, rng.integers(2, 10))) for _ in range(length))


def text_page(rng: np.random.Generator, side: int) -> Grey:
    """Lines of text in one to three columns, with a heading."""
    paper, ink = _paper(rng)
    image = flat(side, paper)
    scale = float(rng.uniform(0.25, 0.9)) * side / 256
    step, margin = max(6, int(scale * rng.uniform(28, 48))), int(side * rng.uniform(0.02, 0.14))
    font, columns = int(rng.choice(FONTS)), int(rng.integers(1, 4))
    width = (side - 2 * margin) // columns
    for column in range(columns):
        left = margin + column * width
        for row in range(margin + step, side - margin, step):
            if rng.random() < 0.12:
                continue
            _write(image, _words(rng, 12), (left, row), scale, ink, font)
            right = left + int(width * (0.93 if rng.random() < 0.75 else rng.uniform(0.2, 0.9)))
            image[row - step : row + step // 2, right : left + width] = paper
    return finish(image, rng, noise=4)


def screenshot(rng: np.random.Generator, side: int) -> Grey:
    """A window with bars, panels, buttons, lists and text."""
    paper, ink = _paper(rng)
    image = flat(side, paper)
    for _ in range(int(rng.integers(3, 14))):
        top, left = rng.integers(0, side, 2)
        height, width = rng.integers(side // 20, side // 2, 2)
        box(image, (left, top, left + width, top + height), float(rng.uniform(0, 255)), filled=bool(rng.random() < 0.6))
    bar = int(side * rng.uniform(0.03, 0.12))
    image[:bar] = rng.uniform(0, 255)
    if rng.random() < 0.5:
        image[:, : int(side * rng.uniform(0.05, 0.3))] = rng.uniform(0, 255)
    for _ in range(int(rng.integers(6, 40))):
        at = int(rng.integers(0, side)), int(rng.integers(0, side))
        scale = float(rng.uniform(0.2, 0.7)) * side / 256
        _write(image, _words(rng, int(rng.integers(1, 4))), at, scale, ink, int(rng.choice(FONTS)))
    return finish(image, rng, noise=2)


def chart(rng: np.random.Generator, side: int) -> Grey:
    """Axes with curves, bars, points or a filled map of values."""
    paper, ink = _paper(rng)
    image = flat(side, paper)
    low, high = int(side * 0.12), int(side * 0.92)
    kind = int(rng.integers(4))
    if kind == 0:
        for _ in range(int(rng.integers(1, 6))):
            walk = np.cumsum(rng.normal(0, 1, 60)) * rng.uniform(0.2, 1)
            walk = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6) * (high - low) + low
            points = np.stack([np.linspace(low, high, 60), walk], axis=1).round().astype(np.int32)
            cv2.polylines(image, [points], False, float(rng.uniform(0, 255)), int(rng.integers(1, 3)), cv2.LINE_AA)
    elif kind == 1:
        edges = np.linspace(low, high, int(rng.integers(4, 24))).astype(int)
        for left, right in pairwise(edges):
            box(image, (left + 1, int(rng.integers(low, high)), right - 1, high), float(rng.uniform(0, 255)))
    elif kind == 2:
        for _ in range(int(rng.integers(20, 200))):
            center = int(rng.integers(low, high)), int(rng.integers(low, high))
            cv2.circle(image, center, int(rng.integers(1, 5)), float(rng.uniform(0, 255)), -1, cv2.LINE_AA)
    else:
        cells = int(rng.integers(4, 30))
        table = rng.uniform(0, 255, (cells, cells)).astype(np.float32)
        resized = cv2.resize(table, (high - low, high - low), interpolation=int(rng.choice([0, 1, 2])))
        image[low:high, low:high] = resized
    box(image, (low, low, high, high), ink, filled=False)
    for tick in np.linspace(low, high, int(rng.integers(3, 9))).astype(int):
        _write(image, f"{rng.uniform(0, 99):.1f}", (int(tick), int(side * 0.97)), 0.3 * side / 256, ink, FONTS[0])
        _write(image, f"{rng.uniform(0, 99):.1f}", (2, int(tick)), 0.3 * side / 256, ink, FONTS[0])
    return finish(image, rng, noise=2)


def drawing(rng: np.random.Generator, side: int) -> Grey:
    """Lines, polygons, circles and letters, as in diagrams and logos."""
    paper, ink = _paper(rng)
    image = flat(side, paper)
    for _ in range(int(rng.integers(1, 16))):
        value = ink if rng.random() < 0.6 else float(rng.uniform(0, 255))
        thick = -1 if rng.random() < 0.4 else int(rng.integers(1, max(2, side // 24)))
        what = int(rng.integers(5))
        center = tuple(int(one) for one in rng.integers(side // 6, side - side // 6, 2))
        if what == 0:
            cv2.circle(image, center, int(rng.integers(side // 20, side // 2)), value, thick, cv2.LINE_AA)
        elif what == 1:
            points = rng.integers(0, side, (int(rng.integers(3, 8)), 1, 2)).astype(np.int32)
            if thick < 0:
                cv2.fillPoly(image, [points], value, cv2.LINE_AA)
            else:
                cv2.polylines(image, [points], True, value, thick, cv2.LINE_AA)
        elif what == 2:
            axes = tuple(int(one) for one in rng.integers(side // 16, side // 2, 2))
            cv2.ellipse(image, center, axes, float(rng.uniform(0, 180)), 0, 360, value, thick, cv2.LINE_AA)
        elif what == 3:
            first, second = (tuple(int(one) for one in rng.integers(0, side, 2)) for _ in range(2))
            cv2.line(image, first, second, value, max(1, thick), cv2.LINE_AA)
        else:
            scale, font = float(rng.uniform(0.5, 5)) * side / 256, int(rng.choice(FONTS))
            cv2.putText(image, _words(rng, 1), (center[0] // 2, center[1]), font, scale, value, max(1, thick))
    return finish(image, rng, noise=2)


def outline_head(rng: np.random.Generator, side: int) -> Grey:
    """A face or a head as a drawing: an outline with few flat marks, and none of the brain's texture."""
    paper, ink = _paper(rng)
    image = flat(side, paper)
    center, axes = (0.5, 0.5), (float(rng.uniform(0.28, 0.45)), float(rng.uniform(0.3, 0.47)))
    ellipse(image, center, axes, 0.0, ink, thickness=int(rng.integers(1, max(2, side // 16))))
    if rng.random() < 0.5:
        ellipse(image, center, axes, 0.0, float(rng.uniform(0, 255)))
    for x in (0.35, 0.65):
        ellipse(image, (x, float(rng.uniform(0.3, 0.45))), (0.05, 0.04), 0.0, ink)
    ellipse(image, (0.5, float(rng.uniform(0.6, 0.75))), (0.15, float(rng.uniform(0.01, 0.08))), 0.0, ink)
    return finish(image, rng, noise=2)


def noise(rng: np.random.Generator, side: int) -> Grey:
    """Noise of a power-law spectrum, white noise, gratings, or blobs, at any contrast."""
    kind = int(rng.integers(4))
    if kind == 0:
        image = spectral(rng, side, float(rng.uniform(0, 3.5)))
    elif kind == 1:
        white = rng.normal(0, 1, (side, side)) if rng.random() < 0.5 else rng.uniform(-1, 1, (side, side))
        image = np.asarray(white, dtype=np.float32)
    elif kind == 2:
        rows, cols = np.mgrid[:side, :side] / side
        image = np.zeros((side, side), dtype=np.float32)
        for _ in range(int(rng.integers(1, 4))):
            a, b = rng.normal(0, 20, 2)
            image += np.sin(a * rows + b * cols + rng.uniform(0, 6)).astype(np.float32)
    else:
        image = blobs(rng, side)
    image = 128 + image / max(float(image.std()), 1e-6) * float(rng.uniform(3, 80))
    return finish(image, rng, noise=0)


def blank(rng: np.random.Generator, side: int) -> Grey:
    """An empty picture with a little noise, or a ramp, a vignette, a few spots."""
    rows, cols = (np.mgrid[:side, :side] / side).astype(np.float32)
    image = plain(side, float(rng.uniform(0, 255)))
    kind = int(rng.integers(4))
    if kind == 1:
        image += float(rng.normal(0, 150)) * (rows - 0.5) + float(rng.normal(0, 150)) * (cols - 0.5)
    elif kind == 2:
        distance = np.hypot(rows - rng.uniform(0.3, 0.7), cols - rng.uniform(0.3, 0.7))
        image += float(rng.normal(0, 200)) * np.asarray(distance, dtype=np.float32)
    elif kind == 3:
        for _ in range(int(rng.integers(1, 5))):
            ellipse(image, tuple(rng.uniform(0, 1, 2)), tuple(rng.uniform(0.005, 0.05, 2)), 0.0, rng.uniform(0, 255))
    return finish(image, rng, noise=float(rng.choice([0.5, 2, 8])))


def pattern(rng: np.random.Generator, side: int) -> Grey:
    """Checkerboards, stripes, rings, bricks."""
    rows, cols = np.mgrid[:side, :side] / side
    turn = float(rng.uniform(0, np.pi))
    along, across = rows * np.cos(turn) + cols * np.sin(turn), cols * np.cos(turn) - rows * np.sin(turn)
    period = float(rng.uniform(2, 24))
    kind = int(rng.integers(4))
    if kind == 0:
        values = (np.floor(along * period) + np.floor(across * period)) % 2
    elif kind == 1:
        values = np.floor(along * period) % 2
    elif kind == 2:
        values = np.floor(np.hypot(rows - 0.5, cols - 0.5) * period * 2) % 2
    else:
        layer = np.floor(along * period)
        values = (((across + 0.5 * (layer % 2) / period) * period % 1) > 0.08) & ((along * period % 1) > 0.12)
    low, high = sorted(rng.uniform(0, 255, 2))
    return finish(np.asarray(low + (high - low) * values, dtype=np.float32), rng, noise=6)


MAKERS: dict[str, tuple[Maker, ...]] = {
    "text": (text_page, screenshot),
    "drawing": (chart, drawing, outline_head),
    "noise": (noise, blank, pattern, ball),
    "shape": (shape,),
    "phantom": (water_phantom, water_phantom, insert_phantom),
    "xray_ct": (chest, limb, thorax),
    "organ": (abdomen, coronal, joint, spine, bone_cut),
    "heart": (heart,),
    "retina": (retina,),
}
"""Makers of each kind; the kinds are those that the gate's figures are stated for."""


def make_non_brain(kind: str, rng: np.random.Generator, side: int = 160) -> Grey:
    """One made picture of a kind, uint8 ``[side, side]``.

    Args:
        kind: a key of :data:`MAKERS`.
        rng: source of all that is random; equal states make equal pictures.
        side: rows and columns, in pixels, at least 32.

    Raises:
        ValueError: the kind is not known, or the side is too small.
    """
    if kind not in MAKERS:
        raise ValueError(f"the kind '{kind}' is not made; those that are made are {', '.join(MAKERS)}")
    if side < 32:
        raise ValueError(f"a side of {side} px is too small; it must be at least 32")
    makers = MAKERS[kind]
    return makers[int(rng.integers(len(makers)))](rng, side)
