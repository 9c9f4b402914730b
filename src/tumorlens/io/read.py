"""One file into one :class:`Scan`, whatever its format."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tumorlens.errors import InputError, UnreadableFileError
from tumorlens.io.file_bytes import noting, read_bytes
from tumorlens.io.formats import BY_NAME
from tumorlens.io.formats.nifti import header_of
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.io.series import read_series, series_in
from tumorlens.io.sniff import FORMATS_READ, HEAD_BYTES, describe_unknown, sniff_format
from tumorlens.scan import Scan, Source


def read_scan(path: str | os.PathLike[str], request: ReadRequest = ANY) -> Scan:
    """Reads a file of any format in :data:`tumorlens.io.formats.FORMATS`, known by its content and not its suffix.

    No error message holds the path, so that a report can leave paths out; a traceback shows it as a note.

    Args:
        path: the file; of a NIfTI pair either half; or a folder that holds the files of one DICOM series.
        request: which volume of several, and how much memory the scan may take.

    Returns:
        The scan: stored values (no scaling to 0..1), spacing in millimeters where the file states it.

    Raises:
        UnreadableFileError: missing, a folder, empty, not permitted, of no known format, truncated or damaged.
        LimitError: larger or smaller than the limits of :mod:`tumorlens.io.limits`, or than the memory allowed.
        InvalidScanError: no value is finite.
        UsageError: there is no such volume.
        InputError: a constant picture, or content that is ambiguous.
    """
    with noting(path):
        if os.path.isdir(path) and (series := _only_series(Path(path))):  # noqa: PTH112 - never raises
            return read_series(series, request)
        data = read_bytes(path)
        found = sniff_format(data[:HEAD_BYTES])
        if found is None and (header := header_of(Path(path))) is not None:
            path, data = header, read_bytes(header)
            found = sniff_format(data[:HEAD_BYTES])
        if found is None:
            raise UnreadableFileError(
                f"This file is {describe_unknown(data[:HEAD_BYTES])}, and what is read is {FORMATS_READ}: "
                "convert or export it to one of these."
            )
        source = Source(path=os.fspath(path), sha256=hashlib.sha256(data).hexdigest(), format=found)
        return BY_NAME[found].read(data, source, request)


def _only_series(folder: Path) -> tuple[Path, ...]:
    """The files of the one DICOM series in a folder; none where it holds no series.

    Raises:
        InputError: it holds several.
    """
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return ()
    found = series_in(files)
    if len(found) > 1:
        sizes = ", ".join(f"{one.name} of {len(one.files)}" for one in found)
        raise InputError(
            f"This folder holds {len(found)} DICOM series ({sizes} files): put each into a folder of its own."
        )
    return found[0].files if found else ()
