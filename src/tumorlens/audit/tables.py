"""The findings as CSV and JSON, and the folder that holds them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens._version import __version__
from tumorlens.audit.clusters import members
from tumorlens.audit.leaks import Overlap, where
from tumorlens.audit.pairs import Pair
from tumorlens.audit.quality import counts
from tumorlens.audit.run import Audit, kinds
from tumorlens.errors import OutputError
from tumorlens.io.atomic import write_atomic
from tumorlens.notice import NOTICE

SUMMARY_FILE = "summary.json"
SPLIT_FILE = "leak_free_split.json"
MARK = "tumorlens-audit"


def prepare_report(folder: Path) -> Path:
    """Make the report folder, or take up one that holds an earlier or interrupted audit.

    Returns:
        Folder of the cache inside it.

    Raises:
        OutputError: the folder holds something else, or cannot be made.
    """
    mark = folder / f".{MARK}"
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"'{folder}' is a file: pass a new folder for the report.")
    if folder.is_dir() and not mark.is_file() and any(folder.iterdir()):
        raise OutputError(f"'{folder}' exists and is no audit report: pass a new or empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{folder}' cannot be made ({error.strerror}): pass another folder.") from error
    write_atomic(mark, f"{__version__}\n".encode())
    return folder / ".cache"


def write_tables(audit: Audit, folder: Path) -> None:
    """Write ``pairs.csv``, ``clusters.csv``, ``labels.csv``, ``quality.csv``, ``summary.json`` and the split.

    Raises:
        OutputError: a file cannot be written.
    """
    _write_csv(folder / "pairs.csv", PAIR_COLUMNS, (pair_row(audit, pair) for pair in audit.pairs))
    _write_csv(folder / "clusters.csv", ("cluster", "size", *_IMAGE, "subject"), _cluster_rows(audit))
    _write_csv(folder / "labels.csv", _LABEL_COLUMNS, _label_rows(audit))
    own = ((name(audit, one.row), audit.items[one.row].label, one.kind, one.reason) for one in audit.oddities)
    _write_csv(folder / "quality.csv", ("image", "label", "kind", "reason"), own)
    split = folder / SPLIT_FILE
    if audit.split is not None:
        write_atomic(split, audit.split.to_json().encode("utf-8"))
    elif split.exists():
        split.unlink()
    write_atomic(folder / SUMMARY_FILE, (json.dumps(summary(audit), indent=1, ensure_ascii=False) + "\n").encode())


_IMAGE = ("image", "collection", "part", "label")
PAIR_COLUMNS = (
    *("image_a", "image_b", "kind", "where", "label_conflict", "correlation", "aligned_correlation", "transform"),
    *("label_a", "label_b", "part_a", "part_b", "collection_a", "collection_b"),
)
_LABEL_COLUMNS = (
    *("image", "part", "label", "suggested", "doubted_by", "probability_of_label", "probability_of_suggested"),
    *("dissenting_neighbors", "label_of_nearest"),
)


def name(audit: Audit, row: int) -> str:
    """Id of an image, in any encoding that a file can hold."""
    return audit.items[row].id.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def collection_of(audit: Audit, row: int) -> str:
    """Name of the collection of an image."""
    number = int(audit.source[row])
    return (audit.listing if number == 0 else audit.others[number - 1]).name


def place_of(audit: Audit, pair: Pair) -> str:
    """Whether a pair lies within a split, across splits or across collections."""
    parts = [audit.items[pair.first].part, audit.items[pair.second].part]
    sources = [int(audit.source[pair.first]), int(audit.source[pair.second])]
    return where(Pair(0, 1, pair.kind, pair.correlation, pair.aligned, pair.transform), parts, sources)


def conflicting(audit: Audit, pair: Pair) -> bool:
    """Whether the two images of a pair have two labels."""
    first, second = audit.items[pair.first].label, audit.items[pair.second].label
    return bool(first and second and first != second)


def pair_row(audit: Audit, pair: Pair) -> tuple[str, ...]:
    """A pair as a line of ``pairs.csv``."""
    first, second = audit.items[pair.first], audit.items[pair.second]
    return (
        *(name(audit, pair.first), name(audit, pair.second), str(pair.kind), place_of(audit, pair)),
        *("yes" if conflicting(audit, pair) else "no", f"{pair.correlation:.4f}", f"{pair.aligned:.4f}"),
        *(pair.transform, first.label, second.label, first.part, second.part),
        *(collection_of(audit, pair.first), collection_of(audit, pair.second)),
    )


def _cluster_rows(audit: Audit) -> Iterable[tuple[Any, ...]]:
    for number, group in enumerate(members(audit.cluster, at_least=1)):
        for row in group.tolist():
            item = audit.items[row]
            yield (
                number,
                len(group),
                name(audit, row),
                collection_of(audit, row),
                item.part,
                item.label,
                int(audit.subject[row]),
            )


def _label_rows(audit: Audit) -> Iterable[tuple[Any, ...]]:
    for one in audit.labels.suspicions:
        yield (
            *(name(audit, one.row), audit.items[one.row].part, one.label, one.suggested),
            "model and neighbors" if one.both else "model",
            *(f"{one.given_probability:.4f}", f"{one.suggested_probability:.4f}", f"{one.neighbor_share:.2f}"),
            one.nearest_label,
        )


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomic(path, buffer.getvalue().encode("utf-8"))


def summary(audit: Audit) -> dict[str, Any]:
    """The findings in numbers, ready for JSON."""
    items = audit.items[: len(audit.listing)]
    balance: dict[str, dict[str, int]] = {}
    for (part, label), count in sorted(Counter((item.part, item.label) for item in items).items()):
        balance.setdefault(part or "all", {})[label or "unlabeled"] = count
    sizes = [len(group) for group in members(audit.cluster)]
    places = Counter(place_of(audit, pair) for pair in audit.pairs)
    return {
        "schema_version": "1",
        "notice": NOTICE,
        "tumorlens": __version__,
        "collection": audit.listing.name,
        "images": len(items),
        "train": audit.listing.train or None,
        "test": audit.listing.test or None,
        "classes": balance,
        "pairs": {
            "total": len(audit.pairs),
            "by_kind": kinds(audit.pairs),
            "by_place": dict(sorted(places.items())),
            "label_conflicts": len(audit.conflicts),
        },
        "clusters": {"of_two_or_more": len(sizes), "images_in_them": sum(sizes), "largest": max(sizes, default=0)},
        "presumed_subjects": len(np.unique(audit.subject[: len(items)])),
        "train_test_overlap": None if audit.overlap is None else overlap_numbers(audit.overlap),
        "against": {other.name: overlap_numbers(one) for other, one in zip(audit.others, audit.against, strict=True)},
        "labels": {
            "suspicious": len(audit.labels.suspicions),
            "doubted_by_model_and_neighbors": sum(one.both for one in audit.labels.suspicions),
            "by_part_and_label": _suspicious_by_class(audit),
            "model_accuracy": _number(audit.labels.accuracy),
            "neighbor_accuracy": _number(audit.labels.neighbor_accuracy),
            "note": audit.labels.note or None,
        },
        "quality": counts(list(audit.oddities)),
        "fingerprints": [
            {
                "facts": one.name,
                "accuracy": _number(one.accuracy),
                "balanced_accuracy": _number(one.balanced_accuracy),
                "majority_share": _number(one.majority),
                "uses": {key: round(value, 3) for key, value in one.importances},
            }
            for one in audit.fingerprints
        ],
        "sources": {
            "by_class": audit.sources.counts,
            "association": None if audit.sources.association is None else round(audit.sources.association, 4),
            "probes": [
                {
                    "asked": one.asked,
                    "balanced_accuracy": _number(one.balanced_accuracy),
                    "chance": _number(one.chance),
                    "images": one.images,
                }
                for one in audit.sources.probes
            ],
            "warnings": audit.sources.warnings,
        },
        "leak_free_split": _split_numbers(audit),
        "seconds": audit.seconds,
    }


def overlap_numbers(overlap: Overlap) -> dict[str, Any]:
    """An overlap in numbers."""
    return {
        "images": len(overlap.rows),
        "nearest_above": {str(key): value for key, value in overlap.above.items()},
        "leaked": int(overlap.leaked.sum()),
        "leaked_by_thumbnail": overlap.leaked_by_thumbnail,
        "leaked_by_transform_only": int(overlap.leaked.sum()) - overlap.leaked_by_thumbnail,
        "nearest_label_accuracy": _number(overlap.accuracy),
        "nearest_label_accuracy_at_most_0.95": _number(overlap.accuracy_clean),
    }


def _suspicious_by_class(audit: Audit) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for one in audit.labels.suspicions:
        part = found.setdefault(audit.items[one.row].part or "all", {})
        cell = part.setdefault(one.label, {"model": 0, "model_and_neighbors": 0})
        cell["model"] += 1
        cell["model_and_neighbors"] += one.both
    return found


def _split_numbers(audit: Audit) -> dict[str, Any] | None:
    if audit.split is None:
        return None
    numbers: dict[str, Any] = {
        part: len(getattr(audit.split, part)) for part in ("train", "validation", "test", "left_out")
    }
    return {"file": SPLIT_FILE, "sha256": audit.split.sha256, **numbers}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
