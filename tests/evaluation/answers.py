"""Made answers and models for the tests of reports."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rule_session import RuleSession, manifest

from tumorlens.datasets.records import Record
from tumorlens.evaluation.predictions import Outlines, Predictions
from tumorlens.evaluation.segmentation import outline_figures
from tumorlens.inference.classifier import Classifier
from tumorlens.inference.manifest import Manifest
from tumorlens.inference.segmenter import Segmenter
from tumorlens.labels import CLASSES, Label, TumorClass

NAMES = tuple(str(one) for one in CLASSES)


def made_predictions(count: int = 80, seed: int = 0, wrong: float = 0.2, known: bool = True) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 4
    answer = np.where(rng.random(count) < wrong, (truth + 1) % 4, truth)
    probabilities = np.full((count, 4), 0.1)
    probabilities[np.arange(count), answer] = 0.7
    probabilities += rng.random((count, 4)) * 0.05
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(
        ids=tuple(f"image{one:03d}.png" for one in range(count)),
        truth=truth,
        probabilities=probabilities,
        classes=NAMES,
        groups=tuple(f"patient{one // 2}" for one in range(count)),
        similarity=np.where(np.arange(count) % 3 == 0, 0.99, 0.5) if known else None,
        paths=tuple(f"/data/image{one:03d}.png" for one in range(count)),
    )


def made_outlines(count: int = 30, spacing: float | None = 0.5) -> Outlines:
    figures, sizes = [], []
    for index in range(count):
        truth, found = np.zeros((2, 40, 40), dtype=bool)
        truth[10 : 14 + index % 12, 10:20] = index % 10 != 9
        found[10 : 14 + index % 9, 11:21] = index % 10 != 8
        figures.append(outline_figures(found, truth, None if spacing is None else (spacing, spacing)))
        sizes.append((truth.sum(), found.sum()))

    def column(name: str) -> np.ndarray:
        return np.array([np.nan if (value := getattr(one, name)) is None else value for one in figures])

    names = ("dice", "iou", "hd95", "assd", "surface_dice", "sensitivity", "precision")
    return Outlines(
        ids=tuple(f"slice{one:02d}.png" for one in range(count)),
        paths=tuple(f"/data/slice{one:02d}.png" for one in range(count)),
        labels=tuple(NAMES[one % 3] for one in range(count)),
        groups=tuple(f"patient{one // 2}" for one in range(count)),
        similarity=np.full(count, 0.4),
        area_px=np.array([one[0] for one in sizes], dtype=float),
        predicted_area_px=np.array([one[1] for one in sizes], dtype=float),
        spacing_mm=np.full((count, 2), np.nan if spacing is None else spacing),
        **{name: column(name) for name in names},
    )


def picture(level: int, seed: int = 0) -> np.ndarray:
    """Grey uint8 ``[32, 32]``: the left half of that level on noise."""
    noise = np.random.default_rng([seed, level]).integers(0, 20, (32, 32))
    noise[:, :16] += level
    return noise.astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def record(folder: Path, name: str, label: Label, level: int, **more: object) -> Record:
    return Record(name, save(folder / name, picture(level, len(name))), label, **more)  # type: ignore[arg-type]


def brightness_classifier(classes: tuple[str, ...] = NAMES, **changes: object) -> Classifier:
    """Answers the first class for a brighter left half, the second for a brighter right half."""

    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        side = images[..., :16].mean(axis=(1, 2, 3)) - images[..., 16:].mean(axis=(1, 2, 3))
        rest = [np.full(len(images), -9.0)] * (len(classes) - 2)
        return {"logits": np.stack([4 * side, -4 * side, *rest], axis=1)}

    return Classifier(RuleSession(described("classification", classes=classes, **changes), answer))


def half_segmenter() -> Segmenter:
    """Outlines what is bright."""
    return Segmenter(RuleSession(described("segmentation"), lambda images: {"logits": 20 * (images - 0.5)}))


def described(kind: str, /, **changes: object) -> Manifest:
    return manifest(kind, **changes)


def glioma_and_none(folder: Path, count: int = 6) -> list[Record]:
    return [
        record(folder, f"{one}.png", TumorClass.GLIOMA if one % 2 else TumorClass.NO_TUMOR, 200 if one % 2 else 0)
        for one in range(count)
    ]
