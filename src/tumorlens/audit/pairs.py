"""Pairs of images that are the same picture: same bytes, same pixels, near-duplicates, transformed copies."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.facts import decode
from tumorlens.audit.keypoints import Vocabulary
from tumorlens.audit.neighbors import Compression, Index
from tumorlens.audit.store import Descriptors
from tumorlens.audit.turns import INVERSE, TURNS, turned_thumbnails
from tumorlens.audit.verify import ALIKE, COPY, Alignment, Features, align, turned_correlation
from tumorlens.datasets.similarity import NEAR_DUPLICATE
from tumorlens.io.sniff import HEAD_BYTES, sniff_format

Ints = NDArray[np.int64]
NEAR_EXACT = 0.999
CANDIDATES = 6
MAX_PER_IMAGE = 50
_TURN_MARGIN = 0.005
_BLOCK = 8192
Progress = Callable[[str, int, int], None]


class Kind(StrEnum):
    """Why two images count as the same picture, the strongest reason first.

    ``ALIKE`` is weaker than the rest: probably neighboring slices of one subject, laid on each other.
    """

    BYTES = "same bytes"
    PIXELS = "same pixels"
    NEAR_EXACT = "near-exact"
    NEAR = "near-duplicate"
    TURNED = "turned or mirrored"
    TRANSFORMED = "transformed copy"
    ALIKE = "alike once aligned"


@dataclass(frozen=True)
class Pair:
    """Two images, ``first < second`` by row.

    Attributes:
        first: row of the one.
        second: row of the other.
        kind: why they count as the same picture.
        correlation: of their thumbnails as they lie, the measure of the leak figures.
        aligned: correlation once the transform is undone; of thumbnails, or of 128 px pictures where local features
            gave the alignment.
        transform: what leads from the first to the second, in words.
    """

    first: int
    second: int
    kind: Kind
    correlation: float
    aligned: float
    transform: str


def find_pairs(
    descriptors: Descriptors,
    paths: list[Path],
    *,
    threshold: float = NEAR_DUPLICATE,
    transforms: bool = True,
    progress: Progress = lambda step, done, total: None,
) -> list[Pair]:
    """All pairs of images that show the same picture, sorted by rows.

    Identical pictures are joined through their hashes first and searched for once. Of one image at most
    :data:`MAX_PER_IMAGE` near-duplicates are kept, the closest.

    Args:
        descriptors: of the images.
        paths: of the images, read again where a transformed copy is to be verified.
        threshold: thumbnails correlating above this are near-duplicates.
        transforms: look for turned, mirrored, cropped and rotated copies too.
        progress: told the step, what is done of it, and its whole.
    """
    alive = descriptors.readable & (descriptors.small.max(axis=1) > descriptors.small.min(axis=1))
    pairs, chosen = _identical(descriptors, alive)
    found = _near(descriptors, chosen, threshold, transforms, progress)
    if transforms:
        _drop_unlike_turns(paths, found)
        _transformed(descriptors, paths, chosen, found, progress)
    pairs.update(_strongest(found))
    return [pairs[key] for key in sorted(pairs)]


def _identical(descriptors: Descriptors, alive: NDArray[np.bool_]) -> tuple[dict[tuple[int, int], Pair], Ints]:
    """Pairs of equal hashes, each with the first of its kind, and one row for every distinct picture."""
    pairs: dict[tuple[int, int], Pair] = {}
    bytes_of, pixels_of = descriptors.text("sha256"), descriptors.text("pixels_sha256")
    first: dict[str, int] = {}
    chosen = []
    for row in np.flatnonzero(descriptors.readable).tolist():
        earlier = first.setdefault(str(pixels_of[row]), row)
        if earlier == row:
            if alive[row]:
                chosen.append(row)
        elif alive[row]:
            kind = Kind.BYTES if bytes_of[earlier] == bytes_of[row] else Kind.PIXELS
            pairs[earlier, row] = Pair(earlier, row, kind, 1.0, 1.0, TURNS[0])
    return pairs, np.array(chosen, dtype=np.int64)


def _near(
    descriptors: Descriptors, chosen: Ints, threshold: float, transforms: bool, progress: Progress
) -> dict[tuple[int, int], Pair]:
    """Pairs whose thumbnails correlate above the threshold after one of the eight turns."""
    found: dict[tuple[int, int], Pair] = {}
    if len(chosen) < 2:
        return found
    sample = chosen[:: max(1, len(chosen) // 4000)]
    compress = Compression(descriptors.thumbnails(sample))
    packed = _packed(descriptors, chosen, compress, 0)
    index = Index(packed)
    turns = range(len(TURNS)) if transforms else range(1)
    for which in turns:
        progress("Comparing thumbnails", which, len(turns))
        queries = packed if which == 0 else _packed(descriptors, chosen, compress, which)
        left, right, bound = index.above(queries, threshold)
        # A pair is found from both ends; one will do.
        keep = (left < right) if INVERSE[which] == which else (left != right)
        left, right = _capped(left[keep], right[keep], bound[keep], len(chosen))
        _confirm(descriptors, chosen[left], chosen[right], which, threshold, found)
    progress("Comparing thumbnails", len(turns), len(turns))
    return found


def _packed(descriptors: Descriptors, chosen: Ints, compress: Compression, which: int) -> NDArray[np.float32]:
    starts = range(0, len(chosen), _BLOCK)
    blocks = (descriptors.thumbnails(chosen[start : start + _BLOCK]) for start in starts)
    return np.concatenate([compress(turned_thumbnails(block, which)) for block in blocks])


def _capped(left: Ints, right: Ints, bound: NDArray[np.float32], count: int) -> tuple[Ints, Ints]:
    """At most ``4 MAX_PER_IMAGE`` candidates of each left row, the closest by their bound."""
    order = np.lexsort((-bound, left))
    starts = np.searchsorted(left[order], np.arange(count))
    rank = np.arange(len(order)) - starts[left[order]]
    kept = order[rank < 4 * MAX_PER_IMAGE]
    return left[kept], right[kept]


def _confirm(
    descriptors: Descriptors,
    left: Ints,
    right: Ints,
    which: int,
    threshold: float,
    found: dict[tuple[int, int], Pair],
) -> None:
    """Add pairs whose full thumbnails pass; a turn replaces a weaker one of the same two images."""
    for start in range(0, len(left), _BLOCK):
        one, other = left[start : start + _BLOCK], right[start : start + _BLOCK]
        first, second = descriptors.thumbnails(one), descriptors.thumbnails(other)
        plain = np.einsum("nd,nd->n", first, second)
        value = plain if which == 0 else np.einsum("nd,nd->n", turned_thumbnails(first, which), second)
        for row in np.flatnonzero(value > threshold).tolist():
            swapped = one[row] > other[row]
            key = (int(other[row]), int(one[row])) if swapped else (int(one[row]), int(other[row]))
            earlier = found.get(key)
            if earlier is not None and value[row] < earlier.aligned + _TURN_MARGIN:
                continue
            transform = TURNS[INVERSE[which] if swapped else which]
            found[key] = Pair(
                *key, _kind(float(plain[row]), threshold), float(plain[row]), float(value[row]), transform
            )


def _kind(correlation: float, threshold: float) -> Kind:
    if correlation > NEAR_EXACT:
        return Kind.NEAR_EXACT
    return Kind.NEAR if correlation > threshold else Kind.TURNED


def _drop_unlike_turns(paths: list[Path], found: dict[tuple[int, int], Pair]) -> None:
    """Drop pairs that only a turn joins, unless the larger pictures agree too."""
    picture = lru_cache(maxsize=512)(lambda row: _grey(paths[row]))
    for key, pair in list(found.items()):
        if pair.kind == Kind.TURNED:
            which = TURNS.index(pair.transform)
            correlation = turned_correlation(picture(pair.first), picture(pair.second), which)
            if correlation <= ALIKE:
                del found[key]
            elif correlation <= COPY:
                found[key] = replace(pair, kind=Kind.ALIKE)


def _transformed(
    descriptors: Descriptors,
    paths: list[Path],
    chosen: Ints,
    found: dict[tuple[int, int], Pair],
    progress: Progress,
) -> None:
    """Add pairs that local features propose and an alignment confirms."""
    candidates = _candidates(descriptors, chosen, found)
    features = Features(descriptors.points, descriptors.local)
    picture = lru_cache(maxsize=2048)(lambda row: _grey(paths[row]))

    def check(candidate: tuple[int, int, bool]) -> Alignment | None:
        return align(features, *candidate, picture)

    own = cv2.getNumThreads()
    cv2.setNumThreads(1)
    step = 2048
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(candidates), step):
                progress("Verifying transformed copies", start, len(candidates))
                part = candidates[start : start + step]
                for (first, second, _), answer in zip(part, pool.map(check, part), strict=True):
                    if answer is None or answer.correlation <= ALIKE:
                        continue
                    earlier = found.get((first, second))
                    kind = Kind.TRANSFORMED if answer.correlation > COPY else Kind.ALIKE
                    if earlier is None or earlier.aligned < answer.correlation:
                        plain = float(
                            descriptors.thumbnails(np.array([first]))[0] @ descriptors.thumbnails(np.array([second]))[0]
                        )
                        found[first, second] = Pair(first, second, kind, plain, answer.correlation, answer.text)
    finally:
        cv2.setNumThreads(own)
    progress("Verifying transformed copies", len(candidates), len(candidates))


def _candidates(
    descriptors: Descriptors, chosen: Ints, found: dict[tuple[int, int], Pair]
) -> list[tuple[int, int, bool]]:
    """Pairs of rows that local features propose, not yet found, with whether the second is mirrored."""
    if len(chosen) < 2:
        return []
    words = Vocabulary(descriptors.local[chosen] if len(chosen) < len(descriptors) else descriptors.local)
    vectors = words.vectors(descriptors.local[chosen])
    index = Index(vectors)
    proposed: set[tuple[int, int, bool]] = set()
    for mirrored in (False, True):
        queries = words.vectors(descriptors.local[chosen], mirrored=True) if mirrored else vectors
        near, _ = index.top(queries, CANDIDATES + 1)
        for row, others in enumerate(near.tolist()):
            for other in others:
                if other < 0 or other == row:
                    continue
                key = (int(chosen[min(row, other)]), int(chosen[max(row, other)]))
                if key not in found:
                    proposed.add((*key, mirrored))
    return sorted(proposed)


def _grey(path: Path) -> NDArray[np.uint8]:
    content = path.read_bytes()
    return decode(path, content, str(sniff_format(content[:HEAD_BYTES]) or "unknown"))[0]


def _strongest(found: dict[tuple[int, int], Pair]) -> dict[tuple[int, int], Pair]:
    """The closest pairs, at most :data:`MAX_PER_IMAGE` per image unless the other image has fewer."""
    count: dict[int, int] = {}
    kept = {}
    for key, pair in sorted(found.items(), key=lambda entry: -entry[1].aligned):
        if min(count.get(row, 0) for row in key) < MAX_PER_IMAGE:
            kept[key] = pair
            for row in key:
                count[row] = count.get(row, 0) + 1
    return kept
