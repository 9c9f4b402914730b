"""Descriptors of many images, computed once on all cores and kept in shards, so that an interrupted audit resumes."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.facts import NUMBERS, TEXTS, read_facts
from tumorlens.audit.items import Item
from tumorlens.audit.keypoints import KEYPOINTS, extract, make_detector
from tumorlens.datasets.similarity import THUMBNAIL
from tumorlens.io.atomic import write_atomic

VERSION = "2"
SHARD = 256
_BLOCK = 1024
Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Descriptors:
    """What the audit knows of ``n`` images, about 9 kB each.

    Attributes:
        small: uint8 ``[n, 2304]``, 48 x 48 pictures by area averaging; 0 where a file cannot be read.
        points: float32 ``[n, KEYPOINTS, 2]``, see :func:`keypoints.extract`.
        local: uint8 ``[n, KEYPOINTS, 128]``.
        numbers: float64 ``[n, len(NUMBERS)]``.
        texts: str ``[n, len(TEXTS)]``.
    """

    small: NDArray[np.uint8]
    points: NDArray[np.float32]
    local: NDArray[np.uint8]
    numbers: NDArray[np.float64]
    texts: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.small)

    def number(self, name: str) -> NDArray[np.float64]:
        """One numeric fact of all images."""
        return np.asarray(self.numbers[:, NUMBERS.index(name)])

    def text(self, name: str) -> NDArray[np.str_]:
        """One text of all images."""
        return np.asarray(self.texts[:, TEXTS.index(name)])

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which files could be read."""
        return np.asarray(self.text("error") == "")

    def thumbnails(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Unit vectors of the measure of :mod:`tumorlens.datasets.similarity`, float32 ``[rows, 2304]``."""
        vectors = self.small[rows].astype(np.float32)
        vectors -= vectors.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(norm > 0, norm, 1), dtype=np.float32)

    @staticmethod
    def joined(parts: Sequence[Descriptors]) -> Descriptors:
        """Several tables one after the other."""
        names = ("small", "points", "local", "numbers", "texts")
        return Descriptors(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def describe(
    items: Sequence[Item],
    cache: Path | None,
    *,
    local_features: bool = True,
    threads: int | None = None,
    progress: Progress = lambda done: None,
) -> Descriptors:
    """Descriptors of the items, in their order.

    Args:
        items: images.
        cache: folder of the shards, made where it is missing; ``None`` keeps nothing. A shard is written after every
            256 images; an image counts as known while its path, size and time of change stay the same.
        local_features: find keypoints too, most of the work, which only transformed copies need.
        threads: processor threads; ``None`` takes all.
        progress: called with the number of images done so far.

    Raises:
        OutputError: a shard cannot be written.
    """
    keys = [_key(item.path, local_features) for item in items]
    rows: dict[str, dict[str, NDArray[Any]]] = _known(cache, set(keys))
    todo = [index for index, key in enumerate(keys) if key not in rows]
    progress(len(items) - len(todo))
    local = threading.local()
    own = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            for start in range(0, len(todo), SHARD):
                chosen = todo[start : start + SHARD]
                fresh = list(
                    pool.map(lambda index: _describe_one(items[index].path, local if local_features else None), chosen)
                )
                rows |= {keys[index]: row for index, row in zip(chosen, fresh, strict=True)}
                if cache is not None:
                    _write_shard(cache, [keys[index] for index in chosen], fresh)
                progress(len(items) - len(todo) + start + len(chosen))
    finally:
        cv2.setNumThreads(own)
    return _assembled([rows[key] for key in keys])


def _describe_one(path: Path, local: threading.local | None) -> dict[str, NDArray[Any]]:
    if local is not None and not hasattr(local, "detector"):
        local.detector = make_detector()
    facts = read_facts(path)
    small = np.zeros(THUMBNAIL * THUMBNAIL, dtype=np.uint8)
    points = np.full((KEYPOINTS, 2), np.nan, dtype=np.float32)
    described = np.zeros((KEYPOINTS, 128), dtype=np.uint8)
    if facts.grey is not None:
        small = cv2.resize(facts.grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
        if local is not None:
            points, described = extract(facts.grey, local.detector)
    return {
        "small": small,
        "points": points,
        "local": described,
        "numbers": np.array([facts.numbers[name] for name in NUMBERS]),
        "texts": np.array([facts.texts[name][:200] for name in TEXTS]),
    }


def _assembled(rows: Sequence[dict[str, NDArray[Any]]]) -> Descriptors:
    return Descriptors(
        *(np.stack([row[name] for row in rows]) for name in ("small", "points", "local", "numbers", "texts"))
    )


def _key(path: Path, local_features: bool) -> str:
    try:
        state = path.stat()
        stamp = f"{state.st_size}|{state.st_mtime_ns}"
    except OSError:
        stamp = "missing"
    text = f"{VERSION}|{path.resolve()}|{stamp}" + ("" if local_features else "|no local features")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _write_shard(cache: Path, keys: list[str], rows: list[dict[str, NDArray[Any]]]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, keys=np.array(keys), **stacked)
    write_atomic(cache / f"{keys[0]}.npz", buffer.getvalue())


def _known(cache: Path | None, wanted: set[str]) -> dict[str, dict[str, NDArray[Any]]]:
    """Rows of earlier shards; a shard that cannot be read is dropped and its images are described anew."""
    rows: dict[str, dict[str, NDArray[Any]]] = {}
    for path in sorted(cache.glob("*.npz")) if cache is not None and cache.is_dir() else []:
        try:
            with np.load(path, allow_pickle=False) as shard:
                content = {name: shard[name] for name in shard.files}
            keys = [str(key) for key in content.pop("keys")]
            for index, key in enumerate(keys):
                if key in wanted:
                    rows[key] = {name: values[index] for name, values in content.items()}
        except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile):
            with suppress(OSError):
                path.unlink()
    return rows
