"""Checks of one file: what ``tumorlens doctor FILE`` says about it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorlens.cli.health import Check
from tumorlens.errors import TumorlensError
from tumorlens.io.request import ANY, ReadRequest

if TYPE_CHECKING:
    from tumorlens.scan import Scan

_DIRECTIONS = dict(R="right", L="left", A="anterior", P="posterior", S="superior", I="inferior")  # noqa: C408


def file_checks(path: Path, request: ReadRequest = ANY) -> Iterator[Check]:
    """Format, stored type, shape, values, spacing, orientation, head and warnings of a scan; never a patient."""
    from tumorlens.io import read_scan
    from tumorlens.io.file_bytes import read_bytes

    try:
        scan = read_scan(path, request)
    except TumorlensError as error:
        yield Check("file", "unfit", str(error))
        return
    yield Check("format", "ok", f"{scan.source.format}, sha256 {scan.source.sha256}")
    yield Check("stored values", "info", _stored(read_bytes(path), scan))
    axes = "slices x rows x columns" if scan.is_volume else "rows x columns"
    sizes = scan.shape if scan.is_volume else scan.shape[1:]
    yield Check("shape", "ok", f"{' x '.join(str(size) for size in sizes)} ({axes})")
    yield Check("values", "ok", f"{float(scan.pixels.min()):g} to {float(scan.pixels.max()):g}")
    yield Check("modality", "info", scan.modality)
    yield _spacing(scan)
    if scan.affine is not None:
        yield Check("orientation", "info", _orientation(scan))
    yield from _head(scan)
    for warning in scan.warnings:
        yield Check("note", "warning", warning)


def _stored(data: bytes, scan: Scan) -> str:
    """Type of the values in the file and, for a volume, the axes as they are stored."""
    if scan.source.format == "dicom":
        return _stored_dicom(data)
    if scan.source.format == "nifti":
        return _stored_nifti(data)
    if scan.source.format == "matlab":
        import h5py

        with h5py.File(io.BytesIO(data), "r") as file:
            return f"{file['cjdata/image'].dtype}"
    if scan.source.format in ("mgz", "nrrd", "metaimage"):
        return f"{scan.pixels.dtype}"
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return f"{picture.mode}, {picture.size[1]} x {picture.size[0]} (rows x columns)"


def _stored_dicom(data: bytes) -> str:
    import pydicom

    names = ("BitsStored", "PixelRepresentation", "PhotometricInterpretation")
    dataset: Any = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=list(names))
    bits, signed, photometric = (dataset.get(name) for name in names)
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    kind = "signed" if signed else "unsigned"
    return f"{bits} bits {kind}, {photometric}, {syntax.name if syntax else 'no transfer syntax stated'}"


def _stored_nifti(data: bytes) -> str:
    import nibabel

    from tumorlens.io.nifti import nifti_header

    header = nifti_header(data)
    codes = "".join(str(code) for code in nibabel.aff2axcodes(header.get_best_affine()))
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    return f"{header.get_data_dtype()}, axes {codes} (sform code {sform}, qform code {qform})"


def _spacing(scan: Scan) -> Check:
    if scan.spacing_mm is None:
        detail = "unknown, so lengths stay in pixels: pass --spacing ROW,COL if you know it"
        return Check("spacing", "warning", detail)
    lengths = scan.spacing_mm if scan.slice_mm is None else (scan.slice_mm, *scan.spacing_mm)
    axes = "row x column" if scan.slice_mm is None else "slice x row x column"
    sizes = " x ".join(f"{size:g}" for size in lengths)
    return Check("spacing", "ok", f"{sizes} mm ({axes}), from: {scan.spacing_source}")


def _orientation(scan: Scan) -> str:
    """Where the axes run as they are shown and analyzed."""
    import nibabel

    codes = nibabel.aff2axcodes(scan.affine)
    axes = ("slices", "rows", "columns")
    return "as read: " + ", ".join(f"{axis} to {_DIRECTIONS[code]}" for axis, code in zip(axes, codes, strict=True))


def _head(scan: Scan) -> Iterator[Check]:
    from tumorlens.preprocessing import head_box
    from tumorlens.preprocessing.geometry import whole

    flat = scan.slice()
    if flat.pixels.min() == flat.pixels.max():
        yield Check("head", "unfit", "every pixel of the middle slice has the same value: choose another by --slice")
        return
    box = head_box(flat.pixels)
    where = "in the middle slice " if scan.is_volume else ""
    if box == whole(flat.shape):
        yield Check("head", "warning", f"{where}no outline of a head stands out, so the whole picture is used")
        return
    yield Check("head", "ok", f"{where}rows {box.row0} to {box.row1}, columns {box.col0} to {box.col1} (half-open)")
