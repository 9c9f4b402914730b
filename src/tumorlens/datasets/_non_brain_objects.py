"""Made pictures of things: phantoms of water and of test inserts, and plain geometry."""

from __future__ import annotations

import cv2
import numpy as np

from tumorlens.datasets._non_brain_canvas import Canvas, Grey, box, ellipse, finish, plain, spectral


def water_phantom(rng: np.random.Generator, side: int) -> Grey:
    """A bottle of water or oil: a disc or a rounded box, evenly bright but for the coil, with ringing and a bubble."""
    image, mask = plain(side, 0), plain(side, 0)
    half = float(rng.uniform(0.18, 0.47))
    squeeze = float(rng.uniform(0.85, 1.0)) if rng.random() < 0.7 else float(rng.uniform(0.5, 0.85))
    at = float(rng.normal(0.5, 0.03)), float(rng.normal(0.5, 0.03))
    if rng.random() < 0.8:
        ellipse(mask, at, (half, half * squeeze), float(rng.choice([0.0, 90.0])), 1.0)
    else:
        left, right = (int((at[0] + sign * half) * side) for sign in (-1, 1))
        top, bottom = (int((at[1] + sign * half * squeeze) * side) for sign in (-1, 1))
        box(mask, (left, top, right, bottom), 1.0)
    rows, cols = (np.mgrid[:side, :side] / side).astype(np.float32)
    away = np.hypot(cols - at[0], rows - at[1]) / half
    level = float(rng.uniform(90, 235))
    image += level * mask
    image += mask * level * float(rng.normal(0, 0.15)) * (1 - away**2)  # standing waves
    image += mask * level * (float(rng.normal(0, 0.3)) * (cols - 0.5) + float(rng.normal(0, 0.3)) * (rows - 0.5))
    if rng.random() < 0.4:
        rings = np.cos(away * float(rng.uniform(20, 70))) * np.exp(-4 * np.abs(1 - away))
        image += mask * level * float(rng.uniform(0.02, 0.1)) * rings
    if rng.random() < 0.4:
        ellipse(image, (at[0], at[1] - half * squeeze * 0.9), (half * 0.35, half * 0.12), 0.0, 5.0)
    if rng.random() < 0.4:
        rim = mask - cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, side // 80))
        image = np.where(rim > 0, float(rng.uniform(0, 255)), image).astype(np.float32)
    return finish(_scanned(image, rng), rng, noise=0.5, blur=0.6)


def insert_phantom(rng: np.random.Generator, side: int) -> Grey:
    """A phantom with inserts: rods in rings or rows, a grid, a wedge, holes of falling size, as for quality checks."""
    image = plain(side, 0)
    half, level = float(rng.uniform(0.3, 0.46)), float(rng.uniform(100, 230))
    ellipse(image, (0.5, 0.5), (half, half), 0.0, level)
    kind = int(rng.integers(4))
    if kind == 0:
        for ring, count in ((0.35, 6), (0.72, int(rng.integers(6, 14)))):
            for angle in np.linspace(0, 2 * np.pi, count, endpoint=False) + float(rng.uniform(0, 6)):
                at = 0.5 + ring * half * float(np.cos(angle)), 0.5 + ring * half * float(np.sin(angle))
                size = half * float(rng.uniform(0.05, 0.14))
                ellipse(image, at, (size, size), 0.0, float(rng.uniform(0, 255)))
    elif kind == 1:
        step, reach = max(3, int(side * half * rng.uniform(0.1, 0.3))), int(side * half * 0.66)
        for place in range(side // 2 - reach, side // 2 + reach + 1, step):
            cv2.line(image, (place, side // 2 - reach), (place, side // 2 + reach), 10.0, max(1, side // 100))
            cv2.line(image, (side // 2 - reach, place), (side // 2 + reach, place), 10.0, max(1, side // 100))
    elif kind == 2:
        for row in range(4):
            for col in range(4):
                size = half * 0.02 * (row + 1)
                ellipse(image, (0.5 + half * 0.25 * (col - 1.5), 0.5 + half * 0.25 * (row - 1.5)), (size, size), 0, 8.0)
        box(image, (int(side * (0.5 - half * 0.5)), int(side * (0.5 + half * 0.55)), int(side * 0.5), side), 10.0)
    else:
        long, short = int(side * half * 0.7), int(side * half * 0.12)
        middle = side // 2
        box(image, (middle - long, middle - short, middle + long, middle + short), float(rng.uniform(0, 90)))
        box(image, (middle - short // 2, 0, middle + short // 2, middle), float(rng.uniform(0, 90)))
    return finish(_scanned(image, rng), rng, noise=0.5, blur=0.7)


def _scanned(image: Canvas, rng: np.random.Generator) -> Canvas:
    """Noise as a scanner adds it: Rician, grain within, ghosts beside now and then."""
    side = image.shape[0]
    if rng.random() < 0.25:
        image = image + float(rng.uniform(0.02, 0.12)) * np.roll(image, side // 2, axis=int(rng.integers(2)))
    image = image + (image > 12) * float(rng.uniform(0, 4)) * spectral(rng, side, 1.0)
    spread = float(rng.uniform(0.5, 10))
    real, imaginary = (rng.normal(0, spread, image.shape) for _ in range(2))
    return np.asarray(np.hypot(image + real, imaginary), dtype=np.float32)


def shape(rng: np.random.Generator, side: int) -> Grey:
    """One to four squares, rectangles, discs, crosses, triangles or rings, flat, large or a few pixels wide."""
    low, high = (float(one) for one in rng.permutation([float(rng.uniform(0, 90)), float(rng.uniform(120, 255))]))
    image = plain(side, low)
    for _ in range(1 if rng.random() < 0.6 else int(rng.integers(2, 5))):
        half = max(3, int(side * float(np.exp(rng.uniform(np.log(0.05), np.log(0.46))))))
        x, y = (int(rng.integers(half, max(half + 1, side - half))) for _ in range(2))
        if rng.random() < 0.4:
            x = y = side // 2
        value = high if rng.random() < 0.8 else float(rng.uniform(0, 255))
        kind = int(rng.integers(6))
        if kind <= 1:
            long = half if kind == 0 else max(2, int(half * rng.uniform(0.4, 1)))
            box(image, (x - half, y - long, x + half, y + long), value)
        elif kind == 2:
            cv2.circle(image, (x, y), half, value, -1, cv2.LINE_AA)
        elif kind == 3:
            thick = max(2, half // 3)
            box(image, (x - half, y - thick // 2, x + half, y + thick // 2), value)
            box(image, (x - thick // 2, y - half, x + thick // 2, y + half), value)
        elif kind == 4:
            corners = np.array([[x, y - half], [x - half, y + half], [x + half, y + half]], dtype=np.int32)
            cv2.fillPoly(image, [corners], value, cv2.LINE_AA)
        else:
            cv2.circle(image, (x, y), half, value, max(2, half // 4), cv2.LINE_AA)
    return finish(image, rng, noise=float(rng.choice([0.0, 0.0, 2.0, 8.0])), blur=float(rng.choice([0.0, 0.0, 1.0])))
