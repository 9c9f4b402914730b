"""One file into one :class:`Scan`, whatever its format."""

from __future__ import annotations

import hashlib
import os

from tumorlens.errors import UnreadableFileError
from tumorlens.io.dicom import read_dicom
from tumorlens.io.file_bytes import noting, read_bytes
from tumorlens.io.matlab import read_matlab
from tumorlens.io.nifti import read_nifti
from tumorlens.io.raster import read_raster
from tumorlens.io.sniff import FORMATS_READ, HEAD_BYTES, describe_unknown, sniff_format
from tumorlens.scan import Scan, Source

_READERS = {
    "png": read_raster,
    "jpeg": read_raster,
    "bmp": read_raster,
    "tiff": read_raster,
    "dicom": read_dicom,
    "nifti": read_nifti,
    "matlab": read_matlab,
}


def read_scan(path: str | os.PathLike[str], *, whole: bool = True) -> Scan:
    """Reads a picture, DICOM image, NIfTI volume or figshare ``.mat`` file, known by its content and not its suffix.

    No error message holds the path, so that a report can leave paths out; a traceback shows it as a note.

    Args:
        path: the file.
        whole: keep all slices of a volume; otherwise only its middle one, as a 2-D scan.

    Returns:
        The scan: stored values as float32 (no scaling to 0..1), spacing in millimetres where the file states it.

    Raises:
        UnreadableFileError: missing, a folder, empty, not permitted, of no known format, truncated or damaged.
        LimitError: larger or smaller than the limits of :mod:`tumorlens.io.limits`.
        InvalidScanError: some values are NaN or infinite.
        InputError: a constant picture, or content that is ambiguous (several pages, frames or volumes).
    """
    with noting(path):
        data = read_bytes(path)
        found = sniff_format(data[:HEAD_BYTES])
        if found is None:
            raise UnreadableFileError(
                f"This file is {describe_unknown(data[:HEAD_BYTES])}, and what is read is {FORMATS_READ}: "
                "convert or export it to one of these."
            )
        source = Source(path=os.fspath(path), sha256=hashlib.sha256(data).hexdigest(), format=found)
        scan = _READERS[found](data, source)
        return scan if whole else scan.slice()
