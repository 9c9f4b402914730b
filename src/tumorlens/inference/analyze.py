"""``analyze``: the whole path of a scan, from a file or an array to its :class:`Analysis`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import TumorlensError
from tumorlens.inference.analysis import NO_OUTLINE, OVERRIDDEN, Analysis, Failure, ModelReference
from tumorlens.inference.areas import AreaBoundsOfMask, area_bounds
from tumorlens.inference.classifier import Classification, ClassifiesSlices, open_classifier, prediction_set
from tumorlens.inference.findings import findings_of
from tumorlens.inference.gate import Gate, GateAnswer, open_gate
from tumorlens.inference.manifest import Manifest, read_manifest
from tumorlens.inference.opening import open_session
from tumorlens.inference.reader import Reader, Reading, held_down, open_reader
from tumorlens.inference.scans import OpenSlice, ScanLike, open_slice, opened, opened_or_failure
from tumorlens.inference.segmenter import Outline, Segmenter
from tumorlens.inference.session import Floats
from tumorlens.inference.shipped import (
    DEFAULT_GATE,
    DEFAULT_SEGMENTER,
    default_model,
    shipped_model,
)
from tumorlens.inference.volume import volume_analysis
from tumorlens.labels import TumorClass
from tumorlens.measurement import measure_mask
from tumorlens.preprocessing.content import head_area
from tumorlens.request import PLAIN, AnalysisRequest
from tumorlens.scan import Scan, Slice

BATCH_SIZE = 8


@dataclass(frozen=True, eq=False)
class _Read:
    """What the models said about one slice: no answer where the gate refused it."""

    gate: GateAnswer | None
    answer: Classification | None
    outline: Outline | None
    reading: Reading | None = None

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Mask of the outline, bool ``[rows, cols]``."""
        return None if self.outline is None else self.outline.mask


class Analyzer:
    """A gate and a reader, or a gate, a classifier and a segmenter, loaded once and used for many scans.

    Args:
        classifier: folder of a classifier or of a reader; ``None`` for the reader that ships.
        segmenter: folder of a segmenter, which outlines in the reader's place; ``None`` for the reader itself (and the
            segmenter that ships where the reader's manifest says so), or beside a classifier for the one that ships.
        threads: processor threads of one model run; 0 lets ONNX Runtime choose.
        gate: model folder; ``None`` for the one that ships, ``False`` to ask none.

    Raises:
        WeightsError: a model is missing, altered, or does another task.
    """

    def __init__(
        self,
        classifier: Path | None = None,
        segmenter: Path | None = None,
        threads: int = 0,
        gate: Path | Literal[False] | None = None,
    ) -> None:
        self.gate: Gate | None = None
        if gate is not False:
            self.gate = open_gate(gate or shipped_model(DEFAULT_GATE), threads)
        folder = classifier or default_model()
        self.reader: Reader | None = None
        self.classifier: ClassifiesSlices | None = None
        if read_manifest(folder).task == "reading":
            self.reader = open_reader(folder, threads)
        else:
            self.classifier = open_classifier(folder, threads)
        self.segmenter: Segmenter | None = None
        self.segmented: tuple[str, ...] | None = None
        if segmenter is None and self.reader is not None:
            self.segmented = self.reader.rules.segmented
        if segmenter is not None or self.reader is None or self.segmented:
            chosen = segmenter or shipped_model(DEFAULT_SEGMENTER)
            self.segmenter = Segmenter(open_session(chosen, "segmentation", threads))

    @property
    def naming(self) -> Manifest:
        """Manifest of what says whether there is a tumor and of which kind."""
        named = self.reader or self.classifier
        assert named is not None
        return named.manifest

    def outlining(self, reading: Reading | None) -> Manifest:
        """Manifest of what says where it is, in a slice that was read so."""
        if self.segmenter is not None and self._asks_segmenter(reading):
            return self.segmenter.manifest
        assert self.reader is not None
        return self.reader.manifest

    def _asks_segmenter(self, reading: Reading | None) -> bool:
        if self.segmenter is None:
            return False
        return reading is None or self.segmented is None or reading.sequence in self.segmented

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """Manifests of the gate (if one is asked), of the reader or classifier, and of the segmenter (if one is)."""
        gate = () if self.gate is None else (self.gate.manifest,)
        segmenter = () if self.segmenter is None else (self.segmenter.manifest,)
        return (*gate, self.naming, *segmenter)

    def analyze(self, scan: ScanLike, request: AnalysisRequest = PLAIN) -> Analysis:
        """Analyze one scan; see :func:`analyze`."""
        started = time.perf_counter()
        given = opened(scan, request)
        reading_s = time.perf_counter() - started
        if isinstance(given, Scan):
            return self._volume(given, reading_s, request.gate)
        return self._answers([given], reading_s, request.gate)[0]

    def analyze_slice(self, scan: Slice, *, gate: bool = True) -> Analysis:
        """Analyze one slice of a volume that is open."""
        return self._answers([open_slice(scan)], 0.0, gate)[0]

    def outline_slices(self, slices: Sequence[Slice]) -> list[NDArray[np.bool_]]:
        """Masks bool ``[rows, cols]`` of slices by the segmenter, and by the reader too where its manifest asks."""
        maps = None
        if self.segmented is not None and self.reader is not None:
            maps = [one.map for one in self.reader(slices, quick=True)]
        return [one.mask for one in self._outlined(slices, maps)]

    def _outlined(self, slices: Sequence[Slice], maps: Sequence[Floats] | None) -> list[Outline]:
        """Outlines of the segmenter; with a reader's ``maps`` of both, by the mean of their probabilities."""
        assert self.segmenter is not None
        if maps is None or self.reader is None:
            return self.segmenter.outline(slices)
        return self.segmenter.outline(slices, maps, self.reader.rules.mask_threshold)

    def _volume(self, scan: Scan, reading_s: float, refuse: bool) -> Analysis:
        started = time.perf_counter()
        found = volume_analysis(self, scan, refuse=refuse)
        return replace(found, timings={"read": reading_s, "volume": time.perf_counter() - started})

    def analyze_many(self, scans: Iterable[ScanLike], request: AnalysisRequest = PLAIN) -> Iterator[Analysis | Failure]:
        """Analyze scans in batches, in order; see :func:`analyze_many`."""
        for batch in _batched(scans):
            started = time.perf_counter()
            given = [opened_or_failure(one, request) for one in batch]
            good = [one for one in given if isinstance(one, OpenSlice)]
            answers = iter(self._answers(good, time.perf_counter() - started, request.gate) if good else [])
            for one in given:
                if isinstance(one, Scan):
                    yield self._volume_or_failure(one, request.gate)
                else:
                    yield one if isinstance(one, Failure) else next(answers)

    def _volume_or_failure(self, scan: Scan, refuse: bool) -> Analysis | Failure:
        try:
            return self._volume(scan, 0.0, refuse)
        except TumorlensError as error:
            return Failure(scan.source.path or f"array of shape {scan.shape}", error)

    def _answers(self, opened: Sequence[OpenSlice], reading_s: float, refuse: bool) -> list[Analysis]:
        """Gate, classes and outlines of some slices, each step in one batch; ``refuse`` lets the gate have its way."""
        scans = [one.scan for one in opened]
        times = [time.perf_counter()]
        gated: list[GateAnswer | None] = [None] * len(scans)
        if self.gate is not None:
            gated = list(self.gate(scans))
        times.append(time.perf_counter())
        passed = [at for at, one in enumerate(gated) if one is None or one.passed or not refuse]
        readings, answers = self._named(scans, passed)
        times.append(time.perf_counter())
        positive = [at for at, one in answers.items() if one.label != TumorClass.NO_TUMOR]
        outlines = {at: readings[at].outline for at in positive if at in readings}
        asked = [at for at in positive if self._asks_segmenter(readings.get(at))]
        if asked and self.segmenter is not None:
            maps = [readings[at].map for at in asked] if self.segmented is not None else None
            outlines |= dict(zip(asked, self._outlined([scans[at] for at in asked], maps), strict=True))
        if self.reader is not None and self.reader.rules.outlined_only:
            for at in [one for one in positive if not outlines[one].mask.any()]:
                readings[at] = held_down(readings[at], self.reader.rules)
                answers[at] = readings[at].classification
                del outlines[at]
        times.append(time.perf_counter())
        spent = [after - before for before, after in itertools.pairwise(times)]
        share = {
            name: seconds / len(opened)
            for (name, taken), seconds in zip(self._steps(), (reading_s, *spent), strict=True)
            if taken
        }
        return [
            self._analysis(one, _Read(gated[at], answers.get(at), outlines.get(at), readings.get(at)), share)
            for at, one in enumerate(opened)
        ]

    def _steps(self) -> tuple[tuple[str, bool], ...]:
        """Names of the steps of an answer, each with whether it is taken."""
        naming = "classify" if self.reader is None else "reader"
        return (
            ("read", True),
            ("gate", self.gate is not None),
            (naming, True),
            ("segment", self.segmenter is not None),
        )

    def _named(
        self, scans: Sequence[Slice], passed: Sequence[int]
    ) -> tuple[dict[int, Reading], dict[int, Classification]]:
        """Readings (of a reader), and classes, of the slices that passed the gate, by their places."""
        if not passed:
            return {}, {}
        chosen = [scans[at] for at in passed]
        if self.reader is not None:
            readings = dict(zip(passed, self.reader(chosen), strict=True))
            return readings, {at: one.classification for at, one in readings.items()}
        assert self.classifier is not None
        return {}, dict(zip(passed, self.classifier(chosen), strict=True))

    def _analysis(self, opened: OpenSlice, read: _Read, timings: dict[str, float]) -> Analysis:
        started = time.perf_counter()
        scan, answer, mask = opened.scan, read.answer, read.mask
        spread = 1.0 if read.outline is None else read.outline.spread
        regions = () if mask is None else measure_mask(mask, scan.spacing_mm)
        possible, coverage = self._possible(read)
        most = head_area(scan.pixels) if regions else inf
        interval = area_bounds(self.outlining(read.reading).area_interval, regions, spread, most)
        return Analysis(
            scan=scan,
            label=None if answer is None else answer.label,
            probabilities={} if answer is None else answer.probabilities,
            mask=mask,
            regions=regions,
            activation_map=None if answer is None else answer.activation_map,
            models=tuple(ModelReference(one.id, one.task, one.sha256) for one in self._used(read)),
            slice_index=opened.index,
            slice_count=opened.count,
            warnings=_warnings(scan, read, bool(regions), interval),
            timings={**timings, "measure": time.perf_counter() - started},
            gate_score=None if read.gate is None else read.gate.score,
            reason=None if read.gate is None else read.gate.reason,
            prediction_set=possible,
            coverage=coverage,
            area_interval=interval,
            findings=None if read.reading is None else findings_of(read.reading, self.naming),
        )

    def _possible(self, read: _Read) -> tuple[tuple[str, ...], float | None]:
        """Labels that remain possible, and the share of slices for which such sets hold the truth."""
        if read.answer is None:
            return (), None
        if read.reading is not None and self.naming.reading is not None:
            return read.reading.prediction_set, self.naming.reading.coverage
        conformal = self.naming.conformal
        return prediction_set(read.answer.probabilities, conformal), None if conformal is None else conformal.coverage

    def _used(self, read: _Read) -> list[Manifest]:
        used = [] if self.gate is None else [self.gate.manifest]
        if read.answer is not None:
            used.append(self.naming)
        if read.mask is not None and self.segmenter is not None and self._asks_segmenter(read.reading):
            used.append(self.segmenter.manifest)
        return used


def _warnings(scan: Slice, read: _Read, outlined: bool, interval: AreaBoundsOfMask | None) -> tuple[str, ...]:
    found = scan.warnings
    if read.answer is not None and read.gate is not None and not read.gate.passed:
        found = (f"{OVERRIDDEN} {read.gate.reason}", *found)
    if read.gate is None and scan.scan.refusal is not None:
        found = (scan.scan.refusal, *found)
    if interval is not None and interval.unsure_words is not None:
        found = (*found, interval.unsure_words)
    return (*found, NO_OUTLINE) if read.mask is not None and not outlined else found


def _batched(scans: Iterable[ScanLike]) -> Iterator[tuple[ScanLike, ...]]:
    rest = iter(scans)
    while batch := tuple(itertools.islice(rest, BATCH_SIZE)):
        yield batch


@lru_cache(maxsize=1)
def default_analyzer() -> Analyzer:
    """The models that ship, loaded at the first call."""
    return Analyzer()


def analyze(
    scan: ScanLike, spacing_mm: tuple[float, float] | None = None, slice: int | None = None, gate: bool = True
) -> Analysis:
    """Say what a brain MRI, a slice or a volume, shows, with the models that ship. Research use, not a medical device.

    Args:
        scan: path of a PNG, JPEG, BMP, TIFF, DICOM, NIfTI or figshare ``.mat`` file; a grey array ``[rows, cols]`` or
            ``[slices, rows, cols]`` of any numeric type; or a :class:`Scan`.
        spacing_mm: ``(row, col)`` in millimetres where the file states none, or to overrule it.
        slice: number of one slice of a volume, from 0, to read alone; the whole volume for ``None``.
        gate: whether to refuse what does not look like a slice of a brain MRI; ``False`` reads it all the same, with a
            warning.

    Returns:
        The label, probabilities, mask, measurements and activation map; or a refusal, with no label, where ``status``
        is ``"refused"`` and ``reason`` says why.

    Raises:
        InputError: the scan cannot be read, or breaks a limit.
        UsageError: the spacing or the slice is not possible.
        WeightsError: a model is missing or altered.
    """
    return default_analyzer().analyze(scan, AnalysisRequest(spacing_mm, slice, gate))


def analyze_many(
    inputs: Iterable[ScanLike],
    spacing_mm: tuple[float, float] | None = None,
    slice: int | None = None,
    gate: bool = True,
) -> Iterator[Analysis | Failure]:
    """Analyze many scans in batches, lazily and in order; what cannot be analyzed comes back as a :class:`Failure`.

    Arguments are those of :func:`analyze`.

    Raises:
        WeightsError: a model is missing or altered.
    """
    return default_analyzer().analyze_many(inputs, AnalysisRequest(spacing_mm, slice, gate))
