"""Make the splits that ship with the package from the collections on disk: python scripts/make_splits.py DATASETS."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Record
from tumorlens.datasets.similarity import NEAR_DUPLICATE, THUMBNAIL, clusters, nearest, thumbnails
from tumorlens.datasets.splits import FOLDER, Split


def first_fold(records: list[Record], groups: list[str], folds: int, seed: int) -> set[str]:
    """Ids of fold 0 of a stratified grouped division."""
    labels = [str(record.label) for record in records]
    division = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, chosen = next(division.split(np.zeros(len(records)), labels, groups))
    return {records[index].id for index in chosen}


def nickparvar(root: Path) -> Split:
    """Published test folder; validation by near-duplicate cluster of the training folder."""
    collection = load_collection("nickparvar", root)
    records = list(collection.part("Training"))
    cluster_of = [str(one) for one in clusters(thumbnails([record.path for record in records]))]
    validation = first_fold(records, cluster_of, 12, 0)
    return Split(
        name="nickparvar-clusters",
        collection="nickparvar",
        method="Test: the published Testing folder. Validation: fold 0 of StratifiedGroupKFold(12, shuffle=True, "
        f"random_state=0) over class and near-duplicate cluster (48 px thumbnails correlating above {NEAR_DUPLICATE}) "
        "of the published Training folder. Train: the rest of that folder.",
        train=tuple(record.id for record in records if record.id not in validation),
        validation=tuple(record.id for record in records if record.id in validation),
        test=tuple(record.id for record in collection.part("Testing")),
    )


def figshare(root: Path) -> Split:
    """Test and validation by group; what resembles a test image is left out of both other parts."""
    records = list(load_collection("figshare", root))
    test = first_fold(records, [str(record.group) for record in records], 5, 0)
    vectors = thumbnails([record.path for record in records])
    is_test = np.array([record.id in test for record in records])
    close = nearest(vectors, vectors[is_test]) > NEAR_DUPLICATE
    left_out = {record.id for record, one in zip(records, close, strict=True) if one and record.id not in test}
    rest = [record for record in records if record.id not in test | left_out]
    validation = first_fold(rest, [str(record.group) for record in rest], 10, 0)
    return Split(
        name="figshare-groups",
        collection="figshare",
        method="Test: fold 0 of StratifiedGroupKFold(5, shuffle=True, random_state=0) over label and group. Left out: "
        f"other images whose 48 px thumbnail correlates above {NEAR_DUPLICATE} with a test image. Validation: fold 0 "
        "of StratifiedGroupKFold(10, shuffle=True, random_state=0) over the rest. Train: what remains.",
        train=tuple(record.id for record in rest if record.id not in validation),
        validation=tuple(record.id for record in rest if record.id in validation),
        test=tuple(record.id for record in records if record.id in test),
        left_out=tuple(record.id for record in records if record.id in left_out),
    )


def figshare_for_reader(root: Path) -> Split:
    """The split by group without what shows a test image of nickparvar, mirrored or not: that collection has many."""
    records = list(load_collection("figshare", root))
    by_group = figshare(root)
    tests = [one for one in load_collection("nickparvar", root).part("Testing") if one.is_tumor]
    vectors, tested = (thumbnails([one.path for one in part]) for part in (records, tests))
    mirrored = vectors.reshape(-1, THUMBNAIL, THUMBNAIL)[:, :, ::-1].reshape(len(vectors), -1)
    highest = np.maximum(nearest(vectors, tested), nearest(mirrored, tested))
    shown = {record.id for record, one in zip(records, highest, strict=True) if one > NEAR_DUPLICATE}
    parts = {
        part: tuple(one for one in getattr(by_group, part) if one not in shown) for part in ("train", "validation")
    }
    used = {*parts["train"], *parts["validation"], *by_group.test}
    return Split(
        name="figshare-for-reader",
        collection="figshare",
        method=f"As figshare-groups; also left out of train and validation: images whose 48 px thumbnail, or its "
        f"mirror image, correlates above {NEAR_DUPLICATE} with a test image of nickparvar that shows a tumor.",
        **parts,
        test=by_group.test,
        left_out=tuple(record.id for record in records if record.id not in used),
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in (nickparvar, figshare, figshare_for_reader):
        split = make(Path(sys.argv[1]))
        (FOLDER / f"{split.name}.json").write_text(split.to_json(), encoding="utf-8")
        sizes = {part: len(getattr(split, part)) for part in ("train", "validation", "test", "left_out")}
        print(split.name, sizes, split.sha256[:12])
