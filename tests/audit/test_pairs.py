from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tumorlens.audit.items import Item
from tumorlens.audit.pairs import Kind, Pair, find_pairs
from tumorlens.audit.planted import PLANTED, score_planted
from tumorlens.audit.store import describe

pytestmark = pytest.mark.extra_eval


def found(folder: Path, pictures: list[np.ndarray], write: Callable[..., None], **options: bool) -> list[Pair]:
    items = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number}.png"
        write(path, picture)
        items.append(Item(path.name, path))
    return find_pairs(describe(items, None), [item.path for item in items], **options)


def test_kinds_of_pairs(tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]) -> None:
    pictures = [phantom(seed) for seed in range(12)]
    dim = (pictures[1] * 0.7).astype(np.uint8)
    pictures += [pictures[0], dim, np.ascontiguousarray(np.rot90(pictures[2])), PLANTED["turned 10°"](pictures[3])]
    pairs = {(pair.first, pair.second): pair for pair in found(tmp_path, pictures, write)}
    assert set(pairs) == {(0, 12), (1, 13), (2, 14), (3, 15)}
    assert [pair.kind for pair in pairs.values()] == [Kind.BYTES, Kind.NEAR_EXACT, Kind.TURNED, Kind.TRANSFORMED]
    assert pairs[2, 14].transform == "turned 90°" and pairs[2, 14].aligned > 0.999
    assert pairs[3, 15].transform == "turned 10°" and pairs[3, 15].correlation < 0.95 < pairs[3, 15].aligned


def test_without_transforms_only_thumbnails_count(
    tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]
) -> None:
    pictures = [phantom(seed) for seed in range(8)]
    pictures.append(np.ascontiguousarray(pictures[2][::-1]))
    assert found(tmp_path, pictures, write, transforms=False) == []


def test_constant_and_broken_images_join_nothing(
    tmp_path: Path, phantom: Callable[..., np.ndarray], write: Callable[..., None]
) -> None:
    flat = np.zeros((64, 64), np.uint8)
    items = []
    for number, picture in enumerate([flat, flat, phantom(1)]):
        write(tmp_path / f"{number}.png", picture)
        items.append(Item(f"{number}.png", tmp_path / f"{number}.png"))
    for name in ("x.png", "y.png"):
        (tmp_path / name).write_bytes(b"broken")
        items.append(Item(name, tmp_path / name))
    assert find_pairs(describe(items, None), [item.path for item in items]) == []


def test_planted_copies_are_found_and_different_heads_are_not_joined(phantom: Callable[..., np.ndarray]) -> None:
    pictures = [phantom(seed, size=160) for seed in range(16)]
    names = ["JPEG quality 50", "mirrored upside down", "turned 10°", "10 % cut off each edge", "border of 1/6 added"]
    scores = {score.name: score for score in score_planted(pictures, names=names)}
    assert scores["JPEG quality 50"].recall == scores["mirrored upside down"].recall == 1
    for name, floor in zip(names[2:], (0.9, 0.9, 0.8), strict=True):
        assert scores[name].recall >= floor and scores[name].found_by_thumbnail < 8, scores[name]
    assert sum(score.wrong for score in scores.values()) == 0


@pytest.mark.data
def test_planted_copies_of_patients_are_found(real_data: Callable[[str], Path]) -> None:
    """One slice of each of 24 patients: transformed copies are found, and no patient is joined with another."""
    import cv2

    root = real_data("lgg-256") / "kaggle_3m"
    pictures = []
    for patient in sorted(root.glob("TCGA_*"))[:24]:
        slices = sorted(path for path in patient.glob("*.tif") if not path.stem.endswith("_mask"))
        pictures.append(cv2.imread(str(slices[len(slices) // 2]), cv2.IMREAD_GRAYSCALE))
    scores = score_planted(pictures, names=["mirrored left-right", "turned 10°", "10 % cut off each edge"])
    assert all(score.recall >= 0.95 and score.precision >= 0.95 for score in scores), scores
