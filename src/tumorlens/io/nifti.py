"""NIfTI-1 and NIfTI-2 volumes, plain or gzipped, turned so that slices lie axially and in radiological display."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, UnreadableFileError
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.limits import check_bytes, check_volume, checked_pixels
from tumorlens.io.sniff import GZIP_MAGIC, inflated_head, nifti_version
from tumorlens.scan import Scan, Source

AXES = ("S", "P", "L")
"""Where slice, row and column run to: up, back, and to the patient's left, which is right in the picture."""

_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_SPACING_TOLERANCE = 0.01


def read_nifti(data: bytes, source: Source) -> Scan:
    """Decodes a volume ``[slices, rows, cols]`` with its affine; ``scl_slope`` and ``scl_inter`` are applied.

    Array axes are permuted and flipped, never resampled: slices run from inferior to superior, rows from anterior to
    posterior, columns from the patient's right to left, each as near as the stored axes allow. The affine maps
    ``(slice, row, col, 1)`` to RAS+ millimetres, and the spacing is the length of its columns. A header that states no
    unit is taken as millimetres, as viewers do, with a warning; one that states nothing at all (no unit, no
    orientation, all sizes 1) has no spacing. A picture of two axes becomes a volume of one slice.

    Args:
        data: the file's bytes.
        source: path, digest and format of the file.

    Raises:
        UnreadableFileError: truncated, damaged, or complex or RGB values.
        InputError: several volumes, or all voxels the same.
        LimitError: too small or too large; known from the header, before inflating.
        InvalidScanError: NaN or infinite voxels.

    Source: https://nifti.nimh.nih.gov/nifti-1 and the NIfTI-2 header definition.
    """
    hush("nibabel")
    hush("nibabel.global")
    return guarded("a NIfTI file", lambda: _decode(data, source))


def _decode(data: bytes, source: Source) -> Scan:
    warnings: list[str] = []
    image = _image(data)
    volume = np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    volume = volume.reshape((*volume.shape[:3], *(1,) * (3 - volume.ndim)))
    affine = _affine_mm(image)
    spacing_stated = _states_spacing(image.header, affine, warnings)
    pixels, affine = _reoriented(volume, affine)
    spacing = tuple(float(value) for value in np.linalg.norm(affine[:3, :3], axis=0)) if spacing_stated else None
    return Scan(
        checked_pixels(pixels),
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "nifti",
        affine=affine,
        source=source,
        warnings=tuple(warnings),
    )


def _image(data: bytes) -> Any:
    """The nibabel image over ``data``, checked and inflated no further than its header asks."""
    import nibabel

    zipped = data.startswith(GZIP_MAGIC)
    head = inflated_head(data) if zipped else data[:544]
    kind = nibabel.Nifti2Image if nifti_version(head) == 2 else nibabel.Nifti1Image
    header = kind.header_class(head[: kind.header_class.template_dtype.itemsize])
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnreadableFileError(
            f"This NIfTI file holds {header.get_value_label('datatype')} values, and a scan is grey: save one grey "
            "channel or the magnitude."
        )
    if not 2 <= len(shape) <= 7:
        raise UnreadableFileError(f"This NIfTI file has {len(shape)} axes, and a scan has 2 or 3: export it again.")
    volumes = math.prod(shape[3:])
    if volumes != 1:
        raise InputError(
            f"This NIfTI file holds {volumes} volumes, and which one to read is not known: save one as its own file."
        )
    check_volume(shape[:3], dtype.itemsize)
    needed = int(header.get_data_offset()) + math.prod(shape) * dtype.itemsize
    check_bytes(needed)
    if zipped:
        data = zlib.decompressobj(wbits=31).decompress(data, needed)
    if len(data) < needed:
        raise UnreadableFileError(
            f"This NIfTI file is truncated ({len(data):,} of {needed:,} bytes): export or download it again."
        )
    return kind.from_bytes(data)


def _affine_mm(image: Any) -> NDArray[np.float64]:
    """Affine of the stored array to RAS+ millimetres: sform, else qform, else the voxel sizes, as nibabel chooses."""
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= _MM_PER_UNIT[image.header.get_xyzt_units()[0]]
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise UnreadableFileError(
            "This NIfTI file's affine is singular or not finite, so its axes are unknown: correct its sform or qform."
        )
    return affine


def _states_spacing(header: Any, affine: NDArray[np.float64], warnings: list[str]) -> bool:
    """Whether the header says how far voxels are apart, with a warning about what it leaves open."""
    oriented = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    unit = header.get_xyzt_units()[0]
    sizes = np.asarray(header.get_zooms()[:3], dtype=np.float64)
    if not oriented:
        warnings.append("The file states no orientation (sform and qform code 0), so left and right are unknown.")
        if not np.all(np.isfinite(sizes) & (sizes > 0)) or (unit == "unknown" and np.all(sizes == 1)):
            warnings.append("The file states no voxel size, so lengths stay in pixels.")
            return False
    if unit == "unknown":
        warnings.append("The file states no unit of length, and millimetres were assumed.")
    along = np.linalg.norm(affine[:3, :3], axis=0)[: len(sizes)]
    if np.any(np.abs(along - sizes * _MM_PER_UNIT[unit]) > _SPACING_TOLERANCE * along):
        warnings.append("The file's voxel sizes (pixdim) and its affine disagree, and the affine was used.")
    return True


def _reoriented(
    volume: NDArray[np.float32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Volume and affine with axes permuted and flipped to run as :data:`AXES`."""
    from nibabel import orientations

    stored = orientations.io_orientation(affine)
    change = orientations.ornt_transform(stored, orientations.axcodes2ornt(AXES))
    turned = orientations.apply_orientation(volume, change)
    return turned, affine @ orientations.inv_ornt_aff(change, volume.shape)
