"""How far a slice's features lie from those of the slices that a reader was taught on.

Mahalanobis distance in the leading directions of the features, and what lies outside of these, as one score; it is
computed inside the exported graph. After K. Lee et al., NeurIPS 2018, arXiv:1807.03888, and H. Wang et al. (ViM), CVPR
2022, arXiv:2203.10807.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

DIRECTIONS = 48
_LEAST_VARIANCE = 1e-6


class UnlikeScore(nn.Module):
    """Score of embeddings ``[batch, channels]``: about 1 for those it was fitted on, larger for what is unlike them.

    Args:
        mean: of the embeddings it was fitted on, ``[channels]``.
        directions: leading directions divided by their standard deviations, ``[channels, directions]``.
        plain: the same directions of unit length.
        rest: mean square of what lies outside of them.
    """

    mean: torch.Tensor
    directions: torch.Tensor
    plain: torch.Tensor

    def __init__(self, mean: torch.Tensor, directions: torch.Tensor, plain: torch.Tensor, rest: float) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("directions", directions)
        self.register_buffer("plain", plain)
        self.rest = rest

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """Scores ``[batch]``."""
        centered = embedding - self.mean
        inside = (centered @ self.directions).square().mean(dim=1)
        total = centered.square().sum(dim=1)
        outside = (total - (centered @ self.plain).square().sum(dim=1)).clamp(min=0) / self.rest
        return 0.5 * (inside + outside)


def fit_unlike(embeddings: NDArray[np.float32], weights: NDArray[np.float64]) -> UnlikeScore:
    """Fit the score on embeddings ``[slices, channels]``, each with its weight ``[slices]``."""
    share = weights / weights.sum()
    mean = (embeddings * share[:, None]).sum(axis=0)
    centered = embeddings - mean
    covariance = (centered * share[:, None]).T @ centered
    values, vectors = np.linalg.eigh(covariance)
    count = min(DIRECTIONS, embeddings.shape[1] - 1)
    leading, plain = values[::-1][:count], vectors[:, ::-1][:, :count]
    scaled = plain / np.sqrt(np.maximum(leading, _LEAST_VARIANCE))
    rest = float(max(values[::-1][count:].sum(), _LEAST_VARIANCE))
    return UnlikeScore(
        torch.from_numpy(mean.astype(np.float32)),
        torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(plain, dtype=np.float32)),
        rest,
    )


def unlike_scores(score: UnlikeScore, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of embeddings ``[slices, channels]``."""
    with torch.inference_mode():
        return np.asarray(score(torch.from_numpy(embeddings)).numpy(), dtype=np.float32)
