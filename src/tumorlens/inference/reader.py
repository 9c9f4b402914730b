"""Readings of slices: whether there is a tumor, of which kind, and where, from one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.areas import map_spread
from tumorlens.inference.classifier import Classification
from tumorlens.inference.manifest import KnownLook, Manifest, ReadingRules
from tumorlens.inference.opening import open_session
from tumorlens.inference.segmenter import Outline
from tumorlens.inference.session import READING_OUTPUTS, Floats, ModelSession, sigmoid, softmax
from tumorlens.labels import TumorClass, UnknownTumor
from tumorlens.measurement import components
from tumorlens.preprocessing import Prepared
from tumorlens.scan import Scan, Slice, as_slice

SEQUENCES = ("t1", "t1c", "t2", "flair")
AVERAGED = ("tumor_logit", "kind_logits", "mask")
KIND_NAMED_FROM = 0.5
"""A kind is named where its probability, given a tumor, is at least this."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What a reader says about one slice.

    Attributes:
        tumor_logit: of a tumor, before calibration; held down where the rules ask for an outline and there is none.
        tumor_probability: calibrated probability that a tumor shows.
        kind_probabilities: of each kind, given that there is a tumor; they add up to 1.
        label: a kind, ``tumor`` where no kind is likely enough, or ``no_tumor``.
        prediction_set: labels that remain possible, the likeliest first.
        map: probability of tumor at each pixel, float32 ``[rows, cols]`` of the slice.
        outline: its mask, and how blurred its edge is.
        sequence: what the slice looks most like (``t1``, ``t1c``, ``t2``, ``flair``).
        stripped: whether it looks skull-stripped.
        unlike: how far its features lie from those of the slices that the reader knows.
        is_unlike: whether that is further than the manifest allows.
        look: how the reader did on scans that look like this one, or ``None`` where nobody measured it.
    """

    tumor_logit: float
    tumor_probability: float
    kind_probabilities: dict[str, float]
    label: str
    prediction_set: tuple[str, ...]
    map: Floats
    outline: Outline
    sequence: str
    stripped: bool
    unlike: float
    is_unlike: bool
    look: KnownLook | None

    @property
    def kind_uncertain(self) -> bool:
        """Whether there is a tumor, and no kind is likely enough to name it."""
        return self.label == UnknownTumor.TUMOR

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of each kind and of no tumor, adding up to 1."""
        found = {name: self.tumor_probability * value for name, value in self.kind_probabilities.items()}
        return {**found, str(TumorClass.NO_TUMOR): 1.0 - self.tumor_probability}

    @property
    def classification(self) -> Classification:
        """The same as a classifier's answer, with the map as activation map."""
        return Classification(self.probabilities, self.label, self.map)


class Reader:
    """Runs a reader as its manifest says."""

    def __init__(self, session: ModelSession) -> None:
        self.session = session
        self.manifest: Manifest = session.manifest
        assert session.manifest.reading is not None
        self.rules: ReadingRules = session.manifest.reading

    def __call__(self, slices: Sequence[Scan | Slice], *, quick: bool = False) -> list[Reading]:
        """Read 2-D scans in one batch; ``quick`` looks at each once, as it lies, where neighbors vote."""
        prepared = [self.manifest.preprocessing(one.pixels, one.spacing_mm) for one in map(as_slice, slices)]
        images = np.stack([one.array for one in prepared])
        outputs = self._view(images, mirrored=False, turns=0) if quick else self.outputs(images)
        if self.rules.turns_when_doubtful and not quick:
            self._look_again(images, outputs)
        return [self._reading(at, outputs, one) for at, one in enumerate(prepared)]

    def outputs(self, images: Floats) -> dict[str, Floats]:
        """Outputs over the manifest's views, by name; ``mask`` holds probabilities ``[batch, rows / s, cols / s]``.

        Tumor, kind and mask are averages. What the slice looks like, and how unlike it is, comes of the first view, on
        which the threshold was fitted.
        """
        views = self._views(images, turns=0)
        return {**views[0], **_mean(views)}

    def _look_again(self, images: Floats, outputs: dict[str, Floats]) -> None:
        """Average in the quarter turns, and their mirror images, of the slices whose first answer is doubtful."""
        low, high = self.rules.turned or self.rules.doubt
        first = self._tumor(outputs["tumor_logit"])
        doubtful = np.flatnonzero((first > low) & (first < high))
        if not len(doubtful):
            return
        chosen = images[doubtful]
        upright = chosen.shape[2] == chosen.shape[3]
        turned = [self._views(chosen, turns=turns) for turns in ((1, 2, 3) if upright else (2,))]
        for name in AVERAGED:
            values = [outputs[name][doubtful], *(_mean(views)[name] for views in turned)]
            outputs[name][doubtful] = np.mean(values, axis=0)

    def _views(self, images: Floats, *, turns: int) -> list[dict[str, Floats]]:
        return [self._view(images, mirrored=name == "mirror", turns=turns) for name in self.rules.views]

    def _view(self, images: Floats, *, mirrored: bool, turns: int) -> dict[str, Floats]:
        seen = np.rot90(images, turns, axes=(2, 3))
        seen = seen[..., ::-1] if mirrored else seen
        found = dict(zip(READING_OUTPUTS, self.session.run(seen, READING_OUTPUTS), strict=True))
        mask = sigmoid(found.pop("mask_logits")[:, 0])
        mask = mask[..., ::-1] if mirrored else mask
        found["mask"] = np.ascontiguousarray(np.rot90(mask, -turns, axes=(1, 2)))
        return found

    def _tumor(self, logits: Floats) -> Floats:
        return sigmoid(np.asarray(self.rules.tumor_scale * logits + self.rules.tumor_bias, dtype=np.float32))

    def _reading(self, at: int, outputs: dict[str, Floats], prepared: Prepared) -> Reading:
        rules = self.rules
        tumor = float(self._tumor(outputs["tumor_logit"][at]))
        probability = prepared.geometry.restore(outputs["mask"][at])
        kinds = softmax(outputs["kind_logits"][at] / np.float32(rules.kind_temperature))
        by_kind = {name: float(value) for name, value in zip(rules.kinds, kinds, strict=True)}
        unlike = float(outputs["unlike"][at])
        is_unlike = rules.unlike_threshold is not None and unlike > rules.unlike_threshold
        sequence = SEQUENCES[int(outputs["sequence_logits"][at].argmax())]
        stripped = bool(outputs["stripped_logit"][at] > 0)
        return Reading(
            tumor_logit=float(outputs["tumor_logit"][at]),
            tumor_probability=tumor,
            kind_probabilities=by_kind,
            label=label_of(tumor, by_kind, rules),
            prediction_set=possible(tumor, by_kind, rules, is_unlike=is_unlike),
            map=probability,
            outline=Outline(self._mask(probability, prepared), self._spread(probability)),
            sequence=sequence,
            stripped=stripped,
            unlike=unlike,
            is_unlike=is_unlike,
            look=rules.look(sequence, stripped),
        )

    def _mask(self, probability: Floats, prepared: Prepared) -> NDArray[np.bool_]:
        mask = np.asarray(probability > self.rules.mask_threshold)
        smallest = self.manifest.min_region_fraction * prepared.geometry.box.height * prepared.geometry.box.width
        if smallest <= 1 or not mask.any():
            return mask
        return np.asarray(components(mask, min_area_px=int(np.ceil(smallest))).labels > 0)

    def _spread(self, probability: Floats) -> float:
        known = self.manifest.area_interval
        return 1.0 if known is None or known.spread is None else map_spread(probability, known.spread)


def held_down(reading: Reading, rules: ReadingRules) -> Reading:
    """The reading of a slice whose tumor nothing outlines: held in the middle of what is doubtful."""
    middle = min(reading.tumor_probability, rules.undecided)
    kinds = reading.kind_probabilities
    return replace(
        reading,
        tumor_logit=(log(middle / (1 - middle)) - rules.tumor_bias) / rules.tumor_scale,
        tumor_probability=middle,
        label=label_of(middle, kinds, rules),
        prediction_set=possible(middle, kinds, rules, is_unlike=reading.is_unlike),
    )


def label_of(tumor: float, kinds: dict[str, float], rules: ReadingRules) -> str:
    """The label of a slice: ``no_tumor``, a kind, or ``tumor`` where no kind is likely enough.

    Args:
        tumor: probability of a tumor.
        kinds: probability of each kind, given a tumor.
        rules: of the manifest.
    """
    if tumor < rules.tumor_threshold:
        return str(TumorClass.NO_TUMOR)
    likeliest = max(kinds, key=lambda name: kinds[name])
    return likeliest if kinds[likeliest] >= KIND_NAMED_FROM else str(UnknownTumor.TUMOR)


def possible(tumor: float, kinds: dict[str, float], rules: ReadingRules, *, is_unlike: bool) -> tuple[str, ...]:
    """Labels that remain possible, the likeliest first: all of them where the slice is unlike what is known.

    Args:
        tumor: probability of a tumor.
        kinds: probability of each kind, given a tumor.
        rules: of the manifest.
        is_unlike: whether the slice is unlike those that the reader knows.
    """
    probabilities = {name: tumor * value for name, value in kinds.items()}
    none = str(TumorClass.NO_TUMOR)
    probabilities[none] = 1.0 - tumor
    low, high = rules.doubt
    shows = is_unlike or tumor >= rules.tumor_threshold or tumor > low
    shows_none = is_unlike or tumor < rules.tumor_threshold or tumor < high
    likeliest = max(kinds, key=lambda name: kinds[name])
    kept = {
        name
        for name, value in kinds.items()
        if shows and (is_unlike or value >= rules.kind_threshold or name == likeliest)
    }
    if shows_none:
        kept.add(none)
    return tuple(name for name in sorted(probabilities, key=lambda one: -probabilities[one]) if name in kept)


def _mean(views: list[dict[str, Floats]]) -> dict[str, Floats]:
    return {name: np.asarray(np.mean([one[name] for one in views], axis=0), dtype=np.float32) for name in AVERAGED}


def open_reader(folder: Path, threads: int = 0) -> Reader:
    """The reader of a model folder.

    Raises:
        WeightsError: it is missing, altered, or no reader.
    """
    return Reader(open_session(folder, "reading", threads))
