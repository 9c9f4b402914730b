"""What one file says of itself before anybody looks at the anatomy: format, size, border, colors, quantization."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError
from tumorlens.io.sniff import HEAD_BYTES, sniff_format

Grey = NDArray[np.uint8]

NUMBERS = (
    *("rows", "cols", "channels", "bits", "file_bytes", "jpeg_quality", "subsampling", "has_exif", "has_icc"),
    *("has_comment", "progressive", "dpi", "border_top", "border_bottom", "border_left", "border_right"),
    *("border_level", "border_spread", "minimum", "maximum", "mean", "spread", "levels", "dark_share"),
    *("bright_share", "saturation", "center_mean"),
)
"""Names of the numeric facts of a file, in the order in which they are kept."""

TEXTS = ("format", "quantization", "sha256", "pixels_sha256", "error")
_STANDARD_LUMINANCE_SUM = 3685
_FLAT = 12


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of one file.

    Attributes:
        numbers: by the names in :data:`NUMBERS`; 0 where unknown.
        texts: by the names in :data:`TEXTS`; ``error`` says why the file cannot be read, else ``""``.
        grey: the picture, uint8 ``[rows, cols]``, or ``None`` where it cannot be read.
    """

    numbers: dict[str, float]
    texts: dict[str, str]
    grey: Grey | None


def read_facts(path: Path) -> Facts:
    """Read one file; never raises for what is wrong with the file, but says so in ``error``."""
    numbers = dict.fromkeys(NUMBERS, 0.0)
    texts = dict.fromkeys(TEXTS, "")
    try:
        content = path.read_bytes()
    except OSError as error:
        texts["error"] = f"cannot be opened ({error.strerror or type(error).__name__})"
        return Facts(numbers, texts, None)
    texts["sha256"] = hashlib.sha256(content).hexdigest()
    texts["format"] = str(sniff_format(content[:HEAD_BYTES]) or "unknown")
    numbers["file_bytes"] = float(len(content))
    try:
        grey, color = decode(path, content, texts["format"])
    except InputError as error:
        texts["error"] = str(error)
        return Facts(numbers, texts, None)
    texts["pixels_sha256"] = hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest()
    channels = 1 if color.ndim == 2 else color.shape[2]
    numbers |= {"rows": float(grey.shape[0]), "cols": float(grey.shape[1]), "channels": float(channels)}
    numbers["bits"] = float(color.dtype.itemsize * 8)
    numbers["saturation"] = _saturation(color)
    numbers |= _intensities(grey) | _borders(grey)
    _container(content, texts, numbers)
    return Facts(numbers, texts, grey)


def decode(path: Path, content: bytes, kind: str) -> tuple[Grey, NDArray[np.generic]]:
    """The picture as 8-bit grey, and as it is stored.

    Eight-bit files become grey exactly as in :mod:`tumorlens.datasets.similarity`; deeper ones are stretched from
    their minimum to their maximum, or 12-bit data in 16-bit files would be black.

    Raises:
        InputError: it cannot be decoded, or is a volume.
    """
    if kind in ("dicom", "nifti", "matlab"):
        from tumorlens.io import read_scan

        scan = read_scan(path)
        if len(scan.pixels) > 1:
            raise InputError(f"holds a volume of {len(scan.pixels)} slices, and the audit compares single slices")
        pixels = scan.slice(0).pixels
        return _stretched(pixels), np.asarray(pixels)
    data = np.frombuffer(content, dtype=np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if stored is None:
        raise InputError("cannot be decoded as a picture")
    if stored.dtype == np.uint8:
        grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise InputError("cannot be decoded as a picture")
        return np.asarray(grey, dtype=np.uint8), stored
    plain = stored if stored.ndim == 2 else stored[..., :3].mean(axis=2)
    return _stretched(np.asarray(plain, dtype=np.float32)), stored


def _stretched(pixels: NDArray[np.float32]) -> Grey:
    finite = np.nan_to_num(pixels)
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return np.zeros(pixels.shape, dtype=np.uint8)
    return np.asarray(np.round((finite - low) * (255 / (high - low))), dtype=np.uint8)


def _saturation(color: NDArray[np.generic]) -> float:
    """Mean distance between the highest and the lowest of the three channels, as a share of the full range."""
    if color.ndim == 2 or color.shape[2] < 3:
        return 0.0
    small = np.asarray(color[:: max(1, color.shape[0] // 128), :: max(1, color.shape[1] // 128), :3], dtype=np.float32)
    full = 255.0 if color.dtype == np.uint8 else max(float(small.max()), 1.0)
    return float((small.max(axis=2) - small.min(axis=2)).mean() / full)


def _intensities(grey: Grey) -> dict[str, float]:
    counts = np.bincount(grey.ravel(), minlength=256) / grey.size
    values = np.arange(256)
    mean = float(counts @ values)
    rows, cols = grey.shape
    center = grey[rows // 4 : max(rows - rows // 4, 1), cols // 4 : max(cols - cols // 4, 1)]
    return {
        "minimum": float(values[counts > 0][0]),
        "maximum": float(values[counts > 0][-1]),
        "mean": mean,
        "spread": float(np.sqrt(counts @ (values - mean) ** 2)),
        "levels": float((counts > 0).sum()),
        "dark_share": float(counts[:32].sum()),
        "bright_share": float(counts[208:].sum()),
        "center_mean": float(center.mean()) if center.size else mean,
    }


def _borders(grey: Grey) -> dict[str, float]:
    """Flat margins as shares of the side, and the grey level and spread of the outermost pixels."""
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).astype(np.float32)
    level = float(np.median(rim))
    off = np.abs(grey.astype(np.int16) - level) > _FLAT
    by_row, by_col = np.flatnonzero(off.mean(axis=1) > 0.01), np.flatnonzero(off.mean(axis=0) > 0.01)
    rows, cols = grey.shape
    top, bottom = (by_row[0] / rows, (rows - 1 - by_row[-1]) / rows) if by_row.size else (1.0, 1.0)
    left, right = (by_col[0] / cols, (cols - 1 - by_col[-1]) / cols) if by_col.size else (1.0, 1.0)
    return {
        "border_top": float(top),
        "border_bottom": float(bottom),
        "border_left": float(left),
        "border_right": float(right),
        "border_level": level,
        "border_spread": float(rim.std()),
    }


def _container(content: bytes, texts: dict[str, str], numbers: dict[str, float]) -> None:
    """Quantization tables and metadata, read without decoding a pixel."""
    if texts["format"] not in ("jpeg", "png", "tiff", "bmp"):
        return
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            tables = getattr(image, "quantization", None) or {}
            info = dict(image.info)
            layers = getattr(image, "layer", None) or []
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return
    if tables:
        flat = [int(value) for key in sorted(tables) for value in tables[key]]
        texts["quantization"] = hashlib.sha256(repr(flat).encode()).hexdigest()[:12]
        scale = 100 * sum(tables[min(tables)]) / _STANDARD_LUMINANCE_SUM
        numbers["jpeg_quality"] = float(np.clip(5000 / scale if scale > 100 else (200 - scale) / 2, 1, 100))
        numbers["subsampling"] = float(layers[0][1] * 10 + layers[0][2]) if layers else 0.0
    dpi = info.get("dpi", (0, 0))
    numbers["dpi"] = float(dpi[0]) if isinstance(dpi, tuple) and dpi else 0.0
    numbers["has_exif"] = float("exif" in info)
    numbers["has_icc"] = float("icc_profile" in info)
    numbers["has_comment"] = float("comment" in info or "Comment" in info or "Software" in info)
    numbers["progressive"] = float(bool(info.get("progressive")) or bool(info.get("interlace")))
