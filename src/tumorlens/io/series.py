"""DICOM series: the files of one series and geometry, in a folder or anywhere, as one scan."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, TumorlensError, UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.dicom import check_header, parse, placed
from tumorlens.io.dicom_elements import number_of, pixel_spacing, text_of
from tumorlens.io.dicom_judgment import judge, modality_of
from tumorlens.io.dicom_multiframe import volume_scan
from tumorlens.io.dicom_pixels import check_grey, padding_of, rescaled, used_bits, without_padding
from tumorlens.io.dicom_stacks import Placed, Stack, stacks_of
from tumorlens.io.dicom_walk import walked
from tumorlens.io.file_bytes import read_bytes
from tumorlens.io.frames import stored_pixels
from tumorlens.io.limits import check_memory
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.io.series_header import header_of
from tumorlens.scan import Scan, Source

_SAME_TURN = 0.01
_DIGITS = 8
_SHOWN = 5

LeftOut = list[tuple[Path, TumorlensError]]
"""Files of a series that were not read, and why."""


@dataclass(frozen=True)
class Series:
    """Classic DICOM files that make one scan.

    Attributes:
        files: their paths, in the order given.
        name: ``series-NUMBER-DIGEST``: number of the series in its study, where it has one, and the beginning of a
            SHA-256 of its UID and geometry, the same wherever the files lie; nothing of a patient.
    """

    files: tuple[Path, ...]
    name: str


@dataclass(frozen=True)
class Grouped:
    """DICOM files by what they are part of.

    Attributes:
        series: those of two or more classic images.
        directories: DICOMDIR files, whatever they are called.
    """

    series: tuple[Series, ...]
    directories: frozenset[Path]


def series_in(paths: Iterable[Path]) -> list[Series]:
    """The series of :func:`grouped`, their files sorted by name."""
    return list(grouped(sorted(paths)).series)


def grouped(paths: Iterable[Path]) -> Grouped:
    """The series of two or more classic single-frame images among files; what is not listed stands alone.

    Files belong together by patient, study, series UID, size of picture, modality, kind of image and orientation,
    in whatever folders they lie. A file that is no DICOM, cannot be read, has many frames, or lies nowhere, stands
    alone.
    """
    hush("pydicom")
    groups: dict[tuple[Any, ...], list[_Group]] = {}
    directories = set()
    for path in paths:
        header = header_of(path)
        if header is None:
            continue
        if header.is_directory:
            directories.add(path)
            continue
        near = groups.setdefault(header.key, [])
        for group in near:
            if np.abs(group.orientation - header.orientation).max() <= _SAME_TURN:
                group.files.append(path)
                break
        else:
            near.append(_Group(header.orientation, [path], _name(header.uid, header.orientation, header.number)))
    several = [group for near in groups.values() for group in near if len(group.files) > 1]
    names: dict[str, int] = {}
    series = []
    for group in several:
        names[group.name] = names.get(group.name, 0) + 1
        name = group.name if names[group.name] == 1 else f"{group.name}-{names[group.name]}"
        series.append(Series(tuple(group.files), name))
    return Grouped(tuple(series), frozenset(directories))


@dataclass
class _Group:
    orientation: NDArray[np.float64]
    files: list[Path]
    name: str


def _name(uid: str, orientation: NDArray[np.float64], number: int | None) -> str:
    # Adding 0 makes the negative zero positive.
    turned = (np.round(orientation, 1) + 0.0).tolist()
    digest = hashlib.sha256(f"{uid} {turned}".encode()).hexdigest()[:_DIGITS]
    return f"series-{digest}" if number is None else f"series-{number}-{digest}"


def series_digest(paths: Iterable[str | os.PathLike[str]]) -> str:
    """SHA-256 of a series, in hex: over the sorted digests of its files, whatever their names.

    A file that cannot be opened counts as an empty one.
    """
    return _joined(_digest(path) for path in paths)


def _joined(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _digest(path: str | os.PathLike[str]) -> bytes:
    try:
        return hashlib.sha256(read_bytes(path)).digest()
    except TumorlensError:
        return hashlib.sha256().digest()


@dataclass(eq=False)
class _Member:
    """One file of a series that is being read."""

    number: int
    path: Path
    dataset: Any
    place: Placed
    rank: tuple[float, ...]
    pixels: NDArray[Any] | None = None


def read_series(
    paths: Sequence[str | os.PathLike[str]], request: ReadRequest = ANY, left_out: LeftOut | None = None
) -> Scan:
    """Reads the files of one series as a scan: sorted along the normal, with gaps, doubles and uneven steps said.

    The values are those of each file's modality LUT, without windows, since these differ between files. A file that
    cannot be read is left out, and a warning says why; so is a copy of another, byte by byte.

    Args:
        paths: files of one series.
        request: which of several volumes at the same places, and how much memory it may take.
        left_out: takes the files that could not be read; the warnings of the scan hold no path.

    Raises:
        UnreadableFileError: none of them can be read.
        InputError: they differ in size, or none says where it lies.
        LimitError: they take more memory than allowed; known from headers.
        UsageError: there is no such volume.
    """
    hush("pydicom")
    return guarded("a DICOM series", lambda: _read(paths, request, [] if left_out is None else left_out))


def _read(paths: Sequence[str | os.PathLike[str]], request: ReadRequest, left_out: LeftOut) -> Scan:
    if not paths:
        raise UnreadableFileError("There is no file of a series: name at least one.")
    warnings: list[str] = []
    lost: dict[int, TumorlensError] = {}
    members, digest, copies = _members(paths, request, lost)
    if copies:
        warnings.append(f"{copies} file(s) are copies of others of this series, and were left out.")
    while True:
        said: list[str] = []
        stack = _stack(members, request, said, lost)
        chosen = [members[number] for number in stack.numbers]
        _check_sizes(chosen, request)
        before = len(lost)
        for member in chosen:
            if member.pixels is None:
                _decode(member, warnings, lost)
        if len(lost) == before:
            break
        members = {number: member for number, member in members.items() if number not in lost}
    warnings.extend(said)
    warnings.extend(_sentences(lost, len(paths)))
    left_out.extend((Path(paths[number]), error) for number, error in sorted(lost.items()))
    first = chosen[0].dataset
    refusal = judge(first, warnings)
    spacing = pixel_spacing(first, warnings)
    pixels = _joined_pixels(chosen, text_of(first, "PhotometricInterpretation") == "MONOCHROME1")
    source = Source(path=os.fspath(paths[0]), sha256=digest, format="dicom")
    return volume_scan(pixels, stack, spacing, modality_of(first), source, warnings, refusal)


def _members(
    paths: Sequence[str | os.PathLike[str]], request: ReadRequest, lost: dict[int, TumorlensError]
) -> tuple[dict[int, _Member], str, int]:
    """The files that can be parsed, the digest of all, and how many are copies of others."""
    members: dict[int, _Member] = {}
    digests: list[bytes] = []
    seen: set[bytes] = set()
    held = copies = 0
    for number, path in enumerate(paths):
        try:
            data = read_bytes(path)
        except TumorlensError as error:
            lost[number] = error
            digests.append(hashlib.sha256().digest())
            continue
        digests.append(hashlib.sha256(data).digest())
        if digests[-1] in seen:
            copies += 1
            continue
        seen.add(digests[-1])
        held += len(data)
        check_memory((held,), 1, request.memory)
        try:
            members[number] = _member(number, Path(path), data)
        except TumorlensError as error:
            lost[number] = error
    return members, _joined(digests), copies


def _member(number: int, path: Path, data: bytes) -> _Member:
    def parsed() -> _Member:
        dataset = walked(data)
        if dataset is None:
            dataset = parse(data)
        check_header(dataset)
        place = placed(dataset, number)
        if place is None:
            raise InputError("This file does not say where it lies, as a file of a series must: read it alone.")
        return _Member(number, path, dataset, place, _rank(dataset))

    return guarded("a DICOM file", parsed)


def _stack(
    members: dict[int, _Member], request: ReadRequest, warnings: list[str], lost: dict[int, TumorlensError]
) -> Stack:
    if not members:
        raise lost[min(lost)]
    stacks = stacks_of([one.place for one in sorted(members.values(), key=lambda one: one.rank)])
    stack = stacks[request.chosen(len(stacks), warnings)]
    warnings.extend(stack.doubts)
    return stack


def _rank(dataset: Any) -> tuple[float, ...]:
    """Echo, time point, b-value and number of an image: the order of those that lie at one place."""
    names = ("EchoTime", "TemporalPositionIdentifier", "DiffusionBValue", "AcquisitionNumber", "InstanceNumber")
    values = (number_of(dataset, name, [], first=True) for name in names)
    return tuple(0.0 if value is None else value for value in values)


def _check_sizes(members: Sequence[_Member], request: ReadRequest) -> None:
    shapes = {(int(one.dataset.Rows), int(one.dataset.Columns)) for one in members}
    if len(shapes) > 1:
        raise InputError(f"The pictures of this series have {len(shapes)} sizes: read them one by one.")
    check_memory((len(members), *shapes.pop()), 6, request.memory)


def _decode(member: _Member, warnings: list[str], lost: dict[int, TumorlensError]) -> None:
    dataset = member.dataset

    def values() -> NDArray[Any]:
        check_grey(text_of(dataset, "PhotometricInterpretation") or "")
        stored = stored_pixels(dataset)
        padding = padding_of(stored, dataset, warnings)
        return without_padding(rescaled(used_bits(stored, dataset), dataset, warnings), padding)

    try:
        member.pixels = guarded("a DICOM file", values)
    except TumorlensError as error:
        lost[member.number] = error


def _joined_pixels(members: Sequence[_Member], inverted: bool) -> NDArray[Any]:
    """All slices in one array, whose parts are let go on the way."""
    slices = [one.pixels for one in members if one.pixels is not None]
    kinds = {one.dtype for one in slices}
    kind = np.dtype(np.float32) if len(kinds) > 1 or slices[0].dtype.kind == "f" else slices[0].dtype
    pixels = np.stack(slices, dtype=kind, casting="unsafe")
    return pixels.max() + pixels.min() - pixels if inverted else pixels


def _sentences(lost: dict[int, TumorlensError], count: int) -> list[str]:
    """Which files were left out and why, by their number in the order of names: a name may tell who a patient is."""
    reasons: dict[str, list[int]] = {}
    for number, error in sorted(lost.items()):
        reasons.setdefault(str(error), []).append(number + 1)
    said = []
    for reason, numbers in reasons.items():
        which = ", ".join(str(one) for one in numbers[:_SHOWN]) + (" and more" if len(numbers) > _SHOWN else "")
        said.append(f"{len(numbers)} of the {count} files of this series were left out (by name no. {which}): {reason}")
    return said
