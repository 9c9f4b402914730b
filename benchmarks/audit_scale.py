"""Time and memory of the audit's neighbor search against the number of images.

Vectors stand for thumbnails and local-feature vectors: unit vectors around shared means, of which one in ten has a
planted near-duplicate at a correlation of about 0.97. Searches: every pair (blocked products), the package's inverted
lists, and the libraries that are installed among hnswlib, usearch, faiss and pynndescent.

    python benchmarks/audit_scale.py 1000 10000 100000
    python benchmarks/audit_scale.py --images 300      # descriptors from pictures: time for one image
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.items import Item
from tumorlens.audit.neighbors import Index
from tumorlens.audit.store import describe
from tumorlens.phantoms import random_phantom

Floats = NDArray[np.float32]
DIMENSIONS = 64
K = 6


def make_vectors(count: int, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Unit vectors and, for each planted copy, the pair (original, copy)."""
    rng = np.random.default_rng(seed)
    kinds = rng.standard_normal((64, DIMENSIONS)).astype(np.float32)
    originals = count - count // 10
    vectors = kinds[rng.integers(64, size=originals)] + 0.9 * rng.standard_normal((originals, DIMENSIONS)).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    source = rng.permutation(originals)[: count // 10]
    noise = rng.standard_normal((len(source), DIMENSIONS)).astype(np.float32)
    copies = vectors[source] + 0.25 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    pairs = np.stack([source, originals + np.arange(len(source))], axis=1)
    return np.concatenate([vectors, copies]), pairs


def search(exhaustive: bool) -> Callable[[Floats], NDArray[np.int64]]:
    return lambda vectors: Index(vectors, exhaustive=exhaustive).top(vectors, K)[0]


def with_hnswlib(vectors: Floats) -> NDArray[np.int64]:
    import hnswlib

    index = hnswlib.Index("ip", DIMENSIONS)
    index.init_index(len(vectors), ef_construction=100, M=16)
    index.add_items(vectors)
    index.set_ef(32)
    return np.asarray(index.knn_query(vectors, K)[0], dtype=np.int64)


def with_usearch(vectors: Floats) -> NDArray[np.int64]:
    from usearch.index import Index as Graph

    graph = Graph(ndim=DIMENSIONS, metric="ip", connectivity=16, expansion_add=100, expansion_search=32)
    graph.add(np.arange(len(vectors)), vectors)
    return np.asarray(graph.search(vectors, K).keys, dtype=np.int64)


def with_faiss(vectors: Floats) -> NDArray[np.int64]:
    import faiss

    graph = faiss.IndexHNSWFlat(DIMENSIONS, 16, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 100
    graph.add(vectors)
    graph.hnsw.efSearch = 32
    return np.asarray(graph.search(vectors, K)[1], dtype=np.int64)


def with_pynndescent(vectors: Floats) -> NDArray[np.int64]:
    from pynndescent import NNDescent

    return np.asarray(NNDescent(vectors, metric="dot", n_neighbors=15, random_state=0).neighbor_graph[0][:, :K])


METHODS = {
    "exhaustive": search(True),
    "inverted lists": search(False),
    "hnswlib": with_hnswlib,
    "usearch": with_usearch,
    "faiss": with_faiss,
    "pynndescent": with_pynndescent,
}


def measure(count: int, name: str) -> dict[str, object]:
    vectors, pairs = make_vectors(count)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    try:
        near = METHODS[name](vectors)
    except ImportError:
        return {"images": count, "method": name, "missing": True}
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "images": count,
        "method": name,
        "wall_s": round(wall, 2),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "peak_mib": round(after.ru_maxrss / 1024),
        "recall_of_copies": round(float((near[pairs[:, 0]] == pairs[:, 1:]).any(axis=1).mean()), 4),
    }


def measure_images(count: int) -> dict[str, object]:
    """Time of describing phantoms of 256 px, kept as JPEG files."""
    with tempfile.TemporaryDirectory() as name:
        items = []
        for number in range(count):
            path = Path(name) / f"{number}.jpg"
            picture = random_phantom(np.random.default_rng(number)).pixels.astype(np.uint8)
            path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
            items.append(Item(path.name, path))
        start, cpu = time.perf_counter(), time.process_time()
        describe(items, None)
        wall, spent = time.perf_counter() - start, time.process_time() - cpu
    return {"images": count, "wall_ms_per_image": 1000 * wall / count, "cpu_ms_per_image": 1000 * spent / count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int)
    parser.add_argument("--methods", default="exhaustive,inverted lists")
    parser.add_argument("--images", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.images:
        print(json.dumps(measure_images(chosen.images)))
    for count in chosen.counts:
        for name in chosen.methods.split(","):
            print(json.dumps(measure(count, name)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
