"""What a NIfTI header states about place and size, and what it leaves open or contradicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_SIZE_TOLERANCE = 0.01
_TURN_TOLERANCE = 0.1
_SINGULAR = 1e-12

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Place and size of the stored voxels.

    Attributes:
        affine: 4 x 4 from stored index to RAS+ millimeters; made up, but invertible, where nothing is stated.
        sizes_mm: millimeters along each stored axis, or ``None`` where they are not stated.
        codes: sform and qform code.
    """

    affine: Matrix
    sizes_mm: tuple[float, float, float] | None
    codes: tuple[int, int]


def geometry_of(header: Any, shape: tuple[int, int, int], warnings: list[str]) -> Geometry:
    """Sform, else qform, else the voxel sizes, as the standard orders them; doubts go to ``warnings`` as sentences.

    Args:
        header: nibabel's header of the file.
        shape: voxels along the three stored axes.
        warnings: takes what the user has to know.
    """
    codes = int(header["sform_code"]), int(header["qform_code"])
    unit = _unit(header)
    factor = _MM_PER_UNIT[unit]
    raw = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    for axis in range(int(header["dim"][0]), 3):
        raw[axis] = raw[axis] if np.isfinite(raw[axis]) and raw[axis] > 0 else 1.0
    # A negative pixdim is a flip of old writers, and its size is meant.
    sizes = np.abs(raw)
    sized = bool(np.all(np.isfinite(sizes) & (sizes > 0)))
    filled = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    sform = _usable(_sform(header), "sform", warnings) if codes[0] > 0 else None
    qform = _usable(_qform(header, filled), "qform", warnings) if codes[1] > 0 else None
    if sform is not None:
        affine, stated = sform, True
        if qform is not None:
            stated = _agree(sform, qform if sized else None, qform, warnings)
        elif sized and _differ(np.linalg.norm(sform[:3, :3], axis=0), sizes):
            warnings.append("The file's voxel sizes (pixdim) and its affine disagree, and the affine was used.")
    elif qform is not None:
        affine, stated = qform, sized
        if not sized:
            warnings.append("The file states no voxel size (pixdim 0), so lengths stay in pixels.")
    else:
        warnings.append("The file states no orientation (sform and qform code 0), so left and right are unknown.")
        affine = np.diag([-filled[0], filled[1], filled[2], 1.0])
        affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
        lost = codes != (0, 0)
        stated = sized and not lost and not (unit == "unknown" and bool(np.all(sizes == 1)))
        if not stated:
            warnings.append("The file states no voxel size, so lengths stay in pixels.")
    affine = affine.copy()
    affine[:3] *= factor
    if stated and unit == "unknown":
        warnings.append("The file states no unit of length, and millimeters were assumed.")
    along = [float(length) for length in np.linalg.norm(affine[:3, :3], axis=0)]
    return Geometry(affine, (along[0], along[1], along[2]) if stated else None, codes)


def _unit(header: Any) -> str:
    try:
        unit = str(header.get_xyzt_units()[0])
    except KeyError:
        return "unknown"
    return unit if unit in _MM_PER_UNIT else "unknown"


def _sform(header: Any) -> Matrix | None:
    return np.asarray(header.get_sform(), dtype=np.float64)


def _qform(header: Any, sizes: NDArray[np.float64]) -> Matrix | None:
    copy = header.copy()
    copy["pixdim"][1:4] = sizes
    try:
        return np.asarray(copy.get_qform(), dtype=np.float64)
    except Exception:  # a quaternion that is none: said by _usable
        return None


def _usable(affine: Matrix | None, name: str, warnings: list[str]) -> Matrix | None:
    if affine is not None and np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > _SINGULAR:
        return affine
    warnings.append(f"The file's {name} is singular or not finite, and was left out.")
    return None


def _agree(sform: Matrix, sized: Matrix | None, qform: Matrix, warnings: list[str]) -> bool:
    """Whether sform and qform state the same sizes; a mirror or turn between them is said too."""
    first, second = (form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (sform, qform))
    turn = second @ np.linalg.inv(first)
    if np.linalg.det(first) * np.linalg.det(second) < 0 or turn[0, 0] < 0:
        warnings.append(
            "The file's sform and qform are mirror images of each other or turned, so left and right are in doubt; "
            "the sform was used."
        )
    elif np.abs(turn - np.eye(3)).max() > _TURN_TOLERANCE:
        warnings.append("The file's sform and qform disagree about how the head lies, and the sform was used.")
    if sized is None or not _differ(*(np.linalg.norm(form[:3, :3], axis=0) for form in (sform, qform))):
        return True
    warnings.append("The file's sform and qform disagree about the size of a voxel, so lengths stay in pixels.")
    return False


def _differ(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return bool(np.any(np.abs(first - second) > _SIZE_TOLERANCE * np.maximum(first, second)))
