"""Local features that survive turning, cropping, resizing and re-encoding, and one vector per picture made of them.

SIFT (Lowe, 2004, doi:10.1023/B:VISI.0000029664.99615.94), RootSIFT (Arandjelovic and Zisserman, 2012,
doi:10.1109/CVPR.2012.6248018), VLAD (Jegou et al., 2010, doi:10.1109/CVPR.2010.5540039). A mirrored picture needs no
second extraction: the descriptor of a mirrored patch is a permutation of the patch's own.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

KEYPOINTS = 48
WORK_SIDE = 224
WORDS = 32
VECTOR = 96
_FIT_DESCRIPTORS = 60_000
_FIT_IMAGES = 4_000
_BLOCK = 512


def _mirror_order() -> NDArray[np.int64]:
    """Where each of the 4 x 4 x 8 bins of a mirrored patch comes from: rows reversed, directions negated."""
    row, col, direction = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    return np.asarray((((3 - row) * 4 + col) * 8 + (-direction) % 8).ravel(), dtype=np.int64)


MIRROR = _mirror_order()


def make_detector() -> Any:
    """A SIFT detector; not to be shared between threads."""
    return cv2.SIFT.create(nfeatures=KEYPOINTS, contrastThreshold=0.015)


def work_picture(grey: Bytes, side: int = WORK_SIDE) -> tuple[Bytes, float]:
    """The picture stretched to full contrast with its longest side at ``side`` px, and the scale applied."""
    scale = side / max(grey.shape)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    low, high = np.percentile(small, (1, 99.5))
    if high <= low:
        return np.zeros(small.shape, dtype=np.uint8), scale
    stretched = np.clip((small.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
    return np.asarray(stretched, dtype=np.uint8), scale


def extract(grey: Bytes, detector: Any) -> tuple[Floats, Bytes]:
    """Keypoints of a picture.

    Returns:
        Positions float32 ``[KEYPOINTS, 2]`` as (x, y) in pixels of :func:`work_picture`, NaN where there are fewer
        keypoints, and descriptors uint8 ``[KEYPOINTS, 128]``, 0 there.
    """
    points = np.full((KEYPOINTS, 2), np.nan, dtype=np.float32)
    descriptors = np.zeros((KEYPOINTS, 128), dtype=np.uint8)
    found, described = detector.detectAndCompute(work_picture(grey)[0], None)
    if described is None:
        return points, descriptors
    best = np.argsort([-one.response for one in found], kind="stable")[:KEYPOINTS]
    points[: len(best)] = [found[index].pt for index in best]
    descriptors[: len(best)] = np.clip(described[best], 0, 255)
    return points, descriptors


def root_sift(descriptors: Bytes) -> Floats:
    """Hellinger-normalized descriptors float32 ``[..., 128]`` of unit norm; zero stays zero."""
    values = descriptors.astype(np.float32)
    total = values.sum(axis=-1, keepdims=True)
    return np.asarray(np.sqrt(values / np.maximum(total, 1)), dtype=np.float32)


class Vocabulary:
    """Visual words and principal axes learned from the pictures under audit.

    Args:
        descriptors: uint8 ``[images, KEYPOINTS, 128]``.
        seed: of the sample, of k-means and of the decomposition.
    """

    def __init__(self, descriptors: Bytes, seed: int = 0) -> None:
        from sklearn.cluster import MiniBatchKMeans
        from sklearn.utils.extmath import randomized_svd

        rng = np.random.default_rng(seed)
        images = np.sort(rng.permutation(len(descriptors))[:_FIT_IMAGES])
        sample = np.asarray(descriptors[images])
        flat = sample.reshape(-1, 128)
        flat = flat[flat.any(axis=1)]
        if len(flat) < 4 * WORDS:
            self.words = np.zeros((0, 128), dtype=np.float32)
            self.axes = np.zeros((0, VECTOR), dtype=np.float32)
            return
        flat = flat[rng.permutation(len(flat))[:_FIT_DESCRIPTORS]]
        means = MiniBatchKMeans(WORDS, random_state=seed, n_init=1, max_iter=30, batch_size=4096)
        self.words = np.asarray(means.fit(root_sift(flat)).cluster_centers_, dtype=np.float32)
        raw = self._raw(sample)
        _, _, axes = randomized_svd(raw, min(VECTOR, *raw.shape), n_iter=2, random_state=seed)
        self.axes = np.ascontiguousarray(axes.T, dtype=np.float32)

    def vectors(self, descriptors: Bytes, mirrored: bool = False) -> Floats:
        """Unit vectors float32 ``[images, VECTOR]`` of pictures, or of their mirror images."""
        out = np.zeros((len(descriptors), self.axes.shape[1]), dtype=np.float32)
        if not len(self.words):
            return out
        for start in range(0, len(descriptors), _BLOCK):
            block = np.asarray(descriptors[start : start + _BLOCK])
            out[start : start + _BLOCK] = self._raw(block[..., MIRROR] if mirrored else block) @ self.axes
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def _raw(self, descriptors: Bytes) -> Floats:
        """VLAD with signed square roots and unit norm, float32 ``[images, WORDS * 128]``."""
        out = np.zeros((len(descriptors), WORDS, 128), dtype=np.float32)
        rooted = root_sift(descriptors)
        image, point = np.nonzero(descriptors.any(axis=2))
        flat = rooted[image, point]
        word = (flat @ self.words.T - 0.5 * (self.words**2).sum(axis=1)).argmax(axis=1)
        np.add.at(out, (image, word), flat - self.words[word])
        joined = out.reshape(len(out), -1)
        joined = np.sign(joined) * np.sqrt(np.abs(joined))
        return np.asarray(joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-9), dtype=np.float32)
