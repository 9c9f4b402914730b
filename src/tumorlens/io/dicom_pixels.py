"""Grey values of a DICOM frame: high bits, padding, color, modality LUT, VOI LUT and window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UnreadableFileError
from tumorlens.io.color import COLOR_WARNING, is_grey, luma
from tumorlens.io.dicom_elements import lookup_table, mapped, number_of, text_of
from tumorlens.io.dicom_judgment import slope_and_intercept
from tumorlens.io.frames import stored_pixels

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_AS_STORED = "the values are taken as stored"


def grey_frame(dataset: FileDataset, warnings: list[str]) -> tuple[NDArray[Any], bool]:
    """Grey pixels ``[rows, cols]`` of a single frame as they are to be shown, and whether it was in color."""
    from pydicom.pixels.processing import apply_color_lut

    stored = stored_pixels(dataset)
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        colored = not is_grey(stored[:, :, :3])
        if colored:
            warnings.append(COLOR_WARNING)
        return luma(stored[:, :, :3]), colored
    check_grey(kind)
    padding = padding_of(stored, dataset, warnings)
    values = rescaled(used_bits(stored, dataset), dataset, warnings)
    pixels = _windowed(values, dataset, warnings)
    if kind == "MONOCHROME1":
        pixels = pixels.max() + pixels.min() - pixels
    return without_padding(pixels, padding), False


def check_grey(kind: str) -> None:
    """Refuses what is neither grey nor color."""
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnreadableFileError(
            "This DICOM file's PhotometricInterpretation is neither grey, RGB, YBR nor PALETTE COLOR: export it again."
        )


def used_bits(stored: NDArray[Any], dataset: Any) -> NDArray[Any]:
    """The lowest ``BitsStored`` bits of each value, its sign extended: retired overlays lie in those above.

    Source: DICOM PS3.5 section 8.1.1 and its retired 8.1.2.
    """
    allocated = stored.dtype.itemsize * 8
    bits = int(dataset.get("BitsStored") or allocated)
    if stored.dtype.kind not in "iu" or not 0 < bits < allocated:
        return stored
    high = int(dataset.get("HighBit") or bits - 1)
    native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    lower = high + 1 - bits if native and bits <= high + 1 <= allocated else 0
    # Shifted up to drop what lies above, and down again with the sign.
    up = allocated - bits - lower
    if stored.dtype.kind == "u":
        return np.asarray((stored >> lower) & stored.dtype.type((1 << bits) - 1))
    return np.asarray((stored << up) >> (up + lower))


def padding_of(stored: NDArray[Any], dataset: Any, warnings: list[str]) -> NDArray[np.bool_] | None:
    """Which pixels are padding, or ``None`` where there are none or all are.

    The value is compared bit by bit, since writers store it as signed and unsigned alike.

    Source: DICOM PS3.3 C.7.5.1.1.2.
    """
    if stored.dtype.kind not in "iu" or text_of(dataset, "PixelPaddingValue") in (None, ""):
        return None
    value = number_of(dataset, "PixelPaddingValue", warnings, first=True)
    if value is None or value != int(value):
        return None
    bits = stored.dtype.itemsize * 8
    modulus = (1 << bits) - 1
    found = (stored.astype(np.int64) & modulus) == (int(value) & modulus)
    limit = number_of(dataset, "PixelPaddingRangeLimit", warnings, first=True)
    if limit is not None and limit == int(limit):
        low, high = sorted((_as_stored(int(value), stored.dtype), _as_stored(int(limit), stored.dtype)))
        found |= (stored >= low) & (stored <= high)
    return found if found.any() and not found.all() else None


def _as_stored(value: int, dtype: np.dtype[Any]) -> int:
    bits = dtype.itemsize * 8
    value &= (1 << bits) - 1
    return value - (1 << bits) if dtype.kind == "i" and value >> (bits - 1) else value


def without_padding(pixels: NDArray[Any], padding: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Pixels with the padding at the darkest of the others."""
    if padding is None:
        return pixels
    return np.where(padding, pixels[~padding].min(), pixels)


def rescaled(stored: NDArray[Any], dataset: Any, warnings: list[str], group: Any = None) -> NDArray[Any]:
    """Values after the modality LUT or the rescale slope and intercept; of the stored type where there is neither.

    Args:
        stored: values as stored.
        dataset: the image.
        warnings: takes what was left out.
        group: pixel value transformation of the frame, where that states slope and intercept.
    """
    table = lookup_table(dataset, "ModalityLUTSequence", warnings)
    if table is not None:
        return mapped(stored, table)
    slope, intercept = slope_and_intercept(dataset if group is None else group, warnings)
    if (slope, intercept) == (1.0, 0.0):
        return stored
    return stored.astype(np.float64) * slope + intercept


def _windowed(values: NDArray[Any], dataset: Any, warnings: list[str]) -> NDArray[Any]:
    """Values after the first VOI LUT or window, or unchanged where there is none or it makes no sense."""
    table = lookup_table(dataset, "VOILUTSequence", warnings)
    if table is not None:
        shown = mapped(values, table)
    else:
        center = number_of(dataset, "WindowCenter", warnings, first=True)
        width = number_of(dataset, "WindowWidth", warnings, first=True)
        if center is None or width is None:
            return values
        function = (text_of(dataset, "VOILUTFunction") or "LINEAR").upper()
        if width < (1 if function == "LINEAR" else 1e-12):
            warnings.append(f"The file's window (center {center:g}, width {width:g}) is not valid: {_AS_STORED}.")
            return values
        shown = _apply_window(values.astype(np.float64), center, width, function)
    if shown.min() == shown.max() and values.min() < values.max():
        warnings.append(f"The file's window hides the whole picture: {_AS_STORED}.")
        return values
    return shown


def _apply_window(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """Window of PS3.3 C.11.2.1.2 and C.11.2.1.3; linear ones clip, so that values keep their units."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip(values, center - width / 2, center + width / 2)
    return np.clip(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)
