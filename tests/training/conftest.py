"""Made collections in the published layouts, tiny recipes for them, and one finished run of each task."""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tumorlens.datasets.splits import Split
from tumorlens.labels import CLASSES
from tumorlens.phantoms import Phantom, random_phantom

SIZE = 96
EPOCHS = 2
NETWORK = {"channels": [8, 8, 16, 16], "stem_width": 8}
COMMON: dict[str, Any] = {
    "seed": 3,
    "preprocessing": {"size": [64, 64], "mean": 0.3, "std": 0.25},
    "augmentation": {
        "affine": {"rotation": 10, "shift": 0.05, "flip": 0.5},
        "elastic": {"alpha": [0, 20], "sigma": 4, "probability": 0.5},
        "intensity": {"gamma": 0.2, "noise": 0.05, "noise_probability": 0.5},
    },
    "optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.01},
    "schedule": {"name": "one_cycle"},
    "resolution": [{"from_epoch": 0, "scale": 0.5}, {"from_epoch": 1, "scale": 1.0}],
    "epochs": EPOCHS,
    "batch_size": 8,
    "gradient_clip": 2.0,
    "workers": 0,
}


@dataclass(frozen=True)
class Made:
    """A collection on disk and the fields of a recipe that trains on it."""

    root: Path
    fields: dict[str, Any]

    def values(self, **changes: Any) -> dict[str, Any]:
        """A fresh copy of the fields, some of them replaced."""
        return {**copy.deepcopy(self.fields), **changes}


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())


def phantom(index: int, classes: int) -> Phantom:
    return random_phantom(np.random.default_rng([17, index]), CLASSES[index % classes], SIZE)


def write_split(root: Path, collection: str, parts: dict[str, list[str]]) -> str:
    split = Split(
        f"{collection}-made", collection, "by position", *(tuple(parts[name]) for name in ("train", "val", "test"))
    )
    path = root / "split.json"
    path.write_text(split.to_json(), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def classes_data(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Phantoms in the layout of the Nickparvar collection: 16 train, 8 validate, 8 test."""
    root = tmp_path_factory.mktemp("nickparvar")
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for index in range(32):
        made = phantom(index, 4)
        part = "train" if index < 16 else "val" if index < 24 else "test"
        folder = "notumor" if made.label == "no_tumor" else str(made.label)
        name = f"{'Testing' if part == 'test' else 'Training'}/{folder}/{index:02d}.png"
        picture(root / name, made.pixels)
        parts[part].append(name)
    fields = {
        **COMMON,
        "name": "made-classifier",
        "title": "A classifier for tests",
        "task": "classification",
        "data": {"collection": "nickparvar", "split": write_split(root, "nickparvar", parts), "phantom_share": 0.25},
        "model": {"name": "timm", "parameters": {"backbone": "resnet10t", **NETWORK}},
        "loss": {"name": "cross_entropy", "label_smoothing": 0.05},
    }
    return Made(root, fields)


@pytest.fixture(scope="session")
def masks_data(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Phantoms in the layout of the figshare collection: 12 train, 6 validate, 6 test."""
    root = tmp_path_factory.mktemp("figshare")
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    rows = []
    for index in range(24):
        made = phantom(index, 3)
        part = "train" if index < 12 else "val" if index < 18 else "test"
        picture(root / "images" / f"{index}.png", made.pixels)
        picture(root / "masks" / f"{index}.png", made.mask * 255)
        rows.append((f"{index}.png", f"{index}.png", str(made.label), str(index // 2), "1.0"))
        parts[part].append(f"images/{index}.png")
    with (root / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("image", "mask", "label", "group", "pixel_spacing_mm"), *rows])
    fields = {
        **COMMON,
        "name": "made-segmenter",
        "title": "A segmenter for tests",
        "task": "segmentation",
        "data": {"collection": "figshare", "split": write_split(root, "figshare", parts)},
        "model": {
            "name": "timm_unet",
            "parameters": {"encoder": "resnet10t", **NETWORK, "decoder": [16, 8, 8, 8]},
        },
        "loss": {"name": "dice_bce"},
    }
    return Made(root, fields)


@pytest.fixture(scope="session")
def train_made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """``train_made(made, out=None, changes=None, **options)`` trains; returns the run's folder."""

    def run(made: Made, out: Path | None = None, changes: dict[str, Any] | None = None, **options: Any) -> Any:
        from tumorlens.training.recipe import parse_recipe
        from tumorlens.training.train import Options, train

        recipe = parse_recipe(made.values(**(changes or {})), "made")
        return train(recipe, made.root, out or tmp_path_factory.mktemp("run"), Options(**options))

    return run


@pytest.fixture(scope="session")
def classifier_run(classes_data: Made, train_made: Callable[..., Any]) -> Any:
    """A finished run of the made classifier."""
    return train_made(classes_data)


@pytest.fixture(scope="session")
def segmenter_run(masks_data: Made, train_made: Callable[..., Any]) -> Any:
    """A finished run of the made segmenter."""
    return train_made(masks_data)
