"""``analyze``: the whole path of a scan, from a file or an array to its :class:`Analysis`."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, InvalidScanError, TumorlensError, UsageError, WeightsError
from tumorlens.inference.analysis import Analysis, Failure, ModelReference
from tumorlens.inference.classifier import Classification, Classifier
from tumorlens.inference.manifest import Manifest
from tumorlens.inference.segmenter import Segmenter
from tumorlens.inference.session import ModelSession
from tumorlens.inference.shipped import DEFAULT_CLASSIFIER, DEFAULT_SEGMENTER, shipped_model
from tumorlens.io import read_scan
from tumorlens.io.limits import check_picture
from tumorlens.labels import TumorClass
from tumorlens.measurement import measure_mask
from tumorlens.scan import Scan, Source

ScanLike = str | os.PathLike[str] | NDArray[Any] | Scan
BATCH_SIZE = 8
NO_OUTLINE = "The classifier names a tumor, but the segmenter outlines none: look at the scan yourself."


def _session(folder: Path, task: str, threads: int) -> ModelSession:
    session = ModelSession(folder, threads)
    if session.manifest.task != task:
        raise WeightsError(f"The model in {folder} does {session.manifest.task}, and one for {task} is needed here.")
    return session


@dataclass(frozen=True, eq=False)
class _Slice:
    """A 2-D scan, and its place in the volume it was taken from if it was."""

    scan: Scan
    index: int | None
    count: int


class Analyzer:
    """A classifier and a segmenter, loaded once and used for many scans.

    Args:
        classifier: model folder; ``None`` for the one that ships.
        segmenter: model folder; ``None`` for the one that ships.
        threads: processor threads of one model run; 0 lets ONNX Runtime choose.

    Raises:
        WeightsError: a model is missing, altered, or does another task.
    """

    def __init__(self, classifier: Path | None = None, segmenter: Path | None = None, threads: int = 0) -> None:
        self.classifier = Classifier(
            _session(classifier or shipped_model(DEFAULT_CLASSIFIER), "classification", threads)
        )
        self.segmenter = Segmenter(_session(segmenter or shipped_model(DEFAULT_SEGMENTER), "segmentation", threads))

    @property
    def manifests(self) -> tuple[Manifest, Manifest]:
        """Manifests of the classifier and of the segmenter."""
        return self.classifier.manifest, self.segmenter.manifest

    def analyze(
        self, scan: ScanLike, spacing_mm: tuple[float, float] | None = None, slice: int | None = None
    ) -> Analysis:
        """Analyze one scan; see :func:`analyze`."""
        started = time.perf_counter()
        prepared = open_slice(scan, spacing_mm, slice)
        return self._answer([prepared], time.perf_counter() - started)[0]

    def analyze_many(
        self, scans: Iterable[ScanLike], spacing_mm: tuple[float, float] | None = None, slice: int | None = None
    ) -> Iterator[Analysis | Failure]:
        """Analyze scans in batches, in order; see :func:`analyze_many`."""
        for batch in _batched(scans):
            started = time.perf_counter()
            opened = [_opened_or_failure(one, spacing_mm, slice) for one in batch]
            good = [one for one in opened if not isinstance(one, Failure)]
            answers = iter(self._answer(good, time.perf_counter() - started) if good else [])
            yield from (one if isinstance(one, Failure) else next(answers) for one in opened)

    def _answer(self, opened: Sequence[_Slice], reading_s: float) -> list[Analysis]:
        scans = [one.scan for one in opened]
        started = time.perf_counter()
        classified = self.classifier(scans)
        classified_at = time.perf_counter()
        positive = [index for index, one in enumerate(classified) if one.label != TumorClass.NO_TUMOR]
        masks: dict[int, NDArray[np.bool_]] = {}
        if positive:
            masks = dict(zip(positive, self.segmenter([scans[index] for index in positive]), strict=True))
        segmented_at = time.perf_counter()
        share = len(opened)
        timings = {
            "read": reading_s / share,
            "classify": (classified_at - started) / share,
            "segment": (segmented_at - classified_at) / share,
        }
        return [
            self._analysis(one, answer, masks.get(index), timings)
            for index, (one, answer) in enumerate(zip(opened, classified, strict=True))
        ]

    def _analysis(
        self, opened: _Slice, answer: Classification, mask: NDArray[np.bool_] | None, timings: dict[str, float]
    ) -> Analysis:
        started = time.perf_counter()
        scan = opened.scan
        spacing = None if scan.spacing_mm is None else (scan.spacing_mm[0], scan.spacing_mm[1])
        regions = () if mask is None else measure_mask(mask, spacing)
        used = self.manifests[:1] if mask is None else self.manifests
        return Analysis(
            scan=scan,
            label=answer.label,
            probabilities=answer.probabilities,
            mask=mask,
            regions=regions,
            activation_map=answer.activation_map,
            models=tuple(ModelReference(one.id, one.task, one.sha256) for one in used),
            slice_index=opened.index,
            slice_count=opened.count,
            warnings=scan.warnings + ((NO_OUTLINE,) if mask is not None and not regions else ()),
            timings={**timings, "measure": time.perf_counter() - started},
        )


def open_slice(scan: ScanLike, spacing_mm: tuple[float, float] | None = None, index: int | None = None) -> _Slice:
    """Read the input, take the slice (the middle one of a volume for ``None``) and set the user's spacing.

    Raises:
        InputError: the input cannot be read or is no image.
        UsageError: there is no such slice, or the spacing is not two positive numbers.
    """
    whole = _to_scan(scan)
    count = whole.shape[0] if whole.is_volume else 1
    chosen = None if not whole.is_volume else (count // 2 if index is None else index)
    flat = whole.slice(index)
    if spacing_mm is not None:
        try:
            flat = flat.with_spacing(spacing_mm)
        except InvalidScanError as error:
            raise UsageError(str(error)) from error
    if flat.pixels.min() == flat.pixels.max():
        raise InputError("Every pixel of this slice has the same value, so there is nothing to read: choose another.")
    return _Slice(flat, chosen, count)


def _to_scan(given: ScanLike) -> Scan:
    if isinstance(given, Scan):
        return given
    if isinstance(given, str | os.PathLike):
        return read_scan(given)
    array = np.asarray(given)
    if array.dtype == object or not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_):
        raise InvalidScanError(f"An array of type {array.dtype} is no image: pass numbers, [rows, cols].")
    if np.iscomplexobj(array):
        raise InvalidScanError("The array is complex: pass its magnitude.")
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        raise InvalidScanError(
            f"An array of shape {array.shape} may be a color picture or a volume: pass grey [rows, cols], or a Scan."
        )
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    scan = Scan(array.astype(np.float32), source=Source(None, digest, "array"))
    check_picture(scan.shape[-2], scan.shape[-1])
    return scan


def _opened_or_failure(scan: ScanLike, spacing_mm: tuple[float, float] | None, index: int | None) -> _Slice | Failure:
    try:
        return open_slice(scan, spacing_mm, index)
    except TumorlensError as error:
        if isinstance(scan, str | os.PathLike):
            return Failure(os.fspath(scan), error)
        source = scan.source.path if isinstance(scan, Scan) else None
        return Failure(
            source or f"array of shape {np.shape(scan) if not isinstance(scan, Scan) else scan.shape}", error
        )


def _batched(scans: Iterable[ScanLike]) -> Iterator[tuple[ScanLike, ...]]:
    rest = iter(scans)
    while batch := tuple(itertools.islice(rest, BATCH_SIZE)):
        yield batch


@lru_cache(maxsize=1)
def default_analyzer() -> Analyzer:
    """The models that ship, loaded at the first call."""
    return Analyzer()


def analyze(scan: ScanLike, spacing_mm: tuple[float, float] | None = None, slice: int | None = None) -> Analysis:
    """Say what a brain MRI slice shows, with the models that ship. Research use, not a medical device.

    Args:
        scan: path of a PNG, JPEG, BMP, TIFF, DICOM, NIfTI or figshare ``.mat`` file; a grey array ``[rows, cols]`` or
            ``[slices, rows, cols]`` of any numeric type; or a :class:`Scan`.
        spacing_mm: ``(row, col)`` in millimetres where the file states none, or to overrule it.
        slice: number of the slice of a volume, from 0; the middle one for ``None``.

    Returns:
        The label, probabilities, mask, measurements and activation map.

    Raises:
        InputError: the scan cannot be read, or breaks a limit.
        UsageError: the spacing or the slice is not possible.
        WeightsError: a model is missing or altered.
    """
    return default_analyzer().analyze(scan, spacing_mm, slice)


def analyze_many(
    inputs: Iterable[ScanLike], spacing_mm: tuple[float, float] | None = None, slice: int | None = None
) -> Iterator[Analysis | Failure]:
    """Analyze many scans in batches, lazily and in order; what cannot be analyzed comes back as a :class:`Failure`.

    Arguments are those of :func:`analyze`.

    Raises:
        WeightsError: a model is missing or altered.
    """
    return default_analyzer().analyze_many(inputs, spacing_mm, slice)
