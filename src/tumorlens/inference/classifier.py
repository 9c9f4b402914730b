"""Class probabilities of prepared slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.cam import class_activation_map
from tumorlens.inference.manifest import Conformal, Manifest, read_manifest
from tumorlens.inference.opening import open_session
from tumorlens.inference.session import Floats, ModelSession, softmax
from tumorlens.preprocessing import Prepared
from tumorlens.scan import Scan, Slice, as_slice


@dataclass(frozen=True, eq=False)
class Classification:
    """Answer for one slice.

    Attributes:
        probabilities: calibrated, by class label, in the model's order; they add up to 1.
        label: the class with the highest probability.
        activation_map: evidence for that class, float32 ``[rows, cols]`` of the slice within [0, 1], or ``None``
            where the model's head allows none.
    """

    probabilities: dict[str, float]
    label: str
    activation_map: NDArray[np.float32] | None


class ClassifiesSlices(Protocol):
    """What answers the classes of slices: one model, or several that vote."""

    @property
    def manifest(self) -> Manifest:
        """What the answers are made by."""

    def __call__(self, slices: Sequence[Scan | Slice]) -> list[Classification]:
        """Classify 2-D scans in one batch."""


def open_classifier(folder: Path, threads: int = 0) -> ClassifiesSlices:
    """The classifier of a model folder, or the ensemble of several.

    Args:
        folder: holds the model (an ensemble: its members) and ``manifest.json``.
        threads: processor threads of one run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: it is missing, altered, or no classifier.
    """
    if read_manifest(folder).rule is not None:
        from tumorlens.inference.ensemble import open_ensemble

        return open_ensemble(folder, threads)
    return Classifier(open_session(folder, "classification", threads))


def prediction_set(probabilities: Mapping[str, float], conformal: Conformal | None) -> tuple[str, ...]:
    """Classes that remain possible at the manifest's coverage, the likeliest first (Sadinle, Lei, Wasserman, 2019).

    Args:
        probabilities: calibrated, by class.
        conformal: how sets are made; ``None`` gives an empty one, which says nothing.
    """
    if conformal is None:
        return ()
    ranked = sorted(probabilities, key=lambda name: -probabilities[name])
    return tuple(name for name in ranked if name == ranked[0] or probabilities[name] >= conformal.threshold)


class Classifier:
    """Runs a classifier as its manifest says."""

    def __init__(self, session: ModelSession) -> None:
        self.session = session
        self.manifest = session.manifest
        self._with_maps = self.manifest.activation == "cam"

    def __call__(self, slices: Sequence[Scan | Slice]) -> list[Classification]:
        """Classify 2-D scans in one batch."""
        prepared = [self.manifest.preprocessing(one.pixels, one.spacing_mm) for one in map(as_slice, slices)]
        images = np.stack([one.array for one in prepared])
        if not self._with_maps:
            return [self._answer(row, None) for row in self._probabilities(images, *self.session.run(images))]
        logits, features, weight = self.session.run(images, ("logits", "features", "head_weight"))
        rows = self._probabilities(images, logits)
        return [
            self._answer(row, self._map(row, maps, weight, one))
            for row, maps, one in zip(rows, features, prepared, strict=True)
        ]

    def _probabilities(self, images: Floats, logits: Floats) -> Floats:
        temperature = np.float32(self.manifest.temperature)
        probabilities = softmax(logits / temperature)
        if not self.manifest.flip_average:
            return probabilities
        (mirrored,) = self.session.run(images[..., ::-1])
        return np.asarray((probabilities + softmax(mirrored / temperature)) / 2, dtype=np.float32)

    def _map(self, row: Floats, features: Floats, weight: Floats, prepared: Prepared) -> Floats:
        return prepared.geometry.restore(class_activation_map(features, weight, int(row.argmax())))

    def _answer(self, row: Floats, activation_map: Floats | None) -> Classification:
        classes = self.manifest.classes
        probabilities = {name: float(value) for name, value in zip(classes, row, strict=True)}
        return Classification(probabilities, classes[int(row.argmax())], activation_map)
