"""Does the file give the class away: a small tree that sees size, format, border and metadata, and no anatomy.

A class that came from one source and the others from another can be told by how the files were made; a network that
learns this scores well and knows nothing (Zech et al., 2018, doi:10.1371/journal.pmed.1002683).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.audit.store import Descriptors

FILE_FACTS = (
    *("rows", "cols", "channels", "bits", "jpeg_quality", "subsampling", "has_exif", "has_icc", "has_comment"),
    *("progressive", "dpi"),
)
BORDER_FACTS = (
    *("border_top", "border_bottom", "border_left", "border_right", "border_level", "border_spread"),
    *("minimum", "maximum", "levels", "saturation"),
)
DEPTH = 4
_MIN_LEAF = 5
_TABLES = 20


@dataclass(frozen=True)
class Fingerprint:
    """How well one set of facts predicts the class.

    Attributes:
        name: which facts.
        accuracy: cross-validated by cluster, of a tree of depth :data:`DEPTH`.
        balanced_accuracy: mean recall over the classes.
        majority: share of the largest class, which knowing nothing reaches.
        importances: facts that the tree uses, the most important first, with their share.
        rules: the tree as text.
    """

    name: str
    accuracy: float
    balanced_accuracy: float
    majority: float
    importances: tuple[tuple[str, float], ...]
    rules: str


def fingerprints(
    descriptors: Descriptors, labels: NDArray[np.str_], cluster: NDArray[np.int64]
) -> tuple[Fingerprint, ...]:
    """Predict the class from facts of the file, then from file and border; empty where there are no two classes."""
    rows = np.flatnonzero(descriptors.readable & (labels != ""))
    names, truth = np.unique(labels[rows], return_inverse=True)
    fewest = min((len(np.unique(cluster[rows][truth == one])) for one in range(len(names))), default=0)
    if len(names) < 2 or fewest < 2:
        return ()
    file_table, file_names = _table(descriptors, rows, FILE_FACTS, with_texts=True)
    border_table, border_names = _table(descriptors, rows, BORDER_FACTS, with_texts=False)
    both = np.concatenate([file_table, border_table], axis=1)
    return (
        _judged("size, format, quantization and metadata", file_table, file_names, truth, cluster[rows]),
        _judged("the same with border and grey range", both, file_names + border_names, truth, cluster[rows]),
    )


def _table(
    descriptors: Descriptors, rows: NDArray[np.int64], facts: tuple[str, ...], *, with_texts: bool
) -> tuple[NDArray[np.float64], list[str]]:
    columns = [descriptors.number(name)[rows] for name in facts]
    names = list(facts)
    if "rows" in facts:
        columns.append(descriptors.number("cols")[rows] / np.maximum(descriptors.number("rows")[rows], 1))
        names.append("aspect")
    for text in ("format", "quantization") if with_texts else ():
        values = descriptors.text(text)[rows]
        for value, _ in Counter(values.tolist()).most_common(_TABLES):
            columns.append((values == value).astype(np.float64))
            names.append(f"{text} {value or 'none'}")
    return np.stack(columns, axis=1), names


def _judged(
    name: str, table: NDArray[np.float64], names: list[str], truth: NDArray[np.int64], groups: NDArray[np.int64]
) -> Fingerprint:
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.tree import DecisionTreeClassifier, export_text

    fewest = min(len(np.unique(groups[truth == one])) for one in range(int(truth.max()) + 1))
    said = np.zeros_like(truth)
    for fit, judge in StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=0).split(table, truth, groups):
        tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=_MIN_LEAF, random_state=0)
        said[judge] = tree.fit(table[fit], truth[fit]).predict(table[judge])
    whole = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=_MIN_LEAF, random_state=0).fit(table, truth)
    order = np.argsort(-whole.feature_importances_)
    used = tuple(
        (names[one], float(whole.feature_importances_[one])) for one in order if whole.feature_importances_[one] > 0.01
    )
    return Fingerprint(
        name=name,
        accuracy=float((said == truth).mean()),
        balanced_accuracy=float(balanced_accuracy_score(truth, said)),
        majority=float(np.bincount(truth).max() / len(truth)),
        importances=used,
        rules=str(export_text(whole, feature_names=names, max_depth=DEPTH)),
    )
