"""Neighbors among unit vectors: exhaustive for small sets, inverted lists for large ones, both by blocked products.

Inverted lists (Sivic and Zisserman, 2003, doi:10.1109/ICCV.2003.1238663) divide the references among about
``2 sqrt(n)`` means; a query looks into the few lists whose means are nearest. Work grows as ``n sqrt(n)``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

EXHAUSTIVE_LIMIT = 20_000
PROBES = 6
_BLOCK_BYTES = 2**27


class Compression:
    """Leading principal axes, plus the norm of what they leave out as one more coordinate.

    By Cauchy and Schwarz the product of two compressed unit vectors is never below that of the full ones, so a search
    above a threshold among compressed vectors misses nothing that the full search finds.

    Args:
        vectors: float32 ``[n, d]`` of unit norm, which the axes are fitted to (a sample of at most 4,000).
        rank: number of axes.
        seed: of sample and decomposition.
    """

    def __init__(self, vectors: Floats, rank: int = 63, seed: int = 0) -> None:
        from sklearn.utils.extmath import randomized_svd

        rng = np.random.default_rng(seed)
        sample = vectors[np.sort(rng.permutation(len(vectors))[:4000])]
        _, _, axes = randomized_svd(sample, min(rank, *sample.shape), n_iter=2, random_state=seed)
        self._axes = np.ascontiguousarray(axes.T, dtype=np.float32)

    def __call__(self, vectors: Floats) -> Floats:
        """Compressed vectors, float32 ``[n, rank + 1]``."""
        kept = vectors @ self._axes
        rest = np.einsum("nd,nd->n", vectors, vectors) - np.einsum("nd,nd->n", kept, kept)
        return np.concatenate([kept, np.sqrt(np.maximum(rest, 0))[:, None]], axis=1).astype(np.float32)


class Index:
    """References to search in.

    Args:
        references: float32 ``[n, d]`` of unit norm (or 0, which resembles nothing).
        exhaustive: compare with every reference; ``None`` does so up to :data:`EXHAUSTIVE_LIMIT` of them.
        probes: lists that a query looks into, where there are lists.
        seed: of the means.
    """

    def __init__(
        self, references: Floats, *, exhaustive: bool | None = None, probes: int = PROBES, seed: int = 0
    ) -> None:
        count = len(references)
        self._references = np.ascontiguousarray(references, dtype=np.float32)
        self._exhaustive = count <= EXHAUSTIVE_LIMIT if exhaustive is None else exhaustive or count < 64
        self._probes = probes
        if not self._exhaustive:
            self._means = _spherical_means(self._references, max(8, int(2 * np.sqrt(count))), seed)
            owner = _nearest_mean(self._references, self._means)
            self._order = np.argsort(owner, kind="stable")
            self._starts = np.searchsorted(owner[self._order], np.arange(len(self._means) + 1))
            self._sorted = self._references[self._order]

    def above(self, queries: Floats, threshold: float) -> tuple[Ints, Ints, Floats]:
        """All pairs found with a product above ``threshold``: query rows, reference rows, products."""
        found: list[tuple[Ints, Ints, Floats]] = []
        for rows, columns, product in self._blocks(queries):
            row, col = np.nonzero(product > threshold)
            found.append((rows[row], columns[col], product[row, col]))
        if not found:
            empty = np.zeros(0, dtype=np.int64)
            return empty, empty, np.zeros(0, dtype=np.float32)
        row_of, col_of, value = (np.concatenate(part) for part in zip(*found, strict=True))
        return row_of, col_of, value

    def top(self, queries: Floats, k: int) -> tuple[Ints, Floats]:
        """The ``k`` best references of each query: int64 and float32 ``[queries, k]``; -1 and -2 where fewer."""
        best = np.full((len(queries), k), -2, dtype=np.float32)
        index = np.full((len(queries), k), -1, dtype=np.int64)
        for rows, columns, product in self._blocks(queries):
            keep = min(k, product.shape[1])
            part = np.argpartition(-product, keep - 1, axis=1)[:, :keep]
            values = np.concatenate([best[rows], np.take_along_axis(product, part, axis=1)], axis=1)
            places = np.concatenate([index[rows], columns[part]], axis=1)
            order = np.argsort(-values, axis=1, kind="stable")[:, :k]
            best[rows] = np.take_along_axis(values, order, axis=1)
            index[rows] = np.take_along_axis(places, order, axis=1)
        return index, best

    def _blocks(self, queries: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Query rows, reference rows and their products, block by block; each pair at most once."""
        if not len(self._references) or not len(queries):
            return
        if self._exhaustive:
            size = max(1, _BLOCK_BYTES // (4 * len(self._references)))
            columns = np.arange(len(self._references))
            for start in range(0, len(queries), size):
                block = queries[start : start + size]
                yield np.arange(start, start + len(block)), columns, block @ self._references.T
            return
        probed = _nearest_means(queries, self._means, min(self._probes, len(self._means)))
        asked = np.argsort(probed.ravel(), kind="stable")
        bounds = np.searchsorted(probed.ravel()[asked], np.arange(len(self._means) + 1))
        for one in range(len(self._means)):
            low, high = self._starts[one], self._starts[one + 1]
            rows = asked[bounds[one] : bounds[one + 1]] // probed.shape[1]
            if high > low and len(rows):
                step = max(1, _BLOCK_BYTES // (4 * int(high - low)))
                for start in range(0, len(rows), step):
                    part = rows[start : start + step]
                    yield part, self._order[low:high], queries[part] @ self._sorted[low:high].T


def _spherical_means(vectors: Floats, count: int, seed: int) -> Floats:
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(seed)
    sample = vectors[np.sort(rng.permutation(len(vectors))[: 24 * count])]
    first = sample[rng.permutation(len(sample))[:count]]
    model = MiniBatchKMeans(len(first), init=first, n_init=1, random_state=seed, batch_size=4096, max_iter=4)
    centers = np.asarray(model.fit(sample).cluster_centers_, dtype=np.float32)
    return np.asarray(centers / np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _nearest_mean(vectors: Floats, means: Floats) -> Ints:
    return np.asarray(_nearest_means(vectors, means, 1)[:, 0])


def _nearest_means(vectors: Floats, means: Floats, count: int) -> Ints:
    out = np.empty((len(vectors), count), dtype=np.int64)
    size = max(1, _BLOCK_BYTES // (4 * len(means)))
    for start in range(0, len(vectors), size):
        product = vectors[start : start + size] @ means.T
        out[start : start + size] = (
            product.argmax(axis=1)[:, None] if count == 1 else np.argpartition(-product, count - 1, axis=1)[:, :count]
        )
    return out
