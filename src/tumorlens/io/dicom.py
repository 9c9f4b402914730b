"""Single-frame DICOM images. Pixels, spacing and modality leave this module; no other element does."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError, LimitError, UnreadableFileError
from tumorlens.io.color import COLOR_WARNING, is_grey, luma
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.frames import stored_pixels
from tumorlens.io.limits import MAX_FILE_BYTES, check_picture, checked_pixels
from tumorlens.scan import Scan, Source

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_MODALITIES = frozenset(
    {
        *("BI", "CR", "CT", "DG", "DX", "EC", "ES", "GM", "HC", "IO", "IVOCT", "IVUS", "LS", "MG", "MR", "NM", "OCT"),
        *("OP", "OPT", "OT", "PT", "PX", "RF", "RG", "RTIMAGE", "SC", "SM", "TG", "US", "XA", "XC"),
    }
)
_FIT_TO_RANGE = "the values are taken as stored"


def read_dicom(data: bytes, source: Source) -> Scan:
    """Decodes a single-frame DICOM image: modality LUT, then VOI LUT or window where present, MONOCHROME1 inverted.

    A window clips and does not rescale, so the values stay in the units of the modality LUT. ``PixelSpacing`` is the
    spacing; ``ImagerPixelSpacing`` is measured at the detector and not in the patient, so it is not used. No element
    other than pixels, spacing and modality gets into the scan, its warnings, an error or a log.

    Args:
        data: the file's bytes, with or without the 128-byte preamble.
        source: path, digest and format of the file.

    Raises:
        UnreadableFileError: no pixels, damaged, or a compression that cannot be decoded.
        InputError: several frames, or a constant picture.
        LimitError: too small or too large; known from the header, before decoding.

    Source: DICOM PS3.3 C.7.6.2 (geometry), C.7.6.3 (pixels), C.11.1 (modality LUT), C.11.2 (VOI LUT).
    """
    hush("pydicom")
    return guarded("a DICOM file", lambda: _decode(data, source))


def _decode(data: bytes, source: Source) -> Scan:
    warnings: list[str] = []
    dataset = _parse(data)
    _check_header(dataset)
    pixels = checked_pixels(_grey_pixels(dataset, warnings))
    spacing = _spacing(dataset, warnings)
    modality = _modality(dataset, warnings)
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        warnings.append("The file says that text is burned into its picture, so an overlay shows that text too.")
    return Scan(
        pixels,
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "dicom",
        modality=modality,
        source=source,
        warnings=tuple(warnings),
    )


def _parse(data: bytes) -> FileDataset:
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    hush("pydicom")
    if _DEFLATED in data[:8192]:
        _check_deflated(data)
    with pydicom.config.disable_value_validation():
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if not getattr(dataset.file_meta, "TransferSyntaxUID", None):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_deflated(data: bytes) -> None:
    """Inflates a deflated data set piece by piece and counts, because pydicom inflates it whole, whatever its size."""
    from pydicom.filereader import read_dataset, read_preamble

    stream = io.BytesIO(data)
    read_preamble(stream, force=True)
    read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    inflater, total, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[stream.tell() :]
    while rest and not inflater.eof:
        total += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if total > MAX_FILE_BYTES:
            raise LimitError(f"This deflated DICOM file inflates to more than {MAX_FILE_BYTES:,} bytes, the limit.")


def _check_header(dataset: FileDataset) -> None:
    """Everything that can be refused before pixels are decoded."""
    if not any(name in dataset for name in _PIXELS):
        raise UnreadableFileError(
            "This DICOM file holds no pixels (it is a report, a directory or cut off): export the image itself."
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1 or "SharedFunctionalGroupsSequence" in dataset:
        raise InputError(
            f"This DICOM file is multi-frame ({frames} frame(s)), which is not read yet: export single-frame images, "
            "or the volume as NIfTI."
        )
    rows, cols = dataset.get("Rows"), dataset.get("Columns")
    if not isinstance(rows, int) or not isinstance(cols, int):
        raise UnreadableFileError("This DICOM file does not state its Rows and Columns: export it again.")
    check_picture(rows, cols)


def _grey_pixels(dataset: FileDataset, warnings: list[str]) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_color_lut

    stored = stored_pixels(dataset)
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        if not is_grey(stored[:, :, :3]):
            warnings.append(COLOR_WARNING)
        return luma(stored[:, :, :3])
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnreadableFileError(
            "This DICOM file's PhotometricInterpretation is neither grey, RGB, YBR nor PALETTE COLOR: export it again."
        )
    pixels = _windowed(_rescaled(stored, dataset), dataset, warnings)
    return pixels.max() + pixels.min() - pixels if kind == "MONOCHROME1" else pixels


def _rescaled(stored: NDArray[Any], dataset: FileDataset) -> NDArray[np.float64]:
    """Values after the modality LUT or the rescale slope and intercept, in the units that the file means."""
    from pydicom.pixels.processing import apply_modality_lut

    if "ModalityLUTSequence" in dataset:
        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    values = stored.astype(np.float64)
    return values * (1.0 if slope is None else float(slope)) + (0.0 if intercept is None else float(intercept))


def _windowed(values: NDArray[np.float64], dataset: FileDataset, warnings: list[str]) -> NDArray[np.float64]:
    """Values after the first VOI LUT or window, or unchanged where there is none or it makes no sense."""
    from pydicom.pixels.processing import apply_voi

    if dataset.get("VOILUTSequence"):
        shown = np.asarray(apply_voi(np.rint(values).astype(np.int64), dataset), dtype=np.float64)
    else:
        center, width = _first_number(dataset.get("WindowCenter")), _first_number(dataset.get("WindowWidth"))
        if center is None or width is None:
            return values
        function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
        if not np.isfinite([center, width]).all() or width < (1 if function == "LINEAR" else 1e-12):
            warnings.append(f"The file's window (center {center:g}, width {width:g}) is not valid: {_FIT_TO_RANGE}.")
            return values
        shown = _apply_window(values, center, width, function)
    if shown.min() == shown.max() and values.min() < values.max():
        warnings.append(f"The file's window hides the whole picture: {_FIT_TO_RANGE}.")
        return values
    return shown


def _apply_window(values: NDArray[np.float64], center: float, width: float, function: str) -> NDArray[np.float64]:
    """Window of PS3.3 C.11.2.1.2 and C.11.2.1.3; linear ones clip, so that values keep their units."""
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip(values, center - width / 2, center + width / 2)
    return np.clip(values, center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _first_number(value: Any) -> float | None:
    """First of the values of an element that may hold one, several or none."""
    if value is None or value == "":
        return None
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        return float(value)
    return float(value[0]) if len(value) else None


def _spacing(dataset: FileDataset, warnings: list[str]) -> tuple[float, float] | None:
    """``PixelSpacing`` as (row, column) millimetres, or ``None``."""
    stated = dataset.get("PixelSpacing")
    if stated is None or stated == "":
        return None
    values = [float(value) for value in stated] if hasattr(stated, "__len__") else [float(stated)]
    if len(values) == 2 and all(np.isfinite(value) and value > 0 for value in values):
        return values[0], values[1]
    if values:
        warnings.append("The file's PixelSpacing is not two numbers above 0, so lengths stay in pixels.")
    return None


def _modality(dataset: FileDataset, warnings: list[str]) -> str:
    code = str(dataset.get("Modality") or "").strip().upper()
    if code not in _MODALITIES:
        warnings.append("The file states no modality of an image, and the models know MR only.")
        return "unknown"
    if code != "MR":
        warnings.append(f"The file says modality {code}, and the models know MR only.")
    return code
