"""Frames or files of DICOM put in order along the normal of their plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME_MM = 0.01
_SAME_TURN = 1e-3
_IRREGULAR = 0.05

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placed:
    """One frame and where it lies.

    Attributes:
        number: what the caller knows it by.
        position: of the center of the first pixel, LPS millimeters.
        orientation: direction of a row, then of a column, six cosines.
    """

    number: int
    position: Vector
    orientation: Vector


@dataclass(frozen=True, eq=False)
class Stack:
    """Parallel frames in order, one at each place.

    Attributes:
        numbers: of the frames, in order along the normal.
        step: LPS millimeters from one frame to the next; unit normal where there is one frame or the steps differ.
        slice_mm: distance of neighbors, or ``None`` where there is one frame or they differ.
        orientation: of all of them.
        origin: position of the first.
        doubts: gaps, steps that differ, frames left out, each in one sentence.
    """

    numbers: tuple[int, ...]
    step: Vector
    slice_mm: float | None
    orientation: Vector
    origin: Vector
    doubts: tuple[str, ...] = ()

    def affine(self, spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
        """4 x 4 from ``(col, row, slice, 1)`` to RAS+ millimeters (PS3.3 C.7.6.2.1.1, and LPS to RAS)."""
        matrix = np.eye(4)
        matrix[:3, 0] = self.orientation[:3] * spacing_mm[1]
        matrix[:3, 1] = self.orientation[3:] * spacing_mm[0]
        matrix[:3, 2] = self.step
        matrix[:3, 3] = self.origin
        return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix)


def stacks_of(frames: Sequence[Placed]) -> list[Stack]:
    """Stacks that the frames make: one for each orientation, and one for each time the same places come again.

    Several frames at each place (echoes, time points, b-values) become as many stacks, in the order of the frames.
    """
    groups = by_orientation(frames)
    mixed = f"The frames lie in {len(groups)} orientations, and each is a stack of its own." if len(groups) > 1 else ""
    return [stack for group in groups for stack in _stacks(group, (mixed,) if mixed else ())]


def by_orientation(frames: Sequence[Placed]) -> list[list[Placed]]:
    """Frames that are parallel and turned alike, in the order of the first of each."""
    groups: list[list[Placed]] = []
    for frame in frames:
        for group in groups:
            if np.abs(group[0].orientation - frame.orientation).max() <= _SAME_TURN:
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def normal_of(frame: Placed) -> Vector:
    """Unit normal of a frame."""
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return np.asarray(normal / np.linalg.norm(normal))


def by_place(frames: Sequence[Placed], normal: Vector) -> list[list[Placed]]:
    """Frames that lie at one place along the normal, from the lowest up; each place in the order of the frames."""
    along = np.array([frame.position @ normal for frame in frames])
    places: list[list[int]] = []
    for at in np.argsort(along, kind="stable").tolist():
        if places and along[at] - along[places[-1][0]] <= _SAME_MM:
            places[-1].append(at)
        else:
            places.append([at])
    return [[frames[at] for at in sorted(place)] for place in places]


def _stacks(frames: list[Placed], doubts: tuple[str, ...]) -> list[Stack]:
    normal = normal_of(frames[0])
    places = by_place(frames, normal)
    counts = {len(place) for place in places}
    repeats = max(counts)
    if len(counts) > 1 and min(counts) == 1 and sum(len(place) > 1 for place in places) < len(places) / 2:
        left = sum(len(place) - 1 for place in places)
        doubts = (*doubts, f"{left} frame(s) lie at the place of another, and were left out.")
        repeats = 1
    elif len(counts) > 1:
        doubts = (*doubts, "Some places hold fewer frames than others, so the volumes differ in their slices.")
    return [_stack([place[rank] for place in places if rank < len(place)], normal, doubts) for rank in range(repeats)]


def _stack(frames: list[Placed], normal: Vector, doubts: tuple[str, ...]) -> Stack:
    numbers = tuple(frame.number for frame in frames)
    first = frames[0]
    if len(frames) == 1:
        return Stack(numbers, normal, None, first.orientation, first.position, doubts)
    steps = np.array([frame.position @ normal for frame in frames])
    gaps = np.diff(steps)
    # The lower median: of two gaps the smaller is the step, and the larger lacks a slice.
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    odd = np.abs(gaps - usual) > _IRREGULAR * usual
    if odd.any():
        missing = np.rint(gaps[odd] / usual) - 1
        whole = np.abs(gaps[odd] / usual - np.rint(gaps[odd] / usual)) <= _IRREGULAR
        if whole.all() and (missing > 0).all():
            doubt = f"{int(missing.sum())} slice(s) are missing in {int(odd.sum())} gap(s) between those that are there"
        else:
            doubt = f"The slices are {gaps.min():.3g} to {gaps.max():.3g} mm apart and not evenly"
        doubts = (*doubts, f"{doubt}: distances through the slices are not stated.")
        return Stack(numbers, normal * usual, None, first.orientation, first.position, doubts)
    step = (frames[-1].position - first.position) / (len(frames) - 1)
    if np.linalg.norm(np.cross(step / np.linalg.norm(step), normal)) > _IRREGULAR:
        doubts = (
            *doubts,
            "The slices are shifted against each other (a tilted stack): shapes through them are skewed.",
        )
    return Stack(numbers, step, float(step @ normal), first.orientation, first.position, doubts)
