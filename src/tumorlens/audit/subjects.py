"""Presumed subjects where a collection states none: runs of alike neighbors in file order, joined through copies.

Slices of one patient mostly stand one after the other, and a slice resembles the next one. A run ends where likeness
drops. Likeness is the sum of three: correlation of thumbnails, of local features (half weight), and of histograms of
grey levels, which follow the scanner's settings rather than the anatomy.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.clusters import join
from tumorlens.audit.keypoints import Vocabulary
from tumorlens.audit.pairs import Pair
from tumorlens.audit.store import Descriptors
from tumorlens.audit.verify import COPY

Floats = NDArray[np.float32]
SAME_SUBJECT = 1.55
REACH = 2
_BINS = 32


def likeness_features(descriptors: Descriptors) -> Floats:
    """Vectors whose products are the likeness, float32 ``[n, d]``; 2.5 for an image with itself."""
    words = Vocabulary(descriptors.local).vectors(descriptors.local) * np.float32(np.sqrt(0.5))
    counts = np.stack([np.bincount(one // 8, minlength=_BINS) for one in descriptors.small]).astype(np.float32)
    levels = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    return np.concatenate([descriptors.thumbnails(), words, levels], axis=1)


def group_subjects(
    descriptors: Descriptors,
    folders: Sequence[Hashable],
    pairs: Sequence[Pair] = (),
    threshold: float = SAME_SUBJECT,
) -> NDArray[np.int64]:
    """Presumed subject of each image, a guess.

    Args:
        descriptors: of the images, in file order.
        folders: of each image; a run never leaves its folder.
        pairs: copies, whose runs are one subject.
        threshold: likeness above which images at most :data:`REACH` places apart are one subject's.

    Returns:
        int64 ``[n]``: smallest row of each image's subject.
    """
    count = len(descriptors)
    features = likeness_features(descriptors)
    alive = descriptors.readable
    edges: list[tuple[int, int]] = [(pair.first, pair.second) for pair in pairs if pair.aligned > COPY]
    for step in range(1, REACH + 1):
        value = np.einsum("nd,nd->n", features[:-step], features[step:]) if count > step else np.zeros(0)
        for row in np.flatnonzero(value > threshold).tolist():
            if folders[row] == folders[row + step] and alive[row] and alive[row + step]:
                edges.append((row, row + step))
    return join(count, edges)
