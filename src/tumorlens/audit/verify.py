"""Is one picture a turned, cropped, resized or re-encoded copy of another: an alignment, then a correlation.

Matches of local features vote for a similarity transform (RANSAC; Fischler and Bolles, 1981,
doi:10.1145/358669.358692), the alignment is refined on the pixels (ECC; Evangelidis and Psarakis, 2008,
doi:10.1109/TPAMI.2008.113), and the two pictures are correlated where they overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from tumorlens.audit.keypoints import MIRROR, WORK_SIDE, Bytes, Floats, root_sift, work_picture
from tumorlens.audit.turns import turn

SIDE = 128
MIN_MATCHES = 6
MIN_INLIERS = 6
MIN_OVERLAP = 0.3
COPY = 0.98
"""Aligned pictures above this are copies; below, down to :data:`ALIKE`, perhaps neighboring slices of one subject."""

ALIKE = 0.95
_REFINE_FROM = 0.6
_RATIO = 0.9
_TOLERANCE_PX = 4.0


@dataclass(frozen=True)
class Alignment:
    """How the second picture lies on the first.

    Attributes:
        correlation: Pearson correlation over the overlap, smoothed alike; within [-1, 1].
        overlap: share of the smaller picture that the other one covers.
        matches: local features that agree with the transform.
        angle: turn of the second against the first, in degrees, counterclockwise, within (-180, 180].
        scale: magnification of the second against the first, both at equal longest side.
        mirrored: whether a left-right mirror comes first.
    """

    correlation: float
    overlap: float
    matches: int
    angle: float
    scale: float
    mirrored: bool

    @property
    def text(self) -> str:
        """The transform in words."""
        words = ["mirrored left-right"] if self.mirrored else []
        if abs(self.angle) >= 1:
            words.append(f"turned {self.angle:.0f}°")
        if abs(self.scale - 1) >= 0.02:
            words.append(f"cropped or enlarged {self.scale:.2f}x" if self.scale > 1 else f"shrunk {self.scale:.2f}x")
        return ", ".join(words) or "moved or re-rendered"


@dataclass(frozen=True, eq=False)
class Features:
    """Local features of all images; see :func:`keypoints.extract`."""

    points: Floats
    local: Bytes

    def matched(self, first: int, second: int, mirrored: bool, width: float) -> tuple[Floats, Floats] | None:
        """Matching positions in the second (mirrored within ``width`` px if asked) and in the first picture."""
        left, right = self.local[first], self.local[second]
        right = right[:, MIRROR] if mirrored else right
        likeness = root_sift(left) @ root_sift(right).T
        best = likeness.argmax(axis=1)
        top = likeness[np.arange(len(best)), best]
        mutual = likeness.argmax(axis=0)[best] == np.arange(len(best))
        likeness[np.arange(len(best)), best] = -1
        second_best = likeness.max(axis=1)
        # Distances of unit vectors: d^2 = 2 - 2 c; Lowe's ratio on them.
        good = mutual & (top > 0.6) & (2 - 2 * top < _RATIO**2 * (2 - 2 * second_best))
        if good.sum() < MIN_MATCHES:
            return None
        moved = self.points[second][best[good]].copy()
        if mirrored:
            moved[:, 0] = width - 1 - moved[:, 0]
        return moved, self.points[first][good]


def align(
    features: Features, first: int, second: int, mirrored: bool, picture: Callable[[int], Bytes]
) -> Alignment | None:
    """Try to lay image ``second`` on image ``first``.

    Args:
        features: of all images.
        first: row of the one.
        second: row of the other.
        mirrored: whether the other is mirrored left-right first.
        picture: grey picture of a row, any size, uint8 ``[rows, cols]``.

    Returns:
        The alignment, whatever its correlation; ``None`` where too few local features agree or the overlap is small.
    """
    pixels: dict[int, Bytes] = {}
    width = 0.0
    if mirrored:
        pixels[second] = picture(second)
        width = pixels[second].shape[1] * WORK_SIDE / max(pixels[second].shape)
    matched = features.matched(first, second, mirrored, width)
    if matched is None:
        return None
    cv2.setRNGSeed(0)
    matrix, inliers = cv2.estimateAffinePartial2D(
        *matched, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE_PX, maxIters=500
    )
    if matrix is None or int(inliers.sum()) < MIN_INLIERS:
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 0.4 < scale < 2.5:
        return None
    grown = [np.asarray(work_picture(pixels.get(row, picture(row)), SIDE)[0]) for row in (first, second)]
    if mirrored:
        grown[1] = np.ascontiguousarray(grown[1][:, ::-1])
    small = np.asarray(matrix, dtype=np.float32)
    small[:, 2] *= SIDE / WORK_SIDE
    correlation, overlap = _refined(grown[0], grown[1], small)
    if overlap < MIN_OVERLAP:
        return None
    angle = float(np.degrees(np.arctan2(-small[1, 0], small[0, 0])))
    # The matrix carries the second picture to the first; what was done to the first is its inverse.
    return Alignment(correlation, overlap, int(inliers.sum()), -angle, 1 / scale, mirrored)


def turned_correlation(first: Bytes, second: Bytes, which: int) -> float:
    """Correlation of the second picture with the first after one of the eight turns, where either shows something.

    Thumbnails of two heads on black correlate through the black; this is asked before a turned copy is believed.
    """
    square = [
        cv2.resize(work_picture(one, SIDE)[0], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in (first, second)
    ]
    turned = np.ascontiguousarray(turn(square[0], which), dtype=np.uint8)
    return _refined(turned, np.asarray(square[1], dtype=np.uint8), np.eye(2, 3, dtype=np.float32))[0]


def _refined(first: Bytes, second: Bytes, matrix: Floats) -> tuple[float, float]:
    """Correlation over the overlap and the overlap, after ECC where the first guess is good enough to start from."""
    correlation, overlap = _overlap_correlation(first, second, matrix)
    if not _REFINE_FROM < correlation < 0.995 or overlap < MIN_OVERLAP:
        return correlation, overlap
    inverse = cv2.invertAffineTransform(matrix).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 25, 1e-4)
    try:
        _, better = cv2.findTransformECC(first, second, inverse, cv2.MOTION_AFFINE, stop)
    except cv2.error:
        return correlation, overlap
    refined = _overlap_correlation(first, second, cv2.invertAffineTransform(better).astype(np.float32))
    if refined[0] <= correlation or refined[1] < MIN_OVERLAP:
        return correlation, overlap
    return refined


def _overlap_correlation(first: Bytes, second: Bytes, matrix: Floats) -> tuple[float, float]:
    rows, cols = first.shape
    blur = [cv2.GaussianBlur(one, (0, 0), 1.2).astype(np.float32) for one in (first, second)]
    warped = cv2.warpAffine(blur[1], matrix, (cols, rows), flags=cv2.INTER_LINEAR)
    covered = cv2.warpAffine(np.ones(second.shape, np.uint8), matrix, (cols, rows), flags=cv2.INTER_NEAREST) > 0
    covered = cv2.erode(covered.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    area = float(abs(np.linalg.det(matrix[:, :2]))) * second.size
    overlap = float(covered.sum()) / max(1.0, min(float(first.size), area))
    # Black margins agree in all heads and prove nothing.
    seen = covered & ((blur[0] > 10) | (warped > 10))
    if seen.sum() < 400:
        return 0.0, 0.0
    left, right = blur[0][seen], warped[seen]
    spread = float(left.std() * right.std())
    if spread < 1e-6:
        return 0.0, overlap
    return float(((left - left.mean()) * (right - right.mean())).mean() / spread), min(overlap, 1.0)
