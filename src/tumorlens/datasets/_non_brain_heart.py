"""Made MRI of the heart: short and long axes within the chest, with bright, dark or late-enhanced blood."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tumorlens.datasets._non_brain_canvas import Canvas, Grey, coil, ellipse, finish, grain, plain, warp


@dataclass(frozen=True)
class _Tones:
    """Brightness of blood, muscle of the heart, fat, other muscle, liver and lung."""

    blood: float
    wall: float
    fat: float
    muscle: float
    liver: float
    lung: float


def _tones(rng: np.random.Generator) -> _Tones:
    kind = int(rng.integers(3))
    blood, wall = (
        (rng.uniform(170, 255), rng.uniform(50, 115)),  # balanced steady state: bright blood
        (rng.uniform(0, 30), rng.uniform(100, 190)),  # black blood
        (rng.uniform(110, 190), rng.uniform(5, 40)),  # late enhancement: nulled muscle
    )[kind]
    return _Tones(
        float(blood),
        float(wall),
        float(rng.uniform(120, 255)),
        float(rng.uniform(40, 110)),
        float(rng.uniform(50, 150)),
        float(rng.uniform(2, 35)),
    )


def _chest(rng: np.random.Generator, side: int, tones: _Tones) -> Canvas:
    image = plain(side, float(rng.uniform(0, 8)))
    wide, tall = float(rng.uniform(0.42, 0.55)), float(rng.uniform(0.34, 0.46))
    rim = float(rng.uniform(0.015, 0.05))
    ellipse(image, (0.5, 0.5), (wide, tall), 0.0, tones.fat)
    ellipse(image, (0.5, 0.5), (wide - rim, tall - rim), 0.0, tones.muscle)
    for sign in (-1, 1):
        at = 0.5 + sign * wide * float(rng.uniform(0.45, 0.55)), float(rng.uniform(0.46, 0.56))
        ellipse(image, at, (wide * float(rng.uniform(0.32, 0.42)), tall * 0.74), sign * 10.0, tones.lung)
    if rng.random() < 0.6:
        ellipse(image, (float(rng.uniform(0.2, 0.4)), 0.72), (0.22, 0.16), -20.0, tones.liver)
    ellipse(image, (0.5, 0.5 + tall * 0.62), (0.07, 0.055), 0.0, float(rng.uniform(60, 190)))
    ellipse(image, (0.5, 0.5 + tall * 0.62 + 0.07), (0.02, 0.018), 0.0, float(rng.uniform(30, 220)))
    aorta = 0.5 + float(rng.uniform(0.05, 0.11)), 0.5 + tall * 0.45
    ellipse(image, aorta, (0.032, 0.032), 0.0, tones.blood)
    return image


def _short_axis(rng: np.random.Generator, image: Canvas, tones: _Tones) -> tuple[float, float]:
    """A ring of muscle about the left ventricle with the right one wrapped around it."""
    at = float(rng.uniform(0.5, 0.62)), float(rng.uniform(0.42, 0.52))
    outer, thick = float(rng.uniform(0.09, 0.15)), float(rng.uniform(0.02, 0.05))
    turn = float(rng.uniform(0, 360))
    across = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    ellipse(image, at, (outer * 1.75, outer * 1.45), turn, tones.fat * float(rng.uniform(0.5, 1)))
    right = np.array(at) - across * outer * 0.95
    ellipse(image, tuple(right), (outer * 0.95 + 0.012, outer * 1.15 + 0.012), turn, tones.wall)
    ellipse(image, tuple(right), (outer * 0.95, outer * 1.15), turn, tones.blood)
    ellipse(image, at, (outer, outer * float(rng.uniform(0.92, 1.08))), turn, tones.wall)
    inner = outer - thick
    ellipse(image, at, (inner, inner), 0.0, tones.blood)
    for _ in range(int(rng.integers(0, 4))):
        angle, away = float(rng.uniform(0, 2 * np.pi)), inner * float(rng.uniform(0.5, 0.85))
        dot = at[0] + away * float(np.cos(angle)), at[1] + away * float(np.sin(angle))
        ellipse(image, dot, (inner * 0.18, inner * 0.14), 0.0, tones.wall)
    if rng.random() < 0.25:  # a scar
        angle = float(rng.uniform(0, 360))
        middle, half = (int(one * image.shape[0]) for one in at), int((outer - thick / 2) * image.shape[0])
        cv2.ellipse(image, tuple(middle), (half, half), angle, 0, 70, 240.0, max(1, int(thick * image.shape[0] * 0.6)))
    return at


def _long_axis(rng: np.random.Generator, image: Canvas, tones: _Tones) -> tuple[float, float]:
    """Two or four chambers: long cavities side by side, with atria behind them."""
    at = float(rng.uniform(0.46, 0.58)), float(rng.uniform(0.42, 0.52))
    turn = float(rng.uniform(0, 360))
    along = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    across = np.array([-along[1], along[0]])
    long, wide, thick = float(rng.uniform(0.12, 0.18)), float(rng.uniform(0.06, 0.09)), float(rng.uniform(0.015, 0.035))
    ellipse(image, at, (long * 1.7, wide * 2.6), turn, tones.fat * float(rng.uniform(0.4, 1)))
    four = rng.random() < 0.7
    for sign in (-1, 1) if four else (0,):
        ventricle = np.array(at) + sign * across * wide * 1.1 + along * long * 0.35
        wall = thick if sign >= 0 else thick * 0.4
        ellipse(image, tuple(ventricle), (long + wall, wide + wall), turn, tones.wall)
        ellipse(image, tuple(ventricle), (long, wide), turn, tones.blood)
        atrium = np.array(at) + sign * across * wide * 1.1 - along * long * 0.85
        ellipse(image, tuple(atrium), (wide * 1.1 + 0.008, wide + 0.008), turn, tones.wall)
        ellipse(image, tuple(atrium), (wide * 1.1, wide), turn, tones.blood)
    return at


def heart(rng: np.random.Generator, side: int) -> Grey:
    """An MRI of the heart, short or long axis, whole chest or a field about the heart."""
    fine = 2 * side
    tones = _tones(rng)
    image = _chest(rng, fine, tones)
    draw = _short_axis if rng.random() < 0.65 else _long_axis
    at = draw(rng, image, tones)
    image = warp(image, rng, 0.012)
    kept = int(fine * float(rng.uniform(0.42, 1.0)))
    corners = [int(np.clip(one * fine - kept / 2, 0, fine - kept)) for one in (at[1], at[0])]
    image = np.ascontiguousarray(image[corners[0] : corners[0] + kept, corners[1] : corners[1] + kept])
    image = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
    image = coil(grain(image, rng, float(rng.uniform(4, 14))), rng)
    return finish(image, rng, noise=float(rng.uniform(2, 9)), blur=float(rng.uniform(0.5, 1.2)))
