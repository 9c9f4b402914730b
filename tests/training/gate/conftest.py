"""A small made collection of heads, and a gate recipe that trains on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gate_fields import FIELDS

from tumorlens.labels import TumorClass
from tumorlens.phantoms import random_phantom


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made heads in class folders."""
    root = tmp_path_factory.mktemp("heads")
    for index in range(24):
        label, folder = ((TumorClass.GLIOMA, "glioma"), (TumorClass.NO_TUMOR, "notumor"))[index % 2]
        phantom = random_phantom(np.random.default_rng([17, index]), label, 96)
        path = root / folder / f"{index:02d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.clip(phantom.pixels, 0, 255).astype(np.uint8))[1].tobytes())
    return root


@pytest.fixture
def fields() -> dict[str, Any]:
    """Fields of a recipe, to be changed."""
    return copy.deepcopy(FIELDS)
