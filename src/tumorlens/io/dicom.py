"""DICOM images. Pixels, geometry and modality leave this module; no other element does."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorlens.errors import InputError, LimitError, UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.dicom_elements import frame_count, pixel_spacing, vector_of
from tumorlens.io.dicom_judgment import IN_COLOR, is_segmentation, judge, modality_of
from tumorlens.io.dicom_multiframe import read_frames
from tumorlens.io.dicom_pixels import grey_frame
from tumorlens.io.dicom_stacks import Placed, stacks_of
from tumorlens.io.limits import MAX_FILE_BYTES, check_memory, check_picture, checked_pixels
from tumorlens.io.plausible import implausible
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.scan import Scan, Source

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_DEFLATED = b"1.2.840.10008.1.2.1.99"


def read_dicom(data: bytes, source: Source, request: ReadRequest = ANY) -> Scan:
    """Decodes a DICOM image of one or many frames, or a DICOM segmentation as a mask.

    Of one frame: modality LUT, then VOI LUT or window where present, MONOCHROME1 inverted. A window clips and does not
    rescale, so the values stay in the units of the modality LUT. Of many frames: those of one stack in order along
    its normal, without windows, since these differ between frames. ``PixelSpacing`` is the spacing;
    ``ImagerPixelSpacing`` is measured at the detector and not in the patient, so it is not used. An optional element
    that cannot be read is left out with a warning. No element other than pixels, geometry and modality gets into the
    scan, its warnings, an error or a log.

    Args:
        data: the file's bytes, with or without the 128-byte preamble.
        source: path, digest and format of the file.
        request: which volume of several, and how much memory it may take.

    Raises:
        UnreadableFileError: no pixels, damaged, or a compression that cannot be decoded.
        InputError: a constant picture.
        LimitError: too small or too large; known from the header, before decoding.
        UsageError: there is no such volume.

    Source: DICOM PS3.3 C.7.6.2 (geometry), C.7.6.3 (pixels), C.7.6.16 (functional groups), C.11.1 (modality LUT),
    C.11.2 (VOI LUT).
    """
    hush("pydicom")
    return guarded("a DICOM file", lambda: _decode(data, source, request))


def _decode(data: bytes, source: Source, request: ReadRequest) -> Scan:
    warnings: list[str] = []
    dataset = parse(data)
    check_header(dataset)
    frames = frame_count(dataset, warnings)
    if frames > 1 or "SharedFunctionalGroupsSequence" in dataset or is_segmentation(dataset):
        return read_frames(dataset, frames, source, request, warnings)
    refusal = judge(dataset, warnings)
    check_memory((1, int(dataset.Rows), int(dataset.Columns)), 8, request.memory)
    pixels, colored = grey_frame(dataset, warnings)
    pixels = checked_pixels(pixels, warnings)
    spacing = plausible_spacing(dataset, warnings)
    return Scan(
        pixels,
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "dicom",
        affine=_affine(dataset, spacing),
        modality=modality_of(dataset),
        source=source,
        warnings=tuple(warnings),
        refusal=refusal or (IN_COLOR if colored else None),
    )


def parse(data: bytes, *, header_only: bool = False) -> FileDataset:
    """The data set of a file, with a transfer syntax also where the file states none.

    Args:
        data: the file's bytes.
        header_only: stop before the pixels.

    Raises:
        LimitError: it is deflated and inflates beyond the limit.
    """
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    hush("pydicom")
    if _DEFLATED in data[:8192]:
        _check_deflated(data)
    with pydicom.config.disable_value_validation():
        dataset = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=header_only)
    if not getattr(dataset.file_meta, "TransferSyntaxUID", None):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_deflated(data: bytes) -> None:
    """Inflates a deflated data set piece by piece and counts, because pydicom inflates it whole, whatever its size."""
    from pydicom.filereader import read_dataset, read_preamble

    stream = io.BytesIO(data)
    read_preamble(stream, force=True)
    read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    inflater, total, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[stream.tell() :]
    while rest and not inflater.eof:
        total += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if total > MAX_FILE_BYTES:
            raise LimitError(f"This deflated DICOM file inflates to more than {MAX_FILE_BYTES:,} bytes, the limit.")


def check_header(dataset: FileDataset) -> None:
    """Everything that can be refused before pixels are decoded.

    Raises:
        InputError: it is a directory of other files.
        UnreadableFileError: no pixels, or no size.
        LimitError: too small or too large.
    """
    if "DirectoryRecordSequence" in dataset:
        raise InputError("This is a DICOMDIR, a directory of other files: give the folder that holds them.")
    if not any(name in dataset for name in _PIXELS):
        raise UnreadableFileError(
            "This DICOM file holds no pixels (it is a report, a directory or cut off): export the image itself."
        )
    rows, cols = dataset.get("Rows"), dataset.get("Columns")
    if not isinstance(rows, int) or not isinstance(cols, int):
        raise UnreadableFileError("This DICOM file does not state its Rows and Columns: export it again.")
    check_picture(rows, cols)


def plausible_spacing(dataset: Any, warnings: list[str]) -> tuple[float, float] | None:
    """``PixelSpacing`` where it is one that a head can have."""
    spacing = pixel_spacing(dataset, warnings)
    wrong = None if spacing is None else implausible(spacing, (int(dataset.Rows), int(dataset.Columns)))
    if wrong is None:
        return spacing
    warnings.append(wrong)
    return None


def placed(dataset: Any, number: int) -> Placed | None:
    """Where a classic image lies, or ``None`` where it does not say so in usable numbers."""
    position, orientation = (
        vector_of(dataset, "ImagePositionPatient", 3),
        vector_of(dataset, "ImageOrientationPatient", 6),
    )
    if position is None or orientation is None or not is_frame(orientation):
        return None
    return Placed(number, position, orientation)


def is_frame(orientation: Any) -> bool:
    """Whether six cosines are two directions of length 1 at right angles, up to rounding."""
    row, col = orientation[:3], orientation[3:]
    return bool(max(abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(col) - 1), abs(row @ col)) < 0.01)


def _affine(dataset: Any, spacing: tuple[float, float] | None) -> Any:
    """4 x 4 from ``(slice, row, col, 1)`` to RAS+ millimeters of a single image."""
    place = placed(dataset, 0)
    if place is None or spacing is None:
        return None
    (stack,) = stacks_of([place])
    return stack.affine(spacing)[:, [2, 1, 0, 3]]
