"""The whole audit of a folder: from files to findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.clusters import join
from tumorlens.audit.fingerprints import Fingerprint, fingerprints
from tumorlens.audit.items import Item, Listing
from tumorlens.audit.labels import LabelCheck, check_labels
from tumorlens.audit.leaks import Overlap, leak_free_split, measure_overlap
from tumorlens.audit.pairs import Kind, Pair, find_pairs
from tumorlens.audit.quality import Oddity, odd_images
from tumorlens.audit.sources import SourceCheck, check_sources
from tumorlens.audit.store import Descriptors, describe
from tumorlens.audit.subjects import group_subjects
from tumorlens.datasets.splits import Split

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """How an audit is run.

    Attributes:
        cache: folder of the descriptors, or ``None``.
        threads: processor threads; ``None`` takes all.
        transforms: look for turned, mirrored and cropped copies too.
        validation: share of the training part that validates in the leak-free split.
    """

    cache: Path | None = None
    threads: int | None = None
    transforms: bool = True
    validation: float = 0.1


@dataclass(frozen=True, eq=False)
class Audit:
    """Findings about one folder, and against others.

    Attributes:
        listing: the folder under audit; its images come first among the rows.
        others: folders that it was compared with.
        items: images of all folders, by row.
        source: int64 ``[n]``, 0 for the folder under audit, then 1, 2, ... for the others.
        descriptors: by row.
        pairs: images that are the same picture.
        cluster: int64 ``[n]``, smallest row of each image's cluster.
        subject: int64 ``[n]``, smallest row of each image's presumed subject.
        overlap: of the test part with the training part, or ``None`` without the two.
        against: overlap of the folder with each other folder.
        labels: labels in doubt.
        oddities: images that do not belong.
        fingerprints: facts of the files that predict the class.
        sources: classes and the sources they stand on, of all folders together.
        split: leak-free split, or ``None`` without a training and a test part.
        seconds: wall time of each step.
    """

    listing: Listing
    others: tuple[Listing, ...]
    items: tuple[Item, ...]
    source: NDArray[np.int64]
    descriptors: Descriptors
    pairs: tuple[Pair, ...]
    cluster: NDArray[np.int64]
    subject: NDArray[np.int64]
    overlap: Overlap | None
    against: tuple[Overlap, ...]
    labels: LabelCheck
    oddities: tuple[Oddity, ...]
    fingerprints: tuple[Fingerprint, ...]
    sources: SourceCheck
    split: Split | None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def conflicts(self) -> list[Pair]:
        """Pairs of one picture under two labels, the surest first."""
        found = [
            pair
            for pair in self.pairs
            if self.items[pair.first].label != self.items[pair.second].label
            and self.items[pair.first].label
            and self.items[pair.second].label
        ]
        return sorted(found, key=lambda pair: -pair.aligned)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._since, 2)
        self._since = now


def run_audit(
    listing: Listing,
    others: Sequence[Listing] = (),
    options: Options | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Audit:
    """Audit one listing, alone and against others.

    Args:
        listing: the folder under audit.
        others: collections to compare it with.
        options: see :class:`Options`.
        progress: told the step, what is done of it, and its whole.

    Raises:
        OutputError: the cache cannot be written.
    """
    options = options or Options()
    clock = _Clock()
    listings = (listing, *others)
    items = tuple(item for one in listings for item in one.items)
    source = np.repeat(np.arange(len(listings)), [len(one) for one in listings])
    descriptors = describe(
        items,
        options.cache,
        local_features=options.transforms,
        threads=options.threads,
        progress=lambda done: progress("Reading images", done, len(items)),
    )
    clock.lap("reading images")
    paths = [item.path for item in items]
    pairs = find_pairs(descriptors, paths, transforms=options.transforms, progress=progress)
    cluster = join(len(items), ((pair.first, pair.second) for pair in pairs))
    clock.lap("finding pairs")
    own = np.arange(len(listing))
    mine = Descriptors(*(getattr(descriptors, name)[own] for name in ("small", "points", "local", "numbers", "texts")))
    labels = np.array([item.label for item in items])
    progress("Checking labels", 0, 1)
    checked = check_labels(mine, labels[own], cluster[own])
    prints = fingerprints(mine, labels[own], cluster[own])
    progress("Checking labels", 1, 1)
    clock.lap("checking labels and fingerprints")
    oddities = odd_images(mine, paths[: len(listing)], progress)
    clock.lap("checking quality")
    progress("Checking sources", 0, 1)
    origins = np.array([item.source or listings[at].name for item, at in zip(items, source, strict=True)])
    origin = check_sources(paths, labels, origins, cluster)
    progress("Checking sources", 1, 1)
    clock.lap("checking sources")
    order = [(item.part, str(Path(item.id).parent)) for item in items[: len(listing)]]
    subject = np.arange(len(items))
    subject[own] = group_subjects(mine, order, pairs=[pair for pair in pairs if pair.second < len(listing)])
    clock.lap("grouping subjects")
    overlap, against = _overlaps(listing, others, descriptors, labels, source, pairs)
    split = None
    if overlap is not None:
        split = leak_free_split(listing, overlap, cluster[own], labels[own], options.validation)
    clock.lap("measuring overlap")
    return Audit(
        listing=listing,
        others=tuple(others),
        items=items,
        source=source,
        descriptors=descriptors,
        pairs=tuple(pairs),
        cluster=cluster,
        subject=subject,
        overlap=overlap,
        against=against,
        labels=checked,
        oddities=tuple(oddities),
        fingerprints=prints,
        sources=origin,
        split=split,
        seconds=clock.seconds,
    )


def _overlaps(
    listing: Listing,
    others: Sequence[Listing],
    descriptors: Descriptors,
    labels: NDArray[np.str_],
    source: NDArray[np.int64],
    pairs: Sequence[Pair],
) -> tuple[Overlap | None, tuple[Overlap, ...]]:
    parts = np.array([item.part for item in listing.items] + [""] * sum(len(one) for one in others))
    mine = source == 0
    overlap = None
    if listing.train and listing.test:
        overlap = measure_overlap(
            descriptors, labels, mine & (parts == listing.test), mine & (parts == listing.train), pairs
        )
    against = tuple(
        measure_overlap(descriptors, labels, mine, source == number + 1, pairs) for number in range(len(others))
    )
    return overlap, against


def kinds(pairs: Sequence[Pair]) -> dict[str, int]:
    """Number of pairs of each kind."""
    return {str(kind): sum(pair.kind == kind for pair in pairs) for kind in Kind}
