"""Clusters: what pairs join, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def join(count: int, edges: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Connected components (union-find by SciPy).

    Args:
        count: number of images.
        edges: pairs of rows.

    Returns:
        int64 ``[count]``: for each image the smallest row of its component.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    smallest = np.full(int(label.max(initial=-1)) + 1, count, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(count))
    return np.asarray(smallest[label], dtype=np.int64)


def members(cluster: NDArray[np.int64], at_least: int = 2) -> list[NDArray[np.int64]]:
    """Rows of every cluster of at least so many images, the largest first."""
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cluster[order]) != 0]) if len(order) else np.zeros(0, dtype=np.int64)
    groups = [group for group in np.split(order, starts[1:]) if len(group) >= at_least]
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))
