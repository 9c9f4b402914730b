"""A model session that answers by rule, so that what surrounds the model is tested without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tumorlens.inference.manifest import Manifest, Training
from tumorlens.preprocessing import Preprocessing

Answer = Callable[[np.ndarray], dict[str, np.ndarray]]


def manifest(kind: str, /, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "name": "made",
        "version": "1",
        "title": "Made for a test",
        "task": kind,
        "preprocessing": Preprocessing(size=(32, 32), crop="none"),
        "classes": ("glioma", "meningioma", "pituitary", "no_tumor") if kind == "classification" else (),
        "parity": 0.0,
        "training": Training(
            recipe="none",
            collection="none",
            split="none",
            split_sha256="0" * 64,
            data_licence="none",
            images=0,
            phantoms=0,
            data_fingerprint="0" * 64,
            seed=0,
            epochs=0,
            commit=None,
            versions={},
        ),
        "licence": "Apache-2.0",
        "sha256": "0" * 64,
    }
    return Manifest(**{**values, **changes})


class RuleSession:
    """Stands in for ``ModelSession``: same manifest, outputs by a rule on the prepared images."""

    def __init__(self, described: Manifest, answer: Answer) -> None:
        self.manifest = described
        self.answer = answer
        self.batches: list[int] = []

    def run(self, images: np.ndarray, outputs: tuple[str, ...] = ("logits",)) -> list[np.ndarray]:
        self.batches.append(len(images))
        found = self.answer(np.ascontiguousarray(images, dtype=np.float32))
        return [np.asarray(found[name], dtype=np.float32) for name in outputs]
