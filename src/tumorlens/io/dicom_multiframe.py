"""DICOM files of many frames: enhanced MR, other multi-frame images, and segmentations read as masks.

Source: DICOM PS3.3 C.7.6.16 (multi-frame functional groups), A.51 and C.8.20 (segmentation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.io.color import is_grey, luma
from tumorlens.io.dicom_elements import functional_groups, number_of, pixel_spacing, text_of, vector_of
from tumorlens.io.dicom_judgment import IN_COLOR, is_segmentation, judge, modality_of
from tumorlens.io.dicom_pixels import check_grey, padding_of, rescaled, used_bits, without_padding
from tumorlens.io.dicom_stacks import Placed, Stack, by_orientation, by_place, normal_of, stacks_of
from tumorlens.io.frames import stored_frames
from tumorlens.io.limits import MAX_SIDE, check_memory, checked_pixels
from tumorlens.io.planes import grid_of
from tumorlens.io.plausible import implausible
from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source

WHOLE_STEPS = 0.05
"""How far, in steps, the places of a segmentation may be from whole steps."""


def read_frames(dataset: Any, frames: int, source: Source, request: ReadRequest, warnings: list[str]) -> Scan:
    """The frames of one stack of a multi-frame file, in order along the normal.

    Args:
        dataset: the file, its header checked.
        frames: how many frames it has.
        source: path, digest and format of the file.
        request: which stack of several, and how much memory it may take.
        warnings: what was said so far.
    """
    refusal = judge(dataset, warnings)
    segmentation = is_segmentation(dataset)
    measures = next(functional_groups(dataset, "PixelMeasuresSequence", 1), None)
    spacing = pixel_spacing(dataset if measures is None else measures, warnings)
    stack = None
    if segmentation:
        between = None if measures is None else number_of(measures, "SpacingBetweenSlices", warnings)
        members, stack = _places(dataset, frames, between, warnings)
    else:
        numbers, stack = _stack(dataset, frames, request, warnings)
        members = [[number] for number in numbers]
    rows, cols = int(dataset.Rows), int(dataset.Columns)
    check_memory((len(members), rows, cols), 6, request.memory)
    pixels, colored = _pixels(dataset, members, segmentation, warnings)
    return volume_scan(
        pixels, stack, spacing, modality_of(dataset), source, warnings, refusal or (IN_COLOR if colored else None)
    )


def volume_scan(
    pixels: NDArray[Any],
    stack: Stack | None,
    spacing: tuple[float, float] | None,
    modality: str,
    source: Source,
    warnings: list[str],
    refusal: str | None,
) -> Scan:
    """A scan of frames ``[slices, rows, cols]`` in the order of their stack, turned into radiological display."""
    slice_mm = None if stack is None else stack.slice_mm
    wrong = None if spacing is None else implausible(spacing, pixels.shape[1:], slice_mm)
    if wrong is not None:
        warnings.append(wrong)
        spacing = slice_mm = None
    grid = None
    if stack is not None:
        affine = stack.affine(spacing or (1.0, 1.0))
        grid = grid_of(pixels.shape[::-1], affine, None, across=2)
        pixels = grid.from_stored(pixels.transpose(2, 1, 0))
        if spacing is not None:
            spacing = spacing if grid.axes[1] == 1 else spacing[::-1]
    return Scan(
        checked_pixels(pixels, warnings),
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "dicom",
        affine=None if grid is None or spacing is None else grid.reading_affine,
        modality=modality,
        source=source,
        warnings=tuple(dict.fromkeys(warnings)),
        slice_mm=slice_mm if spacing is not None and len(pixels) > 1 else None,
        grid=grid,
        refusal=refusal,
    )


def _frames_placed(dataset: Any, frames: int) -> list[Placed]:
    found = []
    positions = functional_groups(dataset, "PlanePositionSequence", frames)
    orientations = functional_groups(dataset, "PlaneOrientationSequence", frames)
    for number, (place, turn) in enumerate(zip(positions, orientations, strict=True)):
        position = None if place is None else vector_of(place, "ImagePositionPatient", 3)
        orientation = None if turn is None else vector_of(turn, "ImageOrientationPatient", 6)
        if position is None or orientation is None or abs(np.linalg.norm(orientation[:3]) - 1) > 0.01:
            return []
        found.append(Placed(number, position, orientation))
    return found


def _stack(dataset: Any, frames: int, request: ReadRequest, warnings: list[str]) -> tuple[list[int], Stack | None]:
    placed = _frames_placed(dataset, frames)
    if not placed:
        if frames > 1:
            warnings.append("The frames do not say where they lie: they are read in the order of the file.")
        return list(range(frames)), None
    stacks = stacks_of(placed)
    stack = stacks[request.chosen(len(stacks), warnings)]
    warnings.extend(stack.doubts)
    return list(stack.numbers), stack


def _places(
    dataset: Any, frames: int, slice_mm: float | None, warnings: list[str]
) -> tuple[list[list[int]], Stack | None]:
    """Frames of a segmentation by place: all segments at one place make one slice of the mask.

    A segmentation may leave out slices in which nothing is marked (A.51.5.1): they are put back, empty.
    """
    placed = _frames_placed(dataset, frames)
    if not placed:
        return [[number] for number in range(frames)], None
    alike = by_orientation(placed)[0]
    if len(alike) < len(placed):
        warnings.append(f"{len(placed) - len(alike)} frame(s) lie in another orientation, and were left out.")
    normal = normal_of(alike[0])
    members = by_place(alike, normal)
    places = [ones[0] for ones in members]
    slices = [[one.number for one in ones] for ones in members]
    for at, count in reversed(_left_out(np.array([one.position @ normal for one in places]), slice_mm)):
        before, after = places[at], places[at + 1]
        step = (after.position - before.position) / (count + 1)
        places[at + 1 : at + 1] = [
            Placed(-1, before.position + (one + 1) * step, before.orientation) for one in range(count)
        ]
        slices[at + 1 : at + 1] = [[] for _ in range(count)]
    stack = stacks_of(places)[0]
    warnings.extend(stack.doubts)
    return slices, stack


def _left_out(along: NDArray[np.float64], slice_mm: float | None) -> list[tuple[int, int]]:
    """After which of the places slices were left out, and how many; none where the gaps are no whole steps."""
    gaps = np.diff(along)
    if not len(gaps):
        return []
    for step in (slice_mm, float(gaps.min())):
        if step is None or step <= 0:
            continue
        counts = np.rint(gaps / step)
        if (counts >= 1).all() and (np.abs(gaps / step - counts) <= WHOLE_STEPS).all() and counts.sum() < MAX_SIDE:
            return [(at, int(count) - 1) for at, count in enumerate(counts) if count > 1]
    return []


def _pixels(
    dataset: Any, members: list[list[int]], segmentation: bool, warnings: list[str]
) -> tuple[NDArray[Any], bool]:
    kind = text_of(dataset, "PhotometricInterpretation") or ""
    order = [number for numbers in members for number in numbers]
    frames = dict(zip(order, stored_frames(dataset, order), strict=True))
    transforms = list(functional_groups(dataset, "PixelValueTransformationSequence", max(order) + 1))
    if segmentation:
        top = (
            int(dataset.get("MaximumFractionalValue") or 1)
            if text_of(dataset, "SegmentationType") == "FRACTIONAL"
            else 1
        )
        mask = np.zeros((len(members), int(dataset.Rows), int(dataset.Columns)), dtype=np.uint8)
        for place, numbers in enumerate(members):
            for number in numbers:
                mask[place] |= frames[number] > top / 2
        return mask, False
    colored, slices = False, []
    for (number,) in members:
        frame = frames.pop(number)
        if frame.ndim == 3:
            colored = colored or not is_grey(frame[:, :, :3])
            slices.append(luma(frame[:, :, :3]))
            continue
        check_grey(kind)
        padding = padding_of(frame, dataset, warnings)
        values = rescaled(used_bits(frame, dataset), dataset, warnings, transforms[number])
        slices.append(without_padding(values, padding))
    pixels = np.stack(slices)
    if kind == "MONOCHROME1":
        pixels = pixels.max() + pixels.min() - pixels
    return pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels, colored
