"""Pictures that are no MRI of a brain but have its outline: made of real slices of heads.

Each maker takes a slice, uint8 ``[rows, cols]`` of at least 16 pixels a side, and a random generator, and gives uint8
of the same shape (:func:`scramble`: a square).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets._non_brain_canvas import Grey, spectral

FromHead = Callable[[Grey, np.random.Generator], Grey]


def scramble(slice_: Grey, rng: np.random.Generator) -> Grey:
    """A slice whose tiles stand in another order, so that texture and histogram are MRI's and the anatomy is gone.

    Args:
        slice_: uint8 ``[rows, cols]``, of at least 32 pixels a side.
        rng: draws the number of tiles on a side (3 to 6), their order and their turns.
    """
    tiles = int(rng.integers(3, 7))
    side = max(32, min(slice_.shape)) // tiles * tiles
    square = cv2.resize(slice_, (side, side), interpolation=cv2.INTER_AREA)
    edge = side // tiles
    cut = square.reshape(tiles, edge, tiles, edge).swapaxes(1, 2).reshape(-1, edge, edge)
    order = rng.permutation(len(cut))
    turned = np.stack([np.rot90(cut[one], int(rng.integers(4))) for one in order])
    joined = turned.reshape(tiles, tiles, edge, edge).swapaxes(1, 2).reshape(side, side)
    return np.ascontiguousarray(joined, dtype=np.uint8)


def outline_of(slice_: Grey) -> NDArray[np.uint8]:
    """The head, or what is left of it, in a slice: 1 within the largest bright part, filled."""
    smooth = cv2.GaussianBlur(slice_, (0, 0), max(1.0, max(slice_.shape) / 100))
    level = 0.12 * float(np.percentile(smooth, 99))
    outlines, _ = cv2.findContours((smooth > level).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros(slice_.shape, dtype=np.uint8)
    if outlines:
        cv2.drawContours(mask, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return mask


def head_ct(slice_: Grey, rng: np.random.Generator) -> Grey:
    """A CT of the head: a white ring of bone, thin dim skin, and a brain of nearly one grey with darker fluid.

    The skull is laid by distance from the head's surface; windows of brain, soft tissue or bone.
    """
    rows, cols = slice_.shape
    head = cv2.morphologyEx(outline_of(slice_), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    head = np.pad(head, 1)
    inside = cv2.distanceTransform(head, cv2.DIST_L2, 3)[1:-1, 1:-1]
    span = max(float(inside.max()), 4.0)
    skin, bone = span * float(rng.uniform(0.03, 0.12)), span * float(rng.uniform(0.1, 0.26))
    wobble = cv2.resize(rng.normal(0, 1, (6, 6)).astype(np.float32), (cols, rows), interpolation=cv2.INTER_CUBIC)
    bone_here = bone * np.clip(1 + 0.3 * wobble, 0.35, 2)
    smooth = cv2.GaussianBlur(slice_, (0, 0), span / float(rng.uniform(10, 30))).astype(np.float32)
    within = inside > skin + bone_here
    tissue = smooth[within] if within.any() else smooth.ravel()
    low, high = np.percentile(tissue, (3, 97))
    anatomy = np.clip((smooth - low) / max(float(high - low), 1.0), 0, 1)
    bone_window = rng.random() < 0.25
    grey = float(rng.uniform(15, 60) if bone_window else rng.uniform(60, 150))
    contrast = float(rng.uniform(3, 10) if bone_window else rng.uniform(8, 40)) * float(rng.choice([-1, 1]))
    image = np.where(within, grey + contrast * (anatomy - 0.5), 0)
    if not bone_window:  # fluid is dark: where the slice is darkest, or brightest as in T2
        fluid = anatomy < 0.22 if rng.random() < 0.6 else anatomy > 0.85
        image = np.where(within & fluid, grey * float(rng.uniform(0.35, 0.7)), image)
    shell = (inside > skin) & ~within
    core = 1 - np.abs((inside - skin) / np.maximum(bone_here, 1e-3) - 0.5) * 2
    white = float(rng.uniform(215, 255))
    marrow = np.clip(core, 0, 1) * float(rng.choice([0.0, rng.uniform(0, 110)]))
    image = np.where(shell, white - marrow, image)
    image = np.where((inside > 0) & (inside <= skin), float(rng.uniform(20, 110)), image).astype(np.float32)
    image = _tubes_of_air(image, inside, span, rng)
    image = image + (within * float(rng.uniform(1, 9)) * rng.normal(0, 1, image.shape)).astype(np.float32)
    if rng.random() < 0.35:  # the head rest
        bottom = int(np.flatnonzero(inside.max(axis=1)).max(initial=rows // 2))
        center, axes = (cols // 2, bottom - rows // 3), (int(cols * 0.45), int(rows * 0.36))
        cv2.ellipse(image, center, axes, 0, 25, 155, float(rng.uniform(60, 200)), max(1, rows // 90))
    image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.0)))
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)


def _tubes_of_air(
    image: NDArray[np.float32], inside: NDArray[np.float32], span: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Sinuses and mastoid cells of a low slice: black holes in bone, now and then."""
    if rng.random() < 0.7:
        return image
    places = np.argwhere(inside > 0.15 * span)
    for row, col in places[rng.integers(0, len(places), int(rng.integers(1, 6)))] if len(places) else ():
        half = max(1, int(span * rng.uniform(0.04, 0.2)))
        cv2.circle(image, (int(col), int(row)), half + max(1, half // 3), 240.0, -1)
        cv2.circle(image, (int(col), int(row)), half, 2.0, -1)
    return image


def label_map(slice_: Grey, rng: np.random.Generator) -> Grey:
    """A mask or label map of a head: two to twelve flat levels, with clean, softened or compressed edges."""
    smooth = cv2.medianBlur(slice_, int(rng.choice([3, 5, 7]))) if min(slice_.shape) > 8 else slice_
    smooth = cv2.GaussianBlur(smooth, (0, 0), float(rng.uniform(0.6, 4)))
    head = outline_of(slice_)
    kind = int(rng.integers(5))
    if kind == 0:  # head or brain against the rest
        side = int(rng.integers(0, max(1, max(slice_.shape) // 12)))
        image = cv2.erode(head, np.ones((2 * side + 1, 2 * side + 1), np.uint8)) * 255
    elif kind == 1:  # a lesion alone, or within the head
        blob = _blob(slice_.shape, head, rng)
        image = np.where(blob > 0, 255, head * int(rng.choice([0, 60, 128])))
    elif kind == 2:  # a lesion with parts
        image = np.zeros(slice_.shape)
        for value in np.linspace(80, 255, int(rng.integers(2, 5))):
            image = np.where(_blob(slice_.shape, head, rng) > 0, value, image)
    else:  # tissues
        count = int(rng.integers(2, 12))
        within = smooth[head > 0] if head.any() else smooth.ravel()
        cuts = np.unique(np.quantile(within, np.sort(rng.uniform(0.05, 0.95, count))))
        levels = np.round(np.linspace(30, 255, len(cuts) + 1))
        if rng.random() < 0.5:
            levels = rng.permutation(levels)
        image = levels[np.digitize(smooth, cuts)] * (head > 0)
    image = np.asarray(image, dtype=np.uint8)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.4:
        written = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))])[1]
        image = cv2.imdecode(written, cv2.IMREAD_GRAYSCALE)
    return np.asarray(image, dtype=np.uint8)


def _blob(shape: tuple[int, ...], head: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """An uneven spot somewhere within a head."""
    rows, cols = shape
    places = np.argwhere(head > 0)
    row, col = places[int(rng.integers(len(places)))] if len(places) else (rows // 2, cols // 2)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = max(rows, cols) * float(np.exp(rng.uniform(np.log(0.02), np.log(0.25))))
    rough = 1 + sum(float(rng.normal(0, 0.25 / k)) * np.cos(k * angles + float(rng.uniform(0, 6))) for k in range(1, 6))
    points = np.stack([col + radius * rough * np.cos(angles), row + radius * rough * np.sin(angles)], axis=1)
    mask = np.zeros((rows, cols), dtype=np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return mask


def soft_map(slice_: Grey, rng: np.random.Generator) -> Grey:
    """A smooth map over a head: a probability, a distance, a heat map."""
    head = outline_of(slice_)
    if rng.random() < 0.4:
        image = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    else:
        image = np.zeros(slice_.shape, dtype=np.float32)
        for _ in range(int(rng.integers(1, 4))):
            image += _blob(slice_.shape, head, rng)
        image = cv2.GaussianBlur(image, (0, 0), max(1.0, max(slice_.shape) * float(rng.uniform(0.02, 0.1))))
    return np.asarray(np.clip(image / max(float(image.max()), 1e-6) * float(rng.uniform(120, 255)), 0, 255), np.uint8)


def edges(slice_: Grey, rng: np.random.Generator) -> Grey:
    """The edges of a head alone: a line drawing, or the size of the gradient of a smoothed slice."""
    smooth = cv2.GaussianBlur(slice_, (0, 0), float(rng.uniform(1.0, 3.0)))
    if rng.random() < 0.5:
        image = cv2.Canny(smooth, float(rng.uniform(10, 40)), float(rng.uniform(40, 100))).astype(np.float32)
        image = 255 - image if rng.random() < 0.4 else image
    else:
        spread = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
        image = (spread > float(np.percentile(spread, rng.uniform(70, 92)))) * 255.0
    return np.asarray(image, dtype=np.uint8)


def cloud(slice_: Grey, rng: np.random.Generator) -> Grey:
    """The head's outline filled with noise: the shape without any anatomy, as a water bottle or a fruit has it."""
    head = outline_of(slice_).astype(np.float32)
    side = max(slice_.shape)
    texture = spectral(rng, side, float(rng.uniform(0, 2.5)))[: slice_.shape[0], : slice_.shape[1]]
    image = head * (float(rng.uniform(80, 200)) + float(rng.uniform(0, 50)) * texture)
    return np.asarray(np.clip(image + np.abs(rng.normal(0, 3, image.shape)), 0, 255), dtype=np.uint8)


FROM_HEADS: dict[str, tuple[FromHead, ...]] = {
    "head_ct": (head_ct,),
    "mask": (label_map, label_map, soft_map, edges),
    "scrambled": (scramble, cloud),
}
"""Makers of each kind that take a slice."""


def make_from_head(kind: str, slice_: Grey, rng: np.random.Generator) -> Grey:
    """One picture of a kind, made of a slice.

    Args:
        kind: a key of :data:`FROM_HEADS`.
        slice_: uint8 ``[rows, cols]``, at least 16 pixels a side.
        rng: source of all that is random.

    Raises:
        ValueError: the kind is not known.
    """
    if kind not in FROM_HEADS:
        raise ValueError(f"the kind '{kind}' is not made of heads; those that are are {', '.join(FROM_HEADS)}")
    makers = FROM_HEADS[kind]
    return makers[int(rng.integers(len(makers)))](slice_, rng)
