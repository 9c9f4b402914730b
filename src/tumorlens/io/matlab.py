"""The figshare brain-tumor files: MATLAB v7.3, which is HDF5, with one struct ``cjdata``.

Source: J. Cheng, brain tumor dataset, https://doi.org/10.6084/m9.figshare.1512427.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.decoding import guarded
from tumorlens.io.file_bytes import noting, read_bytes
from tumorlens.io.limits import check_bytes, check_picture, checked_pixels
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.scan import Scan, Source

_WHAT = "a MATLAB v7.3 file"
_NO_STRUCT = (
    "This is an HDF5 file without the figshare struct 'cjdata' (label, PID, image, tumorBorder, tumorMask): "
    "export its image as PNG, DICOM or NIfTI."
)


@dataclass(frozen=True, eq=False)
class CjData:
    """One record of the collection.

    Attributes:
        label: 1 meningioma, 2 glioma, 3 pituitary tumor.
        pid: patient id, for splitting by patient only; it belongs in no output.
        image: float32 ``[rows, cols]``, values as stored.
        tumor_border: float64 ``[points, 2]``, pairs of planar coordinates in the file's order.
        tumor_mask: bool ``[rows, cols]``.
    """

    label: int
    pid: str
    image: NDArray[np.float32]
    tumor_border: NDArray[np.float64]
    tumor_mask: NDArray[np.bool_]


def is_hdf5(head: bytes) -> bool:
    """Whether a file that begins so is HDF5, as MATLAB v7.3 writes it (HDF5 File Format Specification II.A)."""
    return any(head.startswith(b"\x89HDF\r\n\x1a\n", offset) for offset in (0, 512, 1024, 2048))


def read_matlab(data: bytes, source: Source, request: ReadRequest = ANY) -> Scan:
    """The image of a ``cjdata`` file as a scan. It states no spacing, and the patient id does not get into it.

    Args:
        data: the file's bytes.
        source: path, digest and format of the file.
        request: nothing of it concerns a picture.

    Raises:
        UnreadableFileError: damaged, or without ``cjdata``.
        LimitError: too small or too large.
        InvalidScanError: NaN or infinite values.
        InputError: a constant picture.
    """
    return Scan(guarded(_WHAT, lambda: _image(data)), modality="MR", source=source)


def read_cjdata(path: str | os.PathLike[str]) -> CjData:
    """All fields of a ``cjdata`` file, for making a data set.

    Raises:
        UnreadableFileError: missing, no MATLAB v7.3 file, damaged, a field missing, or image and mask of unlike shape.
        LimitError: too small or too large.
    """
    with noting(path):
        data = read_bytes(path)
        if not is_hdf5(data):
            raise UnreadableFileError("This is no MATLAB v7.3 file: in MATLAB, save it with the option -v7.3.")
        return guarded(_WHAT, lambda: _record(data))


def _image(data: bytes) -> NDArray[Any]:
    import h5py

    with h5py.File(io.BytesIO(data), "r") as file:
        return checked_pixels(_matrix(file, "image"))


def _record(data: bytes) -> CjData:
    import h5py

    with h5py.File(io.BytesIO(data), "r") as file:
        image = checked_pixels(_matrix(file, "image")).astype(np.float32)
        mask = _matrix(file, "tumorMask") != 0
        border = _dataset(file, "tumorBorder")[()].astype(np.float64).reshape(-1, 2)
        label = int(_dataset(file, "label")[()].reshape(-1)[0])
        pid = "".join(chr(int(code)) for code in _dataset(file, "PID")[()].reshape(-1))
    if mask.shape != image.shape:
        raise UnreadableFileError(f"The tumor mask is {mask.shape} and the image {image.shape}: they must be alike.")
    return CjData(label, pid, image, border, mask)


def _dataset(file: Any, field: str) -> Any:
    """Data set ``cjdata/<field>``, if it is stored in this very file and not linked from another."""
    import h5py

    group = file.get("cjdata") if isinstance(file.get("cjdata", getlink=True), h5py.HardLink) else None
    if not isinstance(group, h5py.Group):
        raise UnreadableFileError(_NO_STRUCT)
    linked = isinstance(group.get(field, getlink=True), h5py.HardLink)
    found = group.get(field) if linked else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise UnreadableFileError(f"The struct 'cjdata' in this file has no field '{field}': download it again.")
    if found.dtype.kind not in "iufb":
        raise UnreadableFileError(f"The field 'cjdata.{field}' in this file is not numeric: download it again.")
    check_bytes(found.size * found.dtype.itemsize)
    return found


def _matrix(file: Any, field: str) -> NDArray[Any]:
    """A matrix ``[rows, cols]``: MATLAB stores columns first, so HDF5 shows it transposed."""
    found = _dataset(file, field)
    if len(found.shape) != 2:
        raise UnreadableFileError(
            f"The field 'cjdata.{field}' has {len(found.shape)} axes and needs 2: download it again."
        )
    check_picture(found.shape[1], found.shape[0])
    return np.asarray(found[()]).T
