"""What a DICOM file says of the series that it is part of, read without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.io.dicom_elements import number_of, text_of, vector_of, words_of
from tumorlens.io.dicom_judgment import modality_of
from tumorlens.io.dicom_walk import walked
from tumorlens.io.sniff import HEAD_BYTES, sniff_format

_WANTED = (
    *("SOPClassUID", "ImageType", "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "NumberOfFrames", "Rows", "Columns"),
    *("DirectoryRecordSequence", "SharedFunctionalGroupsSequence"),
)
_AHEAD = 2**15
_EMPTY = np.zeros(6)


@dataclass(frozen=True, eq=False)
class SeriesHeader:
    """Attributes:
    key: what the files of a series share, orientation apart; stays in memory, for it names the patient.
    uid: the part of it that a name may be made of.
    orientation: direction of a row, then of a column, six cosines.
    number: of the series in its study.
    is_directory: it is a DICOMDIR, and all else is empty.
    """

    key: tuple[Any, ...]
    uid: str
    orientation: NDArray[np.float64]
    number: int | None
    is_directory: bool = False


def header_of(path: Path) -> SeriesHeader | None:
    """The header of a classic image that says where it lies, or of a DICOMDIR; ``None`` for any other file."""
    try:
        with path.open("rb") as file:
            head = file.read(_AHEAD)
            if sniff_format(head[:HEAD_BYTES]) != "dicom":
                return None
            if (plain := walked(head, header_only=True)) is not None and "DirectoryRecordSequence" not in plain:
                return _header(plain)
            import pydicom

            file.seek(0)
            with pydicom.config.disable_value_validation():
                dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(_WANTED))
        if "DirectoryRecordSequence" in dataset:
            return SeriesHeader((), "", _EMPTY, None, is_directory=True)
        return _header(dataset)
    except Exception:  # it will be read, and refused in a sentence, alone
        return None


def _header(dataset: Any) -> SeriesHeader | None:
    uid = text_of(dataset, "SeriesInstanceUID")
    if not uid or "SharedFunctionalGroupsSequence" in dataset or (text_of(dataset, "NumberOfFrames") or "1") != "1":
        return None
    orientation = vector_of(dataset, "ImageOrientationPatient", 6)
    if orientation is None or vector_of(dataset, "ImagePositionPatient", 3) is None:
        return None
    # A magnitude, a phase and a map computed from them may share a series and a place.
    kinds = words_of(dataset, "ImageType")[2:]
    size = dataset.get("Rows"), dataset.get("Columns")
    shared = (uid, size, modality_of(dataset), kinds)
    key = (text_of(dataset, "PatientID"), text_of(dataset, "StudyInstanceUID"), *shared)
    number = number_of(dataset, "SeriesNumber", [])
    return SeriesHeader(key, repr(shared), orientation, None if number is None else int(number))
