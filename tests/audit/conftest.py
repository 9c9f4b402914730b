"""A small made collection with known faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import random_phantom

Picture = NDArray[np.uint8]


def _phantom(seed: int, label: TumorClass = TumorClass.GLIOMA, size: int = 128) -> Picture:
    return random_phantom(np.random.default_rng(seed), label, size).pixels.astype(np.uint8)


@pytest.fixture(scope="session")
def phantom() -> Callable[..., Picture]:
    return _phantom


def _write(path: Path, picture: Picture, quality: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    path.write_bytes(cv2.imencode(path.suffix, picture, options)[1].tobytes())


@pytest.fixture(scope="session")
def write() -> Callable[..., None]:
    return _write


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 training and 16 test phantoms; test image 0 is a copy, 1 a mirror, 2 a turned crop, 3 a copy mislabeled."""
    root = tmp_path_factory.mktemp("collections") / "faulty"
    for seed in range(48):
        label = CLASSES[seed % 4]
        _write(root / "Training" / label / f"image({seed}).png", _phantom(seed, label))
    for seed in range(4, 16):
        label = CLASSES[seed % 4]
        _write(root / "Testing" / label / f"t{seed}.png", _phantom(1000 + seed, label))
    _write(root / "Testing" / CLASSES[0] / "t0.jpg", _phantom(0, CLASSES[0]), 90)
    _write(root / "Testing" / CLASSES[1] / "t1.png", np.ascontiguousarray(_phantom(1, CLASSES[1])[:, ::-1]))
    matrix = cv2.getRotationMatrix2D((63.5, 63.5), 9, 1)
    turned = cv2.warpAffine(_phantom(2, CLASSES[2]), matrix, (128, 128))
    _write(root / "Testing" / CLASSES[2] / "t2.png", np.ascontiguousarray(turned[6:-6, 6:-6]))
    _write(root / "Testing" / CLASSES[0] / "t3.png", _phantom(3, CLASSES[3]))
    return root
