"""What an evaluation is about: the model, the images, and what the answers are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.records import Record
from tumorlens.inference.manifest import Manifest

Degrade = Callable[[NDArray[np.float32]], NDArray[np.float32]]
UNKNOWN_REFERENCE = "unknown: the images that taught the model were not at hand"


@dataclass(frozen=True, eq=False)
class Setting:
    """All that a report says beside the answers themselves.

    Attributes:
        manifest: of the model that answered.
        data: which images, in words, such as ``"test part of the split nickparvar-clusters"``.
        collection: catalogue name, or a name for the user's own cohort.
        model: folder of the model, for activation maps and outlines in the report; ``None`` leaves them out.
        reference: in words, what the similarity to the training data was measured against.
        grouped_by: what ``groups`` of the answers are: ``"patient"``, ``"near-duplicate cluster"`` or ``"image"``.
        neighbour: label of the training image nearest to each image; ``None`` where unknown.
        degrade: name of the degradation that was applied to each image, or ``None``.
        seconds: time that answering took, or ``None``.
        records: the record of each image, by its id, for the pictures in the report.
        change: the degradation itself, so that pictures show what was answered.
        published: published figures by name, to stand beside ours.
        logged: figures of the run's best epoch, to stand beside published ones of training and validation.
        curves: the learning curves of a run, in whose folder its logs are too, from which the report draws them; or
            ``None``.
    """

    manifest: Manifest
    data: str
    collection: str
    model: Path | None = None
    reference: str = UNKNOWN_REFERENCE
    grouped_by: str = "image"
    neighbour: tuple[str, ...] | None = None
    degrade: str | None = None
    seconds: float | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    change: Degrade | None = None
    published: Mapping[str, float] = field(default_factory=dict)
    logged: Mapping[str, float] = field(default_factory=dict)
    curves: Path | None = None
