"""Pictures of an answer: the outline, and of a volume a montage and three planes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.analysis import Analysis
from tumorlens.inference.volume_reading import Whole
from tumorlens.io import draw_overlay, encode_png
from tumorlens.notice import NOTICE
from tumorlens.scan import Scan

LESIONS_SHOWN = 4
MONTAGE_SLICES = 20
MONTAGE_COLUMNS = 5
PANEL_SIDE = 240
LARGEST_PANEL = 640
_CAPTION = 22
_GAP = 4

Picture = NDArray[np.uint8]


def overlay(analysis: Analysis) -> bytes:
    """A PNG of the slice with its outline; of a volume, of the largest slice of each lesion, side by side."""
    whole = analysis.whole
    if whole is None or len(whole.bodies) < 2:
        return encode_png(analysis.overlay())
    shown = sorted({one.largest_slice: None for one in whole.bodies[:LESIONS_SHOWN]})
    return encode_png(_rows([_panel(analysis, whole, at, LARGEST_PANEL) for at in shown], len(shown)))


def montage(analysis: Analysis) -> bytes:
    """A PNG of up to 20 slices, evenly over the tumor and its surroundings, or over all that was read."""
    whole = analysis.whole
    assert whole is not None
    shown = montage_slices(whole)
    return encode_png(_rows([_panel(analysis, whole, at, PANEL_SIDE) for at in shown], MONTAGE_COLUMNS))


def montage_slices(whole: Whole) -> tuple[int, ...]:
    """The slices that a montage shows, in order."""
    read = [one.index for one in whole.readings]
    marked = [one.index for one in whole.readings if one.area_px]
    if marked:
        margin = max(2, (marked[-1] - marked[0]) // 5)
        read = [at for at in read if marked[0] - margin <= at <= marked[-1] + margin]
    places = np.unique(np.linspace(0, len(read) - 1, MONTAGE_SLICES).round().astype(int))
    return tuple(read[at] for at in places)


def three_planes(analysis: Analysis) -> bytes:
    """A PNG of three planes through the largest lesion's center, or the middle, in the patient's proportions."""
    whole, scan = analysis.whole, analysis.scan.scan
    assert whole is not None
    center = whole.bodies[0].centroid if whole.bodies else tuple(side / 2 for side in scan.shape)
    at = [min(side - 1, max(0, round(value))) for side, value in zip(scan.shape, center, strict=True)]
    in_plane = analysis.spacing_mm or (1.0, 1.0)
    steps = (scan.slice_mm or in_plane[0], *in_plane)
    names = _directions(scan)
    panels = []
    for across in range(3):
        down, right = (axis for axis in range(3) if axis != across)
        plane = np.take(scan.pixels, at[across], axis=across).astype(np.float32)
        mask = None if whole.mask is None else np.asarray(np.take(whole.mask, at[across], axis=across))
        # Slices run from the feet up, and a picture from its top down.
        if down == 0 and (names is None or names[0] == "S"):
            plane, mask = plane[::-1], None if mask is None else mask[::-1]
        picture = draw_overlay(np.ascontiguousarray(plane), mask, spacing_mm=(steps[down], steps[right]), scale=2)
        panels.append(_captioned(_fitted(picture, LARGEST_PANEL), _plane_title(across, at[across], names)))
    return encode_png(_rows(panels, 3))


def _directions(scan: Scan) -> tuple[str, str, str] | None:
    """Letters of where slices, rows and columns run to, or ``None`` where the file does not say."""
    if scan.affine is None:
        return None
    from nibabel import aff2axcodes

    first, second, third = (str(one) for one in aff2axcodes(scan.affine))
    return first, second, third


def _plane_title(across: int, index: int, names: tuple[str, str, str] | None) -> str:
    axis = ("slice", "row", "column")[across]
    if names is None:
        return f"{axis} {index}"
    plane = {"S": "axial", "I": "axial", "A": "coronal", "P": "coronal"}.get(names[across], "sagittal")
    return f"{plane}, {axis} {index}"


def _panel(analysis: Analysis, whole: Whole, index: int, side: int) -> Picture:
    scan = analysis.scan.scan
    mask = None if whole.mask is None else whole.mask[index]
    picture = draw_overlay(scan.slice(index).pixels, mask, spacing_mm=analysis.spacing_mm, max_side=side)
    return _captioned(picture, f"slice {index}")


def _fitted(picture: Picture, side: int) -> Picture:
    factor = min(1.0, side / max(picture.shape[:2]))
    if factor == 1.0:
        return picture
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _captioned(picture: Picture, words: str) -> Picture:
    strip = np.zeros((_CAPTION, picture.shape[1], 3), dtype=np.uint8)
    _write(strip, words)
    return np.vstack([strip, picture])


def _write(strip: Picture, words: str) -> None:
    size = 0.45
    width = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    size *= min(1.0, (strip.shape[1] - 8) / max(1, width))
    cv2.putText(strip, words, (4, _CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, size, (230, 230, 230), 1, cv2.LINE_AA)


def _rows(panels: Sequence[Picture], columns: int) -> Picture:
    """Panels in rows on black, with the notice below."""
    height, width = (max(one.shape[axis] for one in panels) for axis in (0, 1))
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    sheet = np.zeros((lines * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), dtype=np.uint8)
    for number, one in enumerate(panels):
        row, col = (number // columns) * (height + _GAP), (number % columns) * (width + _GAP)
        sheet[row : row + one.shape[0], col : col + one.shape[1]] = one
    strip = np.zeros((_CAPTION, sheet.shape[1], 3), dtype=np.uint8)
    _write(strip, NOTICE)
    return np.vstack([sheet, strip])
