"""Made collections of slices in the layouts that readers learn from, and a tiny recipe for them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import random_phantom
from tumorlens.training.reader.recipe import ReaderRecipe

SIDE = 96


def _row(root: Path, number: int, patient: str, sequence: str, tumor: bool, **more: str) -> dict[str, Any]:
    label = TumorClass.GLIOMA if tumor else TumorClass.NO_TUMOR
    phantom = random_phantom(np.random.default_rng([5, number]), label, SIDE)
    name = f"{number:03d}.png"
    cv2.imwrite(str(root / "images" / name), np.clip(phantom.pixels, 0, 255).astype(np.uint8))
    cv2.imwrite(str(root / "masks" / name), phantom.mask.astype(np.uint8) * 4)
    pixels = int(phantom.mask.sum())
    values = {"image": name, "mask": name, "patient": patient, "sequence": sequence, "slice": number * 5}
    return {**values, "tumor_px": pixels, "core_px": pixels, "pixel_spacing_mm": "1.0", **more}


def write_table(root: Path, patients: int, sequences: tuple[str, ...], **more: str) -> None:
    """A collection of ``images/``, ``masks/`` and ``metadata.csv``, half of it with a tumor."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    places = [(one, sequence, tumor) for one in range(patients) for sequence in sequences for tumor in (True, False)]
    rows = [_row(root, at, f"p{one}", sequence, tumor, **more) for at, (one, sequence, tumor) in enumerate(places)]
    with (root / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made ``brats-slices``, ``more-slices`` and ``healthy-slices``."""
    root = tmp_path_factory.mktemp("collections")
    write_table(root / "brats-slices", 6, ("t1ce", "flair"))
    write_table(root / "more-slices", 6, ("t1", "t2"), collection="TCGA-GBM (TCIA)", licence="CC BY 3.0")
    (root / "healthy-slices").mkdir()
    for number in range(8):
        phantom = random_phantom(np.random.default_rng([6, number]), CLASSES[-1], SIDE)
        path = root / "healthy-slices" / f"NonDemented_non{number}.jpg"
        cv2.imwrite(str(path), np.clip(phantom.pixels, 0, 255).astype(np.uint8))
    return root


@pytest.fixture(scope="session")
def fields() -> dict[str, Any]:
    """Fields of a tiny recipe."""
    return {
        "name": "made-reader",
        "title": "A made reader",
        "task": "reading",
        "seed": 4,
        "sources": [
            {"collection": "brats", "validation": 0.4},
            {"collection": "more", "validation": 0.4},
            {"collection": "healthy", "validation": 0.3},
        ],
        "sampling": {"mixed": 0.3, "near": 0},
        "preprocessing": {"size": [64, 64], "crop": "content", "mean": 0.3, "std": 0.25},
        "synthesis": {
            "implant": {"probability": 0.5},
            "stripping": {"strip": 0.3, "add": 0.3},
            "contrast": {"probability": 0.5},
            "affine": {"rotation": 20, "flip": 0.5},
            "intensity": {"noise": 0.05, "noise_probability": 0.5},
            "picture": {"turns": 0.2, "jpeg": 0.3, "frame": 0.2, "marks": 0.2},
        },
        "model": {
            "name": "pyramid",
            "parameters": {
                "encoder": "resnet10t", "channels": [8, 8, 16, 16], "stem_width": 8, "width": 8, "fine": [8, 8],
                "hidden": 8,
            },
        },
        "optimizer": {"name": "adamw", "lr": 0.002},
        "epochs": 2,
        "epoch_draws": 16,
        "batch_size": 8,
        "workers": 0,
        "phantoms": 4,
    }  # fmt: skip


@pytest.fixture(scope="session")
def recipe(fields: dict[str, Any]) -> ReaderRecipe:
    """The tiny recipe."""
    return ReaderRecipe.model_validate(fields, strict=False)
