"""Class activation maps: Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_activation_map(
    features: NDArray[np.float32], head_weight: NDArray[np.float32], class_index: int
) -> NDArray[np.float32]:
    """Evidence for one class at each place of the last feature maps.

    Args:
        features: float32 ``[channels, rows, cols]``.
        head_weight: float32 ``[classes, channels]`` of the linear layer after global average pooling.
        class_index: row of ``head_weight``.

    Returns:
        float32 ``[rows, cols]`` within [0, 1]: negative evidence is 0, the highest place is 1; all 0 where no place
        speaks for the class.
    """
    evidence = np.tensordot(head_weight[class_index], features, axes=1)
    evidence = np.maximum(evidence, 0.0)
    peak = float(evidence.max())
    return np.asarray(evidence / peak if peak > 0 else evidence, dtype=np.float32)
