"""Crude phantoms of what is scanned and is not a head: chest, limb, belly, trunk, spine, joint, bone in cut."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from tumorlens.datasets._non_brain_canvas import Canvas, Grey, coil, ellipse, finish, grain, plain, spectral, warp


def chest(rng: np.random.Generator, side: int) -> Grey:
    """A chest radiograph: dark lungs crossed by ribs, a bright spine, heart and diaphragm, collarbones."""
    image = plain(side, float(rng.uniform(90, 170)))
    lung, bone = float(rng.uniform(15, 60)), float(rng.uniform(25, 70))
    gap, height = float(rng.uniform(0.18, 0.25)), float(rng.uniform(0.28, 0.38))
    for sign in (-1, 1):
        ellipse(image, (0.5 + sign * gap, 0.45), (float(rng.uniform(0.13, 0.18)), height), -sign * 6.0, lung)
    ellipse(image, (float(rng.uniform(0.5, 0.58)), 0.6), (float(rng.uniform(0.1, 0.18)), 0.16), 30.0, 190)
    for sign in (-1, 1):
        ellipse(
            image, (0.5 + sign * gap, 0.92), (0.24, float(rng.uniform(0.1, 0.22))), 0.0, float(rng.uniform(170, 220))
        )
    layer = plain(side, 0)
    for row in np.linspace(0.12, 0.85, int(rng.integers(7, 11))):
        for sign in (-1, 1):
            center = (int((0.5 + sign * 0.2) * side), int(row * side))
            axes = (int(0.22 * side), int(float(rng.uniform(0.08, 0.13)) * side))
            cv2.ellipse(layer, center, axes, sign * 22, 190, 350, bone, max(1, side // 45), cv2.LINE_AA)
    width = int(0.035 * side)
    layer[:, side // 2 - width : side // 2 + width] += bone
    image = cv2.GaussianBlur(image, (0, 0), side / 90) + layer
    if rng.random() < 0.5:
        image[:, : int(side * rng.uniform(0, 0.08))] = 0
    if rng.random() < 0.25:
        image = np.asarray(image.max() - image, dtype=np.float32)
    return finish(warp(grain(image, rng, 7), rng, 0.012), rng, noise=3, blur=0.6)


def limb(rng: np.random.Generator, side: int) -> Grey:
    """A radiograph of a limb or hand: bright shafts with brighter walls in grey soft tissue on black."""
    image = plain(side, float(rng.uniform(0, 25)))
    count = int(rng.integers(1, 6))
    middles = np.linspace(0.5 - 0.09 * (count - 1), 0.5 + 0.09 * (count - 1), count)
    for x in middles:
        ellipse(image, (float(x), 0.5), (float(rng.uniform(0.1, 0.16)), float(rng.uniform(0.4, 0.8))), 0.0, 75)
    for x in middles:
        tilt, wide = float(rng.normal(0, 4)), float(rng.uniform(0.02, 0.05))
        joints = [0.0, *sorted(rng.uniform(0.1, 0.9, int(rng.integers(0, 4)))), 1.0]
        for top, bottom in pairwise(joints):
            middle, half = (float(x), (top + bottom) / 2), max(0.02, (bottom - top) / 2 - 0.008)
            ellipse(image, middle, (wide, half), tilt, float(rng.uniform(190, 250)))
            ellipse(image, middle, (wide * 0.6, half * 0.92), tilt, float(rng.uniform(130, 180)))
    return finish(warp(grain(image, rng, 5), rng, 0.015), rng, noise=3, blur=0.7)


def _trunk(rng: np.random.Generator, side: int, fat: float, tissue: float) -> tuple[Canvas, float, float]:
    wide, tall = float(rng.uniform(0.36, 0.48)), float(rng.uniform(0.24, 0.38))
    image = plain(side, float(rng.uniform(0, 10)))
    ellipse(image, (0.5, 0.5), (wide, tall), 0.0, fat)
    rim = float(rng.uniform(0.015, 0.07))
    ellipse(image, (0.5, 0.5), (wide - rim, tall - rim), 0.0, tissue)
    return image, wide, tall


def _vertebra(image: Canvas, rng: np.random.Generator, row: float, body: float, rim: float) -> None:
    ellipse(image, (0.5, row), (0.065, 0.055), 0.0, rim)
    ellipse(image, (0.5, row), (0.05, 0.042), 0.0, body)
    ellipse(image, (0.5, row + 0.075), (0.022, 0.022), 0.0, float(rng.uniform(30, 120)))
    for turn in (-45.0, 45.0, 90.0):
        dx = 0.0 if turn == 90.0 else float(np.sign(turn)) * 0.05
        ellipse(image, (0.5 + dx, row + 0.1), (0.035, 0.012), turn, rim)


def thorax(rng: np.random.Generator, side: int) -> Grey:
    """An axial CT of the thorax: black lungs, heart, ribs in cut, vertebra, table."""
    image, wide, tall = _trunk(rng, side, float(rng.uniform(90, 120)), float(rng.uniform(130, 160)))
    for sign in (-1, 1):
        ellipse(
            image, (0.5 + sign * wide * 0.52, 0.49), (wide * 0.36, tall * 0.72), sign * 12.0, float(rng.uniform(0, 40))
        )
    ellipse(image, (0.54, 0.44), (wide * 0.28, tall * 0.38), 30.0, float(rng.uniform(150, 190)))
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(12, 20)), endpoint=False):
        at = (0.5 + wide * 0.88 * float(np.cos(angle)), 0.5 + tall * 0.88 * float(np.sin(angle)))
        ellipse(image, at, (0.022, 0.01), float(np.degrees(angle)) + 90, float(rng.uniform(210, 255)))
    _vertebra(image, rng, 0.5 + tall * 0.55, float(rng.uniform(190, 230)), 250)
    if rng.random() < 0.7:
        cv2.ellipse(image, (side // 2, int(0.55 * side)), (int(0.46 * side), int(0.4 * side)), 0, 20, 160, 90, 2)
    return finish(warp(grain(image, rng, 6), rng, 0.012), rng, noise=4, blur=0.6)


def abdomen(rng: np.random.Generator, side: int) -> Grey:
    """An axial slice of the belly, as CT or as MRI: liver, spleen, kidneys, bowel, vertebra; fat dark or bright."""
    mri = rng.random() < 0.6
    fat = float(rng.uniform(150, 255) if mri else rng.uniform(60, 100))
    image, wide, tall = _trunk(rng, side, fat, float(rng.uniform(60, 150)))
    tone = float(rng.uniform(70, 210))
    ellipse(image, (0.5 - wide * 0.4, 0.47), (wide * 0.45, tall * 0.6), -15.0, tone)
    ellipse(image, (0.5 + wide * 0.62, 0.48), (wide * 0.2, tall * 0.42), 15.0, tone + float(rng.normal(0, 25)))
    for sign in (-1, 1):
        ellipse(
            image, (0.5 + sign * wide * 0.4, 0.5 + tall * 0.35), (0.05, 0.065), sign * 20.0, float(rng.uniform(90, 250))
        )
    for _ in range(int(rng.integers(4, 14))):
        at = (float(rng.normal(0.55, 0.12)), float(rng.normal(0.42, 0.07)))
        axes = tuple(rng.uniform(0.015, 0.06, 2))
        ellipse(image, at, axes, float(rng.uniform(0, 180)), float(rng.uniform(10, 250)))
    body, rim = (float(rng.uniform(70, 180)), 20.0) if mri else (float(rng.uniform(190, 230)), 250.0)
    _vertebra(image, rng, 0.5 + tall * 0.5, body, rim)
    for sign in (-1, 1):
        ellipse(image, (0.5 + sign * 0.1, 0.5 + tall * 0.68), (0.07, 0.05), sign * 15.0, float(rng.uniform(60, 140)))
    if mri:
        image = coil(image, rng)
    return finish(warp(grain(image, rng, 9), rng, 0.018), rng, noise=5, blur=0.8)


def spine(rng: np.random.Generator, side: int) -> Grey:
    """A sagittal MRI of the spine: a curved column of vertebrae and discs, canal with cord behind it."""
    image = plain(side, float(rng.uniform(20, 80)))
    image[:, int(side * rng.uniform(0.75, 0.95)) :] = float(rng.uniform(150, 255))
    bend, start = float(rng.normal(0, 0.08)), float(rng.uniform(0.35, 0.55))
    count, bright, disc = int(rng.integers(5, 14)), float(rng.uniform(90, 200)), float(rng.uniform(20, 240))
    rows = np.linspace(-0.02, 1.02, count)
    half = 0.5 / count
    canal = [(int((start + 0.14 + bend * np.sin(np.pi * y)) * side), int(y * side)) for y in np.linspace(-0.1, 1.1, 30)]
    for thick, value in ((0.1, float(rng.uniform(10, 250))), (0.045, float(rng.uniform(60, 180)))):
        cv2.polylines(image, [np.array(canal, dtype=np.int32)], False, value, max(2, int(thick * side)), cv2.LINE_AA)
    for y in rows:
        x = start + bend * float(np.sin(np.pi * y))
        ellipse(image, (x, float(y)), (0.085, half * 0.95), 0.0, disc)
        corner = int((x - 0.08) * side), int((y + 0.12 * half) * side)
        far = int((x + 0.08) * side), int((y + 1.55 * half) * side)
        cv2.rectangle(image, corner, far, bright, -1)
    image = coil(image, rng)
    return finish(warp(grain(image, rng, 10), rng, 0.015), rng, noise=5, blur=0.9)


def joint(rng: np.random.Generator, side: int) -> Grey:
    """An MRI of a knee or shoulder: two large ends of bone that face each other, dark walls, muscle, fat."""
    image = plain(side, float(rng.uniform(0, 15)))
    ellipse(
        image,
        (0.5, 0.5),
        (float(rng.uniform(0.3, 0.46)), float(rng.uniform(0.5, 0.8))),
        0.0,
        float(rng.uniform(120, 230)),
    )
    ellipse(image, (0.5, 0.5), (float(rng.uniform(0.24, 0.32)), 0.6), 0.0, float(rng.uniform(50, 110)))
    marrow, wide, gap = float(rng.uniform(110, 235)), float(rng.uniform(0.17, 0.27)), float(rng.uniform(0.01, 0.035))
    shaft = wide * float(rng.uniform(0.45, 0.7))
    for sign in (-1, 1):
        end = (0.5, 0.5 + sign * (gap + 0.14))
        for extra, value in ((0.012, 15.0), (0.0, marrow)):
            ellipse(image, end, (wide + extra, 0.14 + extra), 0.0, value)
            left, right = int((0.5 - shaft - extra) * side), int((0.5 + shaft + extra) * side)
            rows = slice(0, int(end[1] * side)) if sign < 0 else slice(int(end[1] * side), side)
            image[rows, left:right] = value
    if rng.random() < 0.5:
        ellipse(image, (0.5 - wide - 0.06, 0.4), (0.04, 0.1), 5.0, marrow)
    turned = np.rot90(image, int(rng.integers(4)))
    return finish(warp(grain(np.ascontiguousarray(turned), rng, 8), rng, 0.02), rng, noise=5, blur=0.9)


def coronal(rng: np.random.Generator, side: int) -> Grey:
    """A coronal slice of the trunk: shoulders, lungs or none, liver, spleen, kidneys, bowel, spine, hips."""
    mri = rng.random() < 0.7
    image = plain(side, float(rng.uniform(0, 10)))
    wide, fat, tissue = float(rng.uniform(0.24, 0.4)), float(rng.uniform(60, 255)), float(rng.uniform(50, 150))
    for extra, value in ((float(rng.uniform(0.01, 0.05)), fat), (0.0, tissue)):
        for row, half in ((0.15, 0.95), (0.5, 0.85), (0.9, 1.0)):
            ellipse(image, (0.5, row), (half * wide + extra, float(rng.uniform(0.25, 0.4)) + extra), 0.0, value)
    if rng.random() < 0.6:
        for sign in (-1, 1):
            dark = float(rng.uniform(0, 30))
            ellipse(image, (0.5 + sign * wide * 0.5, 0.2), (wide * 0.36, float(rng.uniform(0.15, 0.25))), 0.0, dark)
        ellipse(image, (0.54, 0.25), (wide * 0.3, 0.12), 40.0, float(rng.uniform(60, 200)))
    tone = float(rng.uniform(70, 230))
    ellipse(image, (0.5 - wide * 0.45, 0.45), (wide * 0.5, float(rng.uniform(0.1, 0.17))), -15.0, tone)
    ellipse(image, (0.5 + wide * 0.65, 0.43), (wide * 0.22, 0.08), 20.0, tone + float(rng.normal(0, 30)))
    for _ in range(int(rng.integers(3, 16))):
        at = (float(rng.normal(0.5, wide * 0.4)), float(rng.normal(0.7, 0.09)))
        ellipse(image, at, tuple(rng.uniform(0.015, 0.07, 2)), float(rng.uniform(0, 180)), float(rng.uniform(5, 250)))
    kidney, core = float(rng.uniform(90, 255)), float(rng.uniform(30, 220))
    for sign in (-1, 1):
        at = (0.5 + sign * wide * float(rng.uniform(0.4, 0.55)), float(rng.uniform(0.52, 0.6)))
        ellipse(image, at, (0.05, 0.1), sign * 12.0, kidney)
        ellipse(image, at, (0.022, 0.055), sign * 12.0, core)
    if rng.random() < 0.6:
        bone, disc = float(rng.uniform(90, 230)), float(rng.uniform(20, 120))
        for row in np.linspace(0.05, 0.85, int(rng.integers(8, 14))):
            ellipse(image, (0.5, float(row)), (0.045, 0.035), 0.0, disc)
            ellipse(image, (0.5, float(row)), (0.042, 0.026), 0.0, bone)
    if rng.random() < 0.5:
        for sign in (-1, 1):
            ellipse(image, (0.5 + sign * wide * 0.7, 0.92), (0.09, 0.08), sign * 30.0, float(rng.uniform(110, 250)))
    if mri:
        image = coil(image, rng)
    return finish(warp(grain(image, rng, 9), rng, 0.02), rng, noise=5, blur=float(rng.uniform(0.6, 2.5)))


def bone_cut(rng: np.random.Generator, side: int) -> Grey:
    """A fine CT of a wrist, finger or ankle: thin bright walls around a lattice, in a grainy disc on black."""
    image = plain(side, 0.0)
    inside = plain(side, 0.0)
    tissue, lattice = float(rng.uniform(30, 90)), float(rng.uniform(90, 200))
    radius = float(rng.uniform(0.32, 0.49))
    ellipse(inside, (0.5, 0.5), (radius, radius * float(rng.uniform(0.75, 1.1))), float(rng.uniform(0, 180)), 1.0)
    image += tissue * inside
    mesh = spectral(rng, side, float(rng.uniform(0.3, 1.2)))
    for _ in range(int(rng.integers(1, 4))):
        at, axes = tuple(rng.uniform(0.32, 0.68, 2)), tuple(rng.uniform(0.08, 0.3, 2))
        turn, wall = float(rng.uniform(0, 180)), float(rng.uniform(0.006, 0.025))
        ellipse(image, at, axes, turn, 255.0)
        hollow = plain(side, 0.0)
        ellipse(hollow, at, tuple(max(0.02, one - wall) for one in axes), turn, 1.0)
        image = np.where(hollow > 0.5, np.clip(lattice + 60 * mesh, 20, 255), image).astype(np.float32)
    image = warp(image, rng, 0.02)
    image += inside * rng.normal(0, float(rng.uniform(5, 40)), image.shape).astype(np.float32)
    if rng.random() < 0.4:
        top = int(side * rng.uniform(0.1, 0.4))
        image = np.ascontiguousarray(image[top : top + int(side * rng.uniform(0.35, 0.6))])
        image = cv2.copyMakeBorder(image, 0, side - image.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=0.0)
    return finish(image, rng, noise=2, blur=0.5)


def ball(rng: np.random.Generator, side: int) -> Grey:
    """A round thing on a plain ground: shaded, cloudy, ringed or flat, such as a planet, a fruit, a water phantom."""
    image = plain(side, float(rng.uniform(0, 30)))
    axes = (float(rng.uniform(0.2, 0.47)), float(rng.uniform(0.2, 0.47)))
    mask = plain(side, 0)
    ellipse(mask, (0.5, 0.5), axes, float(rng.uniform(0, 180)), 1)
    rows, cols = (np.mgrid[:side, :side] / side - 0.5).astype(np.float32)
    base = plain(side, float(rng.uniform(70, 220)))
    kind = int(rng.integers(4))
    if kind == 0:
        base += float(rng.normal(0, 200)) * rows + float(rng.normal(0, 200)) * cols
    elif kind == 1:
        base += float(rng.uniform(10, 60)) * spectral(rng, side, float(rng.uniform(0.3, 2.0)))
    elif kind == 2:
        for _ in range(int(rng.integers(1, 12))):
            ellipse(base, tuple(rng.uniform(0.2, 0.8, 2)), tuple(rng.uniform(0.02, 0.12, 2)), 0.0, rng.uniform(0, 255))
    ring = np.hypot(rows, cols)
    if rng.random() < 0.3:
        base += float(rng.normal(0, 150)) * np.asarray(ring, dtype=np.float32)
    return finish(np.where(mask > 0.5, base, image).astype(np.float32), rng, noise=4, blur=0.8)
