"""DICOM series: the files of one series and geometry, in a folder or anywhere, as one scan."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tumorlens.errors import InputError, UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.dicom import check_header, parse, placed
from tumorlens.io.dicom_elements import number_of, pixel_spacing, text_of, vector_of, words_of
from tumorlens.io.dicom_judgment import judge, modality_of
from tumorlens.io.dicom_multiframe import volume_scan
from tumorlens.io.dicom_pixels import check_grey, padding_of, rescaled, used_bits, without_padding
from tumorlens.io.dicom_stacks import Placed, Stack, stacks_of
from tumorlens.io.file_bytes import read_bytes
from tumorlens.io.frames import stored_pixels
from tumorlens.io.limits import check_memory
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.scan import Scan, Source


@dataclass(frozen=True)
class Series:
    """Classic DICOM files that make one scan.

    Attributes:
        files: their paths, sorted by name.
        name: number of the series in its study, or of the group where it has none; nothing of a patient.
    """

    files: tuple[Path, ...]
    name: str


def series_in(paths: Iterable[Path]) -> list[Series]:
    """The series of two or more classic single-frame images among DICOM files; what is not listed stands alone.

    Files belong together by series UID, size of picture, modality, kind of image and orientation. A file that cannot
    be read, has many frames, or lies nowhere, stands alone.
    """
    hush("pydicom")
    groups: dict[tuple[Any, ...], list[Path]] = {}
    numbers: dict[tuple[Any, ...], str] = {}
    for path in paths:
        found = _key(path)
        if found is not None:
            key, number = found
            groups.setdefault(key, []).append(path)
            numbers.setdefault(key, number)
    several = [(key, sorted(files)) for key, files in groups.items() if len(files) > 1]
    names: dict[str, int] = {}
    series: list[Series] = []
    for key, files in several:
        name = f"series-{numbers[key] or len(series) + 1}"
        names[name] = names.get(name, 0) + 1
        series.append(Series(tuple(files), name if names[name] == 1 else f"{name}-{names[name]}"))
    return series


def _key(path: Path) -> tuple[tuple[Any, ...], str] | None:
    """What the files of a series share, and the series' number; ``None`` for what stands alone."""
    import pydicom

    try:
        with pydicom.config.disable_value_validation():
            dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        if not text_of(dataset, "SeriesInstanceUID") or "SharedFunctionalGroupsSequence" in dataset:
            return None
        if (text_of(dataset, "NumberOfFrames") or "1") != "1" or "DirectoryRecordSequence" in dataset:
            return None
        orientation = vector_of(dataset, "ImageOrientationPatient", 6)
        if orientation is None or vector_of(dataset, "ImagePositionPatient", 3) is None:
            return None
        turned = tuple(np.round(orientation, 2).tolist())
        size = dataset.get("Rows"), dataset.get("Columns")
        key = (path.parent, text_of(dataset, "SeriesInstanceUID"), size, modality_of(dataset), turned)
        # A magnitude, a phase and a map computed from them may share a series and a place.
        kinds = tuple(word for word in words_of(dataset, "ImageType")[2:])
        number = number_of(dataset, "SeriesNumber", [])
    except Exception:  # it will be read, and refused in a sentence, alone
        return None
    return (*key, kinds), "" if number is None else f"{int(number)}"


def read_series(paths: Sequence[str | os.PathLike[str]], request: ReadRequest = ANY) -> Scan:
    """Reads the files of one series as a scan: sorted along the normal, with gaps, doubles and uneven steps said.

    The values are those of each file's modality LUT, without windows, since these differ between files.

    Args:
        paths: files of one series.
        request: which of several volumes at the same places, and how much memory it may take.

    Raises:
        UnreadableFileError: one of them cannot be read.
        InputError: they differ in size, or lie nowhere.
        LimitError: they take more memory than allowed; known from headers.
        UsageError: there is no such volume.
    """
    hush("pydicom")
    return guarded("a DICOM series", lambda: _read(paths, request))


def _read(paths: Sequence[str | os.PathLike[str]], request: ReadRequest) -> Scan:
    if not paths:
        raise UnreadableFileError("There is no file of a series: name at least one.")
    warnings: list[str] = []
    digest = hashlib.sha256()
    datasets, frames = [], []
    held = 0
    for number, path in enumerate(paths):
        data = read_bytes(path)
        held += len(data)
        check_memory((held,), 1, request.memory)
        digest.update(hashlib.sha256(data).digest())
        dataset = parse(data)
        check_header(dataset)
        place = placed(dataset, number)
        if place is None:
            raise InputError("A file of this series does not say where it lies: read it alone.")
        datasets.append(dataset)
        frames.append(place)
    stack = _stack(datasets, frames, request, warnings)
    first = datasets[stack.numbers[0]]
    rows, cols = int(first.Rows), int(first.Columns)
    check_memory((len(stack.numbers), rows, cols), 6, request.memory)
    refusal = judge(first, warnings)
    spacing = pixel_spacing(first, warnings)
    pixels = _pixels([datasets[number] for number in stack.numbers], warnings)
    source = Source(path=os.fspath(paths[0]), sha256=digest.hexdigest(), format="dicom")
    return volume_scan(pixels, stack, spacing, modality_of(first), source, warnings, refusal)


def _stack(datasets: list[Any], frames: list[Placed], request: ReadRequest, warnings: list[str]) -> Stack:
    order = sorted(range(len(datasets)), key=lambda at: _rank(datasets[at]))
    stacks = stacks_of([frames[at] for at in order])
    stack = stacks[request.chosen(len(stacks), warnings)]
    warnings.extend(stack.doubts)
    return stack


def _rank(dataset: Any) -> tuple[float, ...]:
    """Echo, time point, b-value and number of an image: the order of those that lie at one place."""
    names = ("EchoTime", "TemporalPositionIdentifier", "DiffusionBValue", "AcquisitionNumber", "InstanceNumber")
    values = (number_of(dataset, name, [], first=True) for name in names)
    return tuple(0.0 if value is None else value for value in values)


def _pixels(datasets: list[Any], warnings: list[str]) -> Any:
    slices = []
    shapes = {(int(one.Rows), int(one.Columns)) for one in datasets}
    if len(shapes) > 1:
        raise InputError(f"The pictures of this series have {len(shapes)} sizes: read them one by one.")
    kind = text_of(datasets[0], "PhotometricInterpretation") or ""
    check_grey(kind)
    for dataset in datasets:
        stored = stored_pixels(dataset)
        padding = padding_of(stored, dataset, warnings)
        slices.append(without_padding(rescaled(used_bits(stored, dataset), dataset, warnings), padding))
    if len({one.dtype for one in slices}) > 1 or slices[0].dtype.kind == "f":
        slices = [one.astype(np.float32) for one in slices]
    pixels = np.stack(slices)
    return pixels.max() + pixels.min() - pixels if kind == "MONOCHROME1" else pixels
