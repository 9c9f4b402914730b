"""Made photographs of the retina: a lit disc with vessels that branch from the optic disc."""

from __future__ import annotations

import cv2
import numpy as np

from tumorlens.datasets._non_brain_canvas import Canvas, Grey, ellipse, finish, plain, spectral


def _vessel(
    layer: Canvas, rng: np.random.Generator, at: tuple[float, float], heading: float, width: float, depth: int
) -> None:
    """Draw a vessel that bends, thins and branches; ``at`` is a fraction of the side, ``width`` in pixels."""
    side = layer.shape[0]
    bend = float(rng.normal(0, 0.09))
    x, y = at
    for step in range(int(rng.integers(8, 16))):
        reach = 0.028
        far = x + reach * float(np.cos(heading)), y + reach * float(np.sin(heading))
        ends = [tuple(int(one * side * 8) for one in point) for point in ((x, y), far)]
        cv2.line(layer, ends[0], ends[1], 1.0, max(1, round(width)), cv2.LINE_AA, 3)
        x, y = far
        heading += bend + float(rng.normal(0, 0.1))
        width = max(0.6, width * 0.965)
        if depth and step > 1 and rng.random() < 0.22:
            turn = float(rng.choice([-1, 1])) * float(rng.uniform(0.4, 1.0))
            _vessel(layer, rng, (x, y), heading + turn, width * 0.72, depth - 1)


def retina(rng: np.random.Generator, side: int) -> Grey:
    """A fundus photograph, or an angiogram with bright vessels, whole or cut at the frame."""
    rows, cols = (np.mgrid[:side, :side] / side).astype(np.float32)
    radius = float(rng.uniform(0.38, 0.62))
    center = float(rng.normal(0.5, 0.015)), float(rng.normal(0.5, 0.015))
    distance = np.hypot(cols - center[0], rows - center[1]) / radius
    base = float(rng.uniform(60, 170))
    image = base * (1 - float(rng.uniform(0.0, 0.55)) * distance**2)
    image += float(rng.normal(0, 40)) * (cols - 0.5) + float(rng.normal(0, 40)) * (rows - 0.5)
    image += float(rng.uniform(1, 9)) * spectral(rng, side, float(rng.uniform(1.0, 2.0)))
    sign = float(rng.choice([-1, 1]))
    disc = center[0] + sign * radius * float(rng.uniform(0.0, 0.55)), center[1] + float(rng.normal(0, 0.02))
    macula = plain(side, 0)
    ellipse(macula, (disc[0] - sign * radius * 0.85, disc[1] + 0.02), (0.07, 0.07), 0.0, 1.0)
    image -= float(rng.uniform(5, 45)) * cv2.GaussianBlur(macula, (0, 0), side / 28)
    vessels = plain(side, 0)
    width = side * float(rng.uniform(0.008, 0.018))
    for up in (-1, 1):
        for _ in range(int(rng.integers(2, 4))):
            heading = np.pi / 2 * up + float(rng.normal(0, 0.55))
            _vessel(vessels, rng, disc, heading, width, 3)
    soft = cv2.GaussianBlur(vessels, (0, 0), max(0.4, side / 400))
    angiogram = rng.random() < 0.2
    image += (1 if angiogram else -1) * float(rng.uniform(18, 70)) * np.clip(soft, 0, 1)
    bright = plain(side, 0)
    size = float(rng.uniform(0.035, 0.065))
    ellipse(bright, disc, (size, size * float(rng.uniform(1, 1.2))), 0.0, 1.0)
    image += float(rng.uniform(25, 110)) * (-1 if angiogram else 1) * cv2.GaussianBlur(bright, (0, 0), side / 120)
    for _ in range(int(rng.integers(0, 14))):  # bleeding, exudates
        at = tuple(rng.uniform(0.2, 0.8, 2))
        axes = tuple(rng.uniform(0.003, 0.02, 2))
        ellipse(image, at, axes, float(rng.uniform(0, 180)), base * float(rng.choice([0.4, 1.8])))
    field = (distance <= 1).astype(np.float32)
    if rng.random() < 0.35:  # cut above and below
        edge = int(side * float(rng.uniform(0.05, 0.15)))
        field[:edge], field[-edge:] = 0, 0
    field = cv2.GaussianBlur(field, (0, 0), 0.7)
    return finish(np.asarray(np.clip(image, 8, 255) * field, np.float32), rng, noise=float(rng.uniform(0.5, 4)))
