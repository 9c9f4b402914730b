"""NIfTI-1 and NIfTI-2, one file or a pair."""

from __future__ import annotations

from pathlib import Path

from tumorlens.io.file_bytes import read_bytes
from tumorlens.io.format import Format
from tumorlens.io.gzipped import inflated_head
from tumorlens.io.nifti import is_pair, nifti_version, read_nifti
from tumorlens.io.request import ReadRequest
from tumorlens.scan import Scan, Source

PAIR_SUFFIXES = {".hdr": ".img", ".hdr.gz": ".img.gz"}


def header_of(path: Path) -> Path | None:
    """The ``.hdr`` beside an ``.img``, or ``None``."""
    for header, image in PAIR_SUFFIXES.items():
        if path.name.lower().endswith(image):
            return _beside(path, image, (header, *PAIR_SUFFIXES))
    return None


def _beside(path: Path, suffix: str, others: tuple[str, ...]) -> Path | None:
    stem = path.name[: -len(suffix)]
    names = [stem + name for other in others for name in (other, other.upper())]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _matches(head: bytes) -> bool:
    return bool(nifti_version(head) or nifti_version(inflated_head(head)))


def _read(data: bytes, source: Source, request: ReadRequest) -> Scan:
    voxels = None
    if is_pair(data) and source.path is not None:
        path = Path(source.path)
        suffix = next((one for one in (".hdr.gz", ".hdr") if path.name.lower().endswith(one)), None)
        image = None if suffix is None else _beside(path, suffix, tuple(PAIR_SUFFIXES.values()))
        voxels = None if image is None else read_bytes(image)
    return read_nifti(data, source, request, voxels)


FORMAT = Format(
    "nifti", "NIfTI-1 and NIfTI-2 (.nii, .nii.gz, pairs)", (".nii", ".nii.gz", ".hdr", ".hdr.gz"), _matches, _read
)
