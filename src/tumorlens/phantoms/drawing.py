"""Drawing of a sampled phantom: layers of the head, brain texture, ventricles, tumor, bias field, blur and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.labels import TumorClass
from tumorlens.phantoms.sampling import Head

Array = NDArray[Any]
Oval = tuple[float, float, float, float, float]


@dataclass(frozen=True, eq=False)
class _Canvas:
    """Per-pixel head coordinates, all ``[rows, cols]`` and in pixels; ``unit`` is a pixel at 256 x 256."""

    x: Array
    y: Array
    depth: Array
    unit: float


def draw(head: Head, size: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw ``head`` on ``size`` x ``size`` pixels.

    Returns:
        Pixels (float32, 0 to 255), tumor mask and head mask (bool), all ``[size, size]``.
    """
    canvas = _canvas(head, size)
    brain = _brain_share(head, canvas)
    image = _shell(head, canvas, rng)
    image += brain * (_brain(head, canvas, rng) - image)
    if head.view == "coronal":
        _sella(head, canvas, image)
    _vessels(head, canvas, brain, image, rng)
    mask = np.zeros((size, size), dtype=bool)
    if head.outline is not None:
        _tumor(head, canvas, brain, image, mask, rng)
    return _acquire(head, image, rng), mask, canvas.depth > 0


def _canvas(head: Head, size: int) -> _Canvas:
    index = np.arange(size, dtype=np.float32)
    dy, dx = (index - np.float32(head.center[0]))[:, None], (index - np.float32(head.center[1]))[None, :]
    c, s = np.float32(np.cos(head.rotation)), np.float32(np.sin(head.rotation))
    x, y = c * dx + s * dy, c * dy - s * dx
    radius, angle = cv2.cartToPolar(x, y)
    table = np.append(head.skin, head.skin[:1]).astype(np.float32)
    place = angle * np.float32(head.skin.size / (2 * np.pi))
    skin = table[np.clip(place + 0.5, 0, head.skin.size).astype(np.int32)]
    return _Canvas(x, y, skin - radius, size / 256)


def _ramp(distance: Array, width: float = 1.0) -> Array:
    """0 to 1 across ``width`` pixels about distance 0, positive inside."""
    return np.asarray(np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1))


def _noise(rng: np.random.Generator, size: int, cell: float) -> Array:
    """Smooth random field with features of about ``cell`` pixels and unit variance, roughly."""
    count = max(3, round(size / cell) + 2)
    coarse = rng.standard_normal((count, count), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32) * 1.3


def _ovals(head: Head, shape: tuple[int, ...], ovals: Sequence[Oval], soften: float) -> Array:
    """0 to 1 coverage by ellipses (x, y, semi x, semi y, degrees) in head axes, softened by a Gaussian in pixels."""
    layer = np.zeros(shape, dtype=np.uint8)
    turn = float(np.degrees(head.rotation))
    for x, y, a, b, degrees in ovals:
        row, col = head.to_image(x, y)
        middle, axes = (round(col * 16), round(row * 16)), (max(8, round(a * 16)), max(8, round(b * 16)))
        cv2.ellipse(layer, middle, axes, turn + degrees, 0, 360, 255, -1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(layer.astype(np.float32), (0, 0), soften)
    return np.asarray(soft, dtype=np.float32) / 255


def _brain_share(head: Head, canvas: _Canvas) -> Array:
    inside = canvas.depth - np.float32(head.layers[2])
    if head.view == "coronal":
        inside = np.minimum(inside, head.base_at(canvas.x).astype(np.float32) - canvas.y)
    return _ramp(inside, 1.5)


def _shell(head: Head, canvas: _Canvas, rng: np.random.Generator) -> Array:
    """Scalp, skull and the fluid under it; in a coronal slice also the face below the skull base."""
    levels, unit, size = head.levels, canvas.unit, canvas.x.shape[0]
    outer, inner, _ = head.layers
    fat = levels.scalp * (1 + 0.12 * _noise(rng, size, 30 * unit))
    image = _ramp(canvas.depth) * fat
    # The skin itself is darker than the fat below it.
    image *= 1 - 0.35 * _ramp(np.float32(1.5 * unit) - canvas.depth, 1.5)
    skull = 0.16 * levels.brain + 0.25 * levels.brain * _ramp(_noise(rng, size, 14 * unit), 3)
    image += _ramp(canvas.depth - np.float32(outer), 1.5) * (skull - image)
    image += _ramp(canvas.depth - np.float32(inner)) * (levels.fluid * 1.1 - image)
    if head.view == "axial":
        return image.astype(np.float32)
    below = canvas.y - head.base_at(canvas.x).astype(np.float32)
    tissue = levels.brain * np.clip(
        0.85 + 0.3 * _noise(rng, size, 15 * unit) + 0.16 * _noise(rng, size, 6 * unit), 0.1, 3
    )
    a = head.semi[0]
    face = _ramp(np.minimum(below - 5 * unit, canvas.depth - np.float32(outer)), 3)
    y = head.base[0]
    air = [(0, y + 0.55 * a, 0.1 * a, 0.26 * a, 0), (0.3 * a, y + 0.72 * a, 0.12 * a, 0.16 * a, 0)]
    air += [(-0.3 * a, y + 0.72 * a, 0.12 * a, 0.16 * a, 0)]
    image += face * (tissue - image)
    image *= 1 - 0.85 * _ovals(head, image.shape, air, 1.5 * unit) * face
    # Signal falls off away from the coil.
    image *= 1 - 0.6 * np.clip((below - 0.9 * a) / a, 0, 1)
    return image.astype(np.float32)


def _brain(head: Head, canvas: _Canvas, rng: np.random.Generator) -> Array:
    levels, unit, size = head.levels, canvas.unit, canvas.x.shape[0]
    up = head.semi[1]
    surface = canvas.depth - np.float32(head.layers[2])
    folds = _noise(rng, size, 11 * unit)
    cortex = np.exp(-np.maximum(surface, 0) / np.float32(13 * unit))
    tissue = 1 + 0.045 * _noise(rng, size, 24 * unit) + 0.03 * _noise(rng, size, 5 * unit)
    tissue += 0.1 * _ramp(surface - 9 * unit + 5 * unit * folds, 8 * unit)
    sulci = np.exp(-np.square(folds / np.float32(0.2))) * (0.06 + cortex)
    tissue *= 1 - np.float32(levels.sulci) * np.minimum(sulci * 1.6, 1.3)
    image = np.asarray(levels.brain * tissue, dtype=np.float32)
    fluid = _ovals(head, image.shape, _ventricles(head), 0.9 * unit)
    image += fluid * (levels.fluid - image)
    # The falx enhances: a thin bright line along the midline, away from the middle of the brain.
    far = np.abs(canvas.y) - 0.52 * up if head.view == "axial" else -canvas.y - 0.45 * up
    falx = np.exp(-np.square((canvas.x + 1.5 * folds) / np.float32(1.1 * unit))) * _ramp(far, 8 * unit)
    cleft = np.exp(-np.square((canvas.x + 1.5 * folds) / np.float32(3.2 * unit))) * _ramp(far, 8 * unit)
    image *= 1 - 0.25 * cleft
    image += 0.55 * levels.brain * falx
    sinus_y = (1 if head.view == "axial" else -1) * (up - head.layers[2] - 2.5 * unit)
    sinus = _ovals(head, image.shape, [(0, sinus_y, 2.8 * unit, 2.8 * unit, 0)], unit)
    image += sinus * (min(1.9 * levels.brain, 230) - image)
    return image


def _ventricles(head: Head) -> list[Oval]:
    """Lateral ventricles, third ventricle and Sylvian fissures, as ellipses in head axes."""
    a, b, _ = head.semi
    k = head.ventricles
    ovals: list[Oval] = []
    for side in (-1, 1):
        if head.view == "axial":
            ovals.append((side * 0.12 * a, -0.2 * b, 0.055 * a * k, 0.17 * b, -side * 14))
            ovals.append((side * 0.27 * a, 0.3 * b, 0.05 * a * k, 0.15 * b, side * -24))
            ovals.append((side * 0.66 * a, -0.12 * b, 0.014 * a, 0.13 * b, side * 40))
        else:
            ovals.append((side * 0.13 * a, -0.28 * b, 0.05 * a * k, 0.13 * b, side * 32))
            ovals.append((side * 0.62 * a, 0.06 * b, 0.13 * a, 0.012 * b, side * -12))
    ovals.append((0, 0.04 * b if head.view == "axial" else -0.04 * b, 0.02 * a * k, 0.09 * b, 0))
    return ovals


def _sella(head: Head, canvas: _Canvas, image: Array) -> None:
    """Suprasellar cistern, cavernous sinuses, sphenoid sinus, and the gland itself where it holds no tumor."""
    levels, unit = head.levels, canvas.unit
    a, y = head.semi[0], head.base[0]
    cistern = _ovals(head, image.shape, [(0, y - 3 * unit, 0.17 * a, 0.06 * a, 0)], 1.2 * unit)
    image += cistern * (levels.fluid - image)
    walls: list[Oval] = [(s * 0.2 * a, y + 3 * unit, 0.07 * a, 0.075 * a, 0) for s in (-1, 1)]
    image += 0.8 * _ovals(head, image.shape, walls, 1.2 * unit) * (1.35 * levels.brain - image)
    vessels: list[Oval] = [(s * 0.2 * a, y + 4 * unit, 0.03 * a, 0.03 * a, 0) for s in (-1, 1)]
    image *= 1 - 0.7 * _ovals(head, image.shape, vessels, 0.8 * unit)
    air = _ovals(head, image.shape, [(0, y + 0.2 * a, 0.19 * a, 0.1 * a, 0)], 1.2 * unit)
    image += air * (0.1 * levels.brain - image)
    if head.tumor is not TumorClass.PITUITARY:
        gland = _ovals(head, image.shape, [(0, y + 4 * unit, 0.075 * a, 0.028 * a, 0)], 0.9 * unit)
        image += gland * (1.4 * levels.brain - image)


def _vessels(head: Head, canvas: _Canvas, brain: Array, image: Array, rng: np.random.Generator) -> None:
    """A few enhancing vessels: short bright arcs on the brain's surface and in its depth."""
    unit, size = canvas.unit, image.shape[0]
    layer = np.zeros(image.shape, dtype=np.uint8)
    for _ in range(int(rng.integers(4, 14))):
        theta, share, turn = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.98), rng.uniform(0, 360)
        reach = share * (head.skin[int(theta / (2 * np.pi) * head.skin.size) % head.skin.size] - head.layers[2])
        row, col = head.to_image(reach * np.cos(theta), reach * np.sin(theta))
        bend = round(rng.uniform(2, 9) * unit * 16)
        spread = float(rng.uniform(10, 110))
        cv2.ellipse(layer, (round(col * 16), round(row * 16)), (bend, bend), turn, 0, spread, 255, 1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(layer, (0, 0), max(0.3, size / 256 * 0.6)).astype(np.float32) / 255
    image += np.float32(0.75 * head.levels.brain) * soft * brain


def _tumor(
    head: Head, canvas: _Canvas, brain: Array, image: Array, mask: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Paint the tumor with what surrounds it, and set ``mask`` by an exact test of the pixel centers."""
    outline, levels, unit = head.outline, head.levels, canvas.unit
    if outline is None:
        return
    size = image.shape[0]
    reach = 2.4 * max(outline.semi_axes) + 8 * unit
    rows, cols = (slice(max(0, int(c - reach)), min(size, int(c + reach) + 2)) for c in outline.center)
    dy = np.arange(size, dtype=np.float64)[rows, None] - outline.center[0]
    dx = np.arange(size, dtype=np.float64)[None, cols] - outline.center[1]
    distance, edge = np.hypot(dx, dy), outline.radius(np.arctan2(dy, dx))
    mask[rows, cols] = distance <= edge
    window, inside = image[rows, cols], (edge - distance).astype(np.float32)
    near, within = distance.astype(np.float32) / edge.astype(np.float32), brain[rows, cols]
    wobble = _noise(rng, size, 12 * unit)[rows, cols]
    if head.edema > 1:
        swollen = _ramp(np.float32(head.edema) - near + 0.12 * wobble, 0.25) * within
        window += 0.9 * swollen * (np.minimum(window, levels.edema) - window)
    if head.tumor is TumorClass.MENINGIOMA:
        _dural_tail(head, canvas.depth[rows, cols], near, window)
    texture = 0.11 if head.tumor is TumorClass.GLIOMA else 0.04
    grain = _noise(rng, size, 6 * unit)[rows, cols]
    flesh = np.clip(levels.tumor * (1 + texture * grain), 0.8 * levels.tumor, 245)
    if head.core > 0:
        flesh += _ramp(np.float32(head.core) - near + 0.09 * wobble, 0.14) * (levels.core - flesh)
    window += _ramp(inside) * (flesh - window)


def _dural_tail(head: Head, depth: Array, near: Array, window: Array) -> None:
    """The thickened, enhancing dura that runs on from a meningioma's base; not part of the truth."""
    _, inner, surface = head.layers
    dura = _ramp(depth - np.float32(inner)) * _ramp(np.float32(surface + 0.8) - depth)
    window += 0.6 * dura * _ramp(np.float32(1.35) - near, 0.4) * (head.levels.tumor - window)


def _acquire(head: Head, image: Array, rng: np.random.Generator) -> Array:
    """Point spread, receive-coil bias and Rician noise (Gudbjartsson and Patz, 1995)."""
    levels, size = head.levels, image.shape[0]
    blurred = cv2.GaussianBlur(image, (0, 0), max(0.3, levels.blur * size / 256))
    field = 1 + np.float32(levels.bias) * np.clip(_noise(rng, size, size / 2), -2, 2)
    noise = rng.standard_normal((2, size, size), dtype=np.float32) * np.float32(max(levels.noise, 0.5))
    # cv2.magnitude rounds by memory alignment, so it would not repeat to the last bit.
    magnitude = np.sqrt(np.square(blurred * field + noise[0]) + np.square(noise[1]))
    return np.asarray(np.clip(magnitude, 0, 255), dtype=np.float32)
