"""The outer boundary of each component as a closed, ordered walk over the edges of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.measurement.components import Components

# The eight steps (row, col) of a chain code, counterclockwise on the screen from "right"; even codes cross an edge.
_STEPS = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)], dtype=np.int64)
_CODES = np.full((3, 3), -1, dtype=np.int64)
_CODES[_STEPS[:, 0] + 1, _STEPS[:, 1] + 1] = np.arange(8)


def _exposed_edges() -> NDArray[np.int64]:
    """For each (step in, step out) at a boundary pixel, its edges that face the outside, in order; -1 pads."""
    table = np.full((8, 8, 4), -1, dtype=np.int64)
    for step_in in range(8):
        for step_out in range(8):
            came_from = (step_in + 4) % 8
            swept = ((step_out - came_from - 1) % 8) + 1
            edges = [code for code in ((came_from + turn) % 8 for turn in range(1, swept)) if code % 2 == 0]
            table[step_in, step_out, : len(edges)] = edges
    return table


_EXPOSED = _exposed_edges()


@dataclass(frozen=True, eq=False)
class Boundary:
    """The outer boundary of one component, in order and closed; holes are no part of it.

    Attributes:
        midpoints: float64 ``[edges, 2]``, ``(row, col)`` of the middle of each pixel edge, in pixels; pixel centers are
            whole numbers.
        normals: int64 ``[edges, 2]``, the unit step ``(row, col)`` from the region out through the edge.
    """

    midpoints: NDArray[np.float64]
    normals: NDArray[np.int64]

    @property
    def enclosed_area_px(self) -> float:
        """Area inside the boundary in pixels, holes included (Green's theorem on the pixel edges)."""
        return float((self.midpoints[:, 1] * self.normals[:, 1]).sum())


def boundaries(found: Components) -> tuple[Boundary, ...]:
    """Outer boundary of each component, in their order.

    The pixels are followed by Suzuki and Abe, *Topological structural analysis of digitized binary images by border
    following*, CVGIP 30 (1985), as OpenCV has it; each pixel visited then gives the edges passed between the step that
    led to it and the step that leaves it.
    """
    if len(found) == 0:
        return ()
    row0, col0 = found.bboxes[:, :2].min(axis=0)
    row1, col1 = found.bboxes[:, 2:].max(axis=0)
    labels = found.labels[row0:row1, col0:col1]
    # RETR_CCOMP and not RETR_EXTERNAL: the latter leaves out a component that lies in a hole of another one.
    contours, hierarchy = cv2.findContours((labels > 0).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer = [contours[int(index)] for index in np.flatnonzero(hierarchy.reshape(-1, 4)[:, 3] < 0)]
    chains = [contour.reshape(-1, 2)[:, ::-1].astype(np.int64) for contour in outer]
    chains.sort(key=lambda pixels: int(labels[pixels[0, 0], pixels[0, 1]]))
    return tuple(_edges_of(np.add(pixels, (row0, col0))) for pixels in chains)


def _edges_of(pixels: NDArray[np.int64]) -> Boundary:
    """Edges along a closed chain of 8-connected boundary pixels ``[n, 2]`` that keeps the outside on its right."""
    if len(pixels) == 1:
        codes, owners = np.array([0, 2, 4, 6]), np.repeat(pixels, 4, axis=0)
    else:
        step = np.roll(pixels, -1, axis=0) - pixels
        step_out = _CODES[step[:, 0] + 1, step[:, 1] + 1]
        exposed = _EXPOSED[np.roll(step_out, 1), step_out]
        is_edge = exposed >= 0
        codes, owners = exposed[is_edge], np.repeat(pixels, is_edge.sum(axis=1), axis=0)
    normals = _STEPS[codes]
    return Boundary(owners + 0.5 * normals, normals)
