"""Can the source be told from the class, and the class from the look: the shortcut that hides behind a good figure.

Where each class stands on a source of its own, whatever separates the sources separates the classes (Zech et al., 2018,
doi:10.1371/journal.pmed.1002683). Asked here: how far class and source say each other, and how well a linear model that
sees background, border, histogram and spatial frequencies, and no anatomy, tells either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128
BINS, RINGS = 16, 12
EASY = 0.25
"""A balanced accuracy this far above chance is worth a warning."""
TIED = 0.5
"""A Cramér's V from this on ties class and source together."""
_MOST = 2500
_FEWEST = 10


@dataclass(frozen=True)
class Probe:
    """How well the look alone tells something.

    Attributes:
        asked: ``"class"`` or ``"source"``.
        balanced_accuracy: mean recall, cross-validated by cluster.
        chance: mean recall of knowing nothing, one over the number of answers.
        images: number of images.
    """

    asked: str
    balanced_accuracy: float
    chance: float
    images: int


@dataclass(frozen=True)
class SourceCheck:
    """Classes and the sources they stand on.

    Attributes:
        counts: images by class, and within by source.
        association: Cramér's V of class and source, 0 for none to 1 for one telling the other; ``None`` where there is
            one source or one class.
        probes: what the look alone tells.
    """

    counts: dict[str, dict[str, int]]
    association: float | None
    probes: tuple[Probe, ...]

    @property
    def warnings(self) -> list[str]:
        """What to mind, in plain sentences."""
        lines = []
        several = len({source for those in self.counts.values() for source in those}) > 1
        for label, those in self.counts.items():
            if len(those) == 1 and len(self.counts) > 1:
                only = next(iter(those))
                why = "a network can learn the source in its place" if several else "other sources look otherwise"
                lines.append(f"The class '{label}' comes from one source alone ({only}): {why}.")
        if self.association is not None and self.association >= TIED:
            lines.append(
                f"Class and source tell each other (Cramér's V {self.association:.2f}): a good figure on these images "
                "may be about sources."
            )
        for probe in self.probes:
            if probe.balanced_accuracy - probe.chance > EASY:
                lines.append(
                    f"Background, border, histogram and frequencies alone tell the {probe.asked}: mean recall "
                    f"{100 * probe.balanced_accuracy:.0f} %, by chance {100 * probe.chance:.0f} %."
                )
        return lines


def check_sources(
    paths: Sequence[Path],
    labels: NDArray[np.str_],
    sources: NDArray[np.str_],
    cluster: NDArray[np.int64],
    extra: NDArray[np.float64] | None = None,
) -> SourceCheck:
    """Check a labelled set of images.

    Args:
        paths: files, one each image.
        labels: their classes, ``""`` where there is none.
        sources: their sources.
        cluster: which images belong together: whole clusters are kept on one side.
        extra: further features ``[images, n]``, such as those of a network without its head.
    """
    counts: dict[str, dict[str, int]] = {}
    for (label, source), number in sorted(Counter(zip(labels.tolist(), sources.tolist(), strict=True)).items()):
        if label:
            counts.setdefault(label, {})[source] = number
    rows = _chosen(labels, sources)
    table = np.stack([look_features(paths[row]) for row in rows]) if len(rows) else np.zeros((0, 1))
    if extra is not None and len(rows):
        table = np.concatenate([table, extra[rows]], axis=1)
    found = [
        _probe(asked, table, values[rows], cluster[rows]) for asked, values in (("class", labels), ("source", sources))
    ]
    return SourceCheck(counts, association(labels, sources), tuple(one for one in found if one is not None))


def association(labels: NDArray[np.str_], sources: NDArray[np.str_]) -> float | None:
    """Cramér's V (1946) of class and source; ``None`` where either has one value alone."""
    known = labels != ""
    rows, columns = (np.unique(one[known], return_inverse=True)[1] for one in (labels, sources))
    shape = (int(rows.max(initial=-1)) + 1, int(columns.max(initial=-1)) + 1)
    if min(shape) < 2:
        return None
    table = np.zeros(shape)
    np.add.at(table, (rows, columns), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    chi2 = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / (table.sum() * (min(shape) - 1))))


def look_features(path: Path) -> NDArray[np.float64]:
    """What a picture looks like without what it shows: 16 + 12 + 8 numbers.

    Histogram of grey, power by ring of spatial frequency, and background and border; zeros for an unreadable file.
    """
    grey = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if path.stat().st_size else None
    if grey is None:
        return np.zeros(BINS + RINGS + 8)
    small = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.float64)
    histogram = np.histogram(small, bins=BINS, range=(0, 256))[0] / small.size
    window = np.hanning(SIDE)[:, None] * np.hanning(SIDE)
    power = np.abs(np.fft.fftshift(np.fft.fft2((small - small.mean()) * window))) ** 2
    row, col = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    ring = np.minimum((np.hypot(row, col) / (SIDE / 2) * RINGS).astype(int), RINGS - 1)
    rings = np.log(np.bincount(ring.ravel(), power.ravel(), RINGS) / np.bincount(ring.ravel(), minlength=RINGS) + 1e-6)
    border = np.concatenate([small[:4].ravel(), small[-4:].ravel(), small[:, :4].ravel(), small[:, -4:].ravel()])
    dark = small < 16
    background = small[dark] if dark.any() else np.zeros(1)
    facts = [border.mean(), border.std(), border.max(), dark.mean(), background.mean(), background.std()]
    return np.concatenate([histogram, rings, facts, [small.mean(), small.std()]])


def _chosen(labels: NDArray[np.str_], sources: NDArray[np.str_]) -> NDArray[np.int64]:
    """Rows with a class, at most :data:`_MOST`, spread over classes and sources."""
    rows = np.flatnonzero(labels != "")
    if len(rows) <= _MOST:
        return rows
    order = np.lexsort((rows, sources[rows], labels[rows]))
    kept = np.linspace(0, len(rows) - 1, _MOST).round().astype(int)
    return np.asarray(np.sort(rows[order][kept]))


def _probe(asked: str, table: NDArray[np.float64], values: NDArray[np.str_], groups: NDArray[np.int64]) -> Probe | None:
    """Cross-validated by cluster; ``None`` where there is one answer alone, or too few images of one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # Answers with few groups cannot be cross-validated: the rest are told apart without them.
    kept = [name for name in np.unique(values) if len(np.unique(groups[values == name])) >= _FEWEST]
    rows = np.isin(values, kept)
    table, groups = table[rows], groups[rows]
    names, truth = np.unique(values[rows], return_inverse=True)
    if len(names) < 2:
        return None
    said = np.zeros_like(truth)
    for fit, judge in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(table, truth, groups):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
        said[judge] = model.fit(table[fit], truth[fit]).predict(table[judge])
    return Probe(asked, float(balanced_accuracy_score(truth, said)), 1 / len(names), len(truth))
