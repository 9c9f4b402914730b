"""``volume_analysis``: the answer about a whole volume, from its slices."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import log
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError
from tumorlens.inference.analysis import NO_OUTLINE, OVERRIDDEN, Analysis, ModelReference
from tumorlens.inference.areas import UNSURE_OUTLINE
from tumorlens.inference.classifier import ClassifiesSlices
from tumorlens.inference.findings import Findings, findings_of
from tumorlens.inference.gate import Gate, GateAnswer
from tumorlens.inference.manifest import ReadingRules, VolumeRules
from tumorlens.inference.reader import Reader, Reading, label_of, possible
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.volume_reading import (
    SliceReading,
    VolumeBounds,
    Whole,
    running_median,
    slices_in_head,
    statement,
    supported,
    window_of,
)
from tumorlens.labels import TumorClass
from tumorlens.measurement import Body, clean_volume, measure_mask, measure_volume
from tumorlens.scan import Scan, Slice

BATCH_SIZE = 8
LEAST_VOLUME_ML = 0.1
"""Specks below this are left out of the mask."""
LEAST_PASSED = 0.5
"""Share of the slices in the middle half of the head that the gate must let through."""
UNNAMED_RULES = ReadingRules(kinds=("glioma", "meningioma", "pituitary"))
_NO_TUMOR = str(TumorClass.NO_TUMOR)
_SURE = 1e-6
_Answer = TypeVar("_Answer")


class AnswersSlices(Protocol):
    """The models that answer, as :class:`tumorlens.inference.Analyzer` holds them."""

    gate: Gate | None
    reader: Reader | None
    classifier: ClassifiesSlices | None
    segmenter: Segmenter | None
    segmented: tuple[str, ...] | None

    def outline_slices(self, slices: Sequence[Slice]) -> list[NDArray[np.bool_]]:
        """Masks by the segmenter of slices of one batch."""
        ...

    def analyze_slice(self, scan: Slice, *, gate: bool) -> Analysis:
        """The answer about one slice of a volume."""
        ...


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the models said about one slice: nothing beyond the gate's answer where it was refused."""

    gate: GateAnswer | None
    logit: float = float("nan")
    kinds: dict[str, float] | None = None
    reading: Reading | None = None


def volume_analysis(models: AnswersSlices, scan: Scan, *, refuse: bool = True) -> Analysis:
    """Read the slices of a volume inside the head, and make one answer of them.

    Args:
        models: that answer about slices.
        scan: of several slices.
        refuse: whether the gate may leave slices out, and refuse the volume.

    Raises:
        InputError: every voxel has the same value.
    """
    indices = slices_in_head(scan)
    if not indices:
        raise InputError("Every voxel of this volume has the same value, so there is nothing to read: choose another.")
    gated: dict[int, GateAnswer] = {}
    if models.gate is not None:
        if scan.refusal is not None and refuse:
            return _refused(models.gate, scan, indices, {}, scan.refusal)
        gated = dict(zip(indices, _in_batches(models.gate, scan, indices), strict=True))
        reason = _refusal(gated, indices) if refuse else None
        if reason is not None:
            return _refused(models.gate, scan, indices, gated, reason)
    seen = {at: _Seen(gated.get(at)) for at in indices}
    chosen = _within(gated, indices) if refuse else indices
    read = dict(zip(chosen, _in_batches(lambda batch: _look(models, batch), scan, chosen), strict=True))
    seen |= {at: replace(one, gate=gated.get(at)) for at, one in read.items()}
    return _answered(models, scan, indices, seen, refuse)


def _within(gated: dict[int, GateAnswer], indices: Sequence[int]) -> Sequence[int]:
    """From the first to the last slice that passed: one between that did not is a part of the same brain."""
    passed = [place for place, at in enumerate(indices) if at not in gated or gated[at].passed]
    return indices[passed[0] : passed[-1] + 1]


def _in_batches(work: Callable[[Sequence[Slice]], list[_Answer]], scan: Scan, indices: Sequence[int]) -> list[_Answer]:
    """Answers about slices, in order; the batches are the same however many threads there are, and so the bytes."""
    batches = [indices[at : at + BATCH_SIZE] for at in range(0, len(indices), BATCH_SIZE)]
    with ThreadPoolExecutor(min(len(batches), os.cpu_count() or 1, 4)) as pool:
        found = pool.map(lambda batch: work([scan.slice(at) for at in batch]), batches)
        return [one for batch in found for one in batch]


def _look(models: AnswersSlices, slices: Sequence[Slice]) -> list[_Seen]:
    found = [_Seen(None)] * len(slices)
    chosen = [at for at, one in enumerate(slices) if one.pixels.min() != one.pixels.max()]
    if not chosen:
        return found
    shown = [slices[at] for at in chosen]
    if models.reader is not None:
        for at, reading in zip(chosen, models.reader(shown, quick=True), strict=True):
            found[at] = _Seen(None, reading.tumor_logit, reading.kind_probabilities, _lean(reading))
        return found
    assert models.classifier is not None
    for at, answer in zip(chosen, models.classifier(shown), strict=True):
        none = min(max(answer.probabilities.get(_NO_TUMOR, 0.0), _SURE), 1 - _SURE)
        kinds = {name: value / (1 - none) for name, value in answer.probabilities.items() if name != _NO_TUMOR}
        found[at] = _Seen(None, log((1 - none) / none), kinds)
    return found


def _lean(reading: Reading) -> Reading:
    """A reading without its map, of which a volume has too many."""
    return replace(reading, map=np.zeros((0, 0), dtype=np.float32))


def _refusal(gated: dict[int, GateAnswer], indices: Sequence[int]) -> str | None:
    """Why the gate refuses the volume, in one sentence, or ``None``."""
    quarter = len(indices) // 4
    middle = indices[quarter : len(indices) - quarter]
    stopped = [gated[at] for at in middle if not gated[at].passed]
    if len(middle) - len(stopped) >= LEAST_PASSED * len(middle):
        return None
    first = "" if stopped[0].reason is None else f" Of the first: {stopped[0].reason}"
    return (
        f"{len(stopped):,} of the {len(middle):,} slices in the middle do not look like a slice of a brain MRI.{first}"
    )


def _refused(gate: Gate, scan: Scan, indices: Sequence[int], gated: dict[int, GateAnswer], reason: str) -> Analysis:
    shown = indices[len(indices) // 2]
    manifest = gate.manifest
    readings = tuple(
        SliceReading(at, "read" if one.passed else "refused", one.score, None, None) for at, one in gated.items()
    )
    said = f"Slices {indices[0]} to {indices[-1]} of {len(scan.pixels):,}, those inside the head, were looked at."
    return Analysis(
        scan=scan.slice(shown),
        label=None,
        probabilities={},
        mask=None,
        regions=(),
        activation_map=None,
        models=(ModelReference(manifest.id, manifest.task, manifest.sha256),),
        slice_index=shown,
        slice_count=len(scan.pixels),
        warnings=scan.warnings,
        timings={},
        gate_score=_median([one.score for one in gated.values()]) or 0.0,
        reason=reason,
        whole=Whole(readings, None, (), 1, said),
    )


def _answered(
    models: AnswersSlices, scan: Scan, indices: Sequence[int], seen: dict[int, _Seen], refuse: bool
) -> Analysis:
    slice_rules = UNNAMED_RULES if models.reader is None else models.reader.rules
    rules, own = slice_rules.for_volumes, slice_rules.volume
    logits = np.array([seen[at].logit for at in indices])
    window = window_of(scan.slice_mm, len(indices))
    votes = running_median(logits, window)
    alone = _probabilities(logits, slice_rules)
    voted = _probabilities(votes, rules)
    best = int(np.nanargmax(votes))
    tumor = float(voted[best])
    kinds = _kinds([seen[at] for at in indices], alone, voted >= rules.tumor_threshold, best, window)
    label = label_of(tumor, kinds, rules)

    mask: NDArray[np.bool_] | None = None
    if label != _NO_TUMOR:
        called = voted >= rules.tumor_threshold
        present = supported(called | (alone >= slice_rules.doubt[0]), called)
        mask = _mask(models, scan, indices, seen, present)
        if slice_rules.outlined_only and not mask.any():
            tumor, mask = min(tumor, rules.undecided), None
            label = label_of(tumor, kinds, rules)
    bodies = () if mask is None else measure_volume(mask, scan.slice(0).spacing_mm, scan.slice_mm, scan.affine)
    shown = bodies[0].largest_slice if bodies else indices[best if label != _NO_TUMOR else len(indices) // 2]
    if seen.get(shown) is None or seen[shown].kinds is None:
        shown = next(at for at in sorted(indices, key=lambda one: abs(one - shown)) if seen[at].kinds is not None)

    areas = np.zeros(len(scan.pixels), dtype=int) if mask is None else mask.sum(axis=(1, 2))
    readings = tuple(
        SliceReading(
            at,
            "refused" if seen[at].kinds is None else "read",
            _score(seen[at]),
            _known(alone[place]),
            _known(voted[place]),
            int(areas[at]),
        )
        for place, at in enumerate(indices)
    )
    left_out = sum(one.kinds is None for one in seen.values())
    said = statement(indices, left_out, len(scan.pixels), window, scan.slice_mm)
    whole = Whole(readings, mask, bodies, window, said, _bounds(bodies, own))

    base = models.analyze_slice(scan.slice(shown), gate=False)
    flat = None if mask is None else np.ascontiguousarray(mask[shown])
    answer = replace(
        base,
        label=label,
        probabilities={**{name: tumor * value for name, value in kinds.items()}, _NO_TUMOR: 1 - tumor},
        mask=flat,
        regions=() if flat is None else measure_mask(flat, base.spacing_mm),
        area_interval=None,
        whole=whole,
        warnings=_warnings(base, whole, refuse),
        reason=None if refuse else base.reason,
        gate_score=_median([_score(one) for one in seen.values()]),
        models=_asked(base, models, seen, outlined=flat is not None),
    )
    if models.reader is None:
        return replace(answer, prediction_set=(), coverage=None, findings=None)
    findings = _findings(models.reader, [one for one in seen.values() if one.reading], tumor, kinds, label, votes[best])
    return replace(
        answer,
        findings=findings,
        prediction_set=possible(tumor, kinds, rules, is_unlike=findings.is_unlike),
        coverage=rules.coverage,
    )


def _warnings(base: Analysis, whole: Whole, refuse: bool) -> tuple[str, ...]:
    """Those of the slice that is shown, but what they say of its outline or of the gate's view of it alone."""
    own = (NO_OUTLINE, UNSURE_OUTLINE, *((OVERRIDDEN,) if refuse else ()))
    kept = tuple(one for one in base.warnings if not one.startswith(own))
    return kept if whole.mask is None or whole.bodies else (*kept, NO_OUTLINE)


def _asked(
    base: Analysis, models: AnswersSlices, seen: dict[int, _Seen], *, outlined: bool
) -> tuple[ModelReference, ...]:
    """Who had a part in the answer: the segmenter where it outlined the volume, and not the shown slice alone."""
    others = tuple(one for one in base.models if one.task != "segmentation")
    if models.segmenter is None or not outlined or not _asks_segmenter(models, seen):
        return others
    own = models.segmenter.manifest
    return (*others, ModelReference(own.id, own.task, own.sha256))


def _probabilities(logits: NDArray[np.float64], rules: ReadingRules) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(rules.tumor_scale * logits + rules.tumor_bias, -60, 60))))


def _kinds(
    seen: Sequence[_Seen], alone: NDArray[np.float64], called: NDArray[np.bool_], best: int, window: int
) -> dict[str, float]:
    """Probability of each kind: the mean over the slices that are called a tumor, weighted by how sure each is."""
    near = np.abs(np.arange(len(seen)) - best) <= window // 2
    chosen = called if called.any() else near
    total: dict[str, float] = {}
    weight = 0.0
    for one, share, counts in zip(seen, alone, chosen, strict=True):
        if counts and one.kinds is not None:
            weight += float(share)
            for name, value in one.kinds.items():
                total[name] = total.get(name, 0.0) + float(share) * value
    return {name: value / weight for name, value in total.items()}


def _mask(
    models: AnswersSlices,
    scan: Scan,
    indices: Sequence[int],
    seen: dict[int, _Seen],
    present: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """The cleaned mask ``[slices, rows, cols]`` of the slices in which a tumor is present."""
    mask = np.zeros(scan.shape, dtype=bool)
    chosen = [at for at, counts in zip(indices, present, strict=True) if counts and seen[at].kinds is not None]
    if _asks_segmenter(models, seen):
        for at, outline in zip(chosen, _in_batches(models.outline_slices, scan, chosen), strict=True):
            mask[at] = outline
    else:
        for at in chosen:
            reading = seen[at].reading
            assert reading is not None
            mask[at] = reading.outline.mask
    return clean_volume(mask, scan.slice(0).spacing_mm, scan.slice_mm, min_volume_ml=LEAST_VOLUME_ML)


def _asks_segmenter(models: AnswersSlices, seen: dict[int, _Seen]) -> bool:
    """Whether the segmenter outlines the volume: one network for all of its slices."""
    if models.segmenter is None:
        return False
    return models.reader is None or models.segmented is None or _sequence(seen.values()) in models.segmented


def _sequence(seen: Iterable[_Seen]) -> str:
    names = Counter(one.reading.sequence for one in seen if one.reading is not None)
    return names.most_common(1)[0][0]


def _findings(
    reader: Reader, seen: Sequence[_Seen], tumor: float, kinds: dict[str, float], label: str, logit: float
) -> Findings:
    rules = reader.rules
    readings = [one.reading for one in seen if one.reading is not None]
    sequence = _sequence(seen)
    stripped = 2 * sum(one.stripped for one in readings) > len(readings)
    return replace(
        findings_of(readings[0], reader.manifest),
        tumor_logit=float(logit),
        tumor_probability=tumor,
        kind_probabilities=kinds,
        kind_uncertain=label == "tumor",
        sequence=sequence,
        stripped=stripped,
        unlike=float(np.median([one.unlike for one in readings])),
        is_unlike=2 * sum(one.is_unlike for one in readings) > len(readings),
        look=rules.look(sequence, stripped),
    )


def _bounds(bodies: Sequence[Body], rules: VolumeRules | None) -> VolumeBounds | None:
    values = [one.volume_ml for one in bodies if one.volume_ml is not None]
    if rules is None or rules.factors is None or not values:
        return None
    low, high = rules.factors
    return VolumeBounds(low * sum(values), high * sum(values), rules.factors_coverage)


def _score(one: _Seen) -> float | None:
    return None if one.gate is None else one.gate.score


def _median(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return float(np.median(known)) if known else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
