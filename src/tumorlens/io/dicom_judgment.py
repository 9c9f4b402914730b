"""What a DICOM header says of itself, judged before any network is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tumorlens.io.dicom_elements import number_of, text_of, words_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MR_ONLY = "and the models know MR only."
IN_COLOR = (
    "The file's picture is in color, and MRI as acquired is gray: it is a screenshot or a derived color map, and no "
    "scan to be read."
)

_MODALITIES = frozenset(
    {
        *("AR", "AU", "BDUS", "BI", "BMD", "CR", "CT", "CTPROTOCOL", "DG", "DMS", "DX", "ECG", "EEG", "EPS"),
        *("ES", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "LEN", "LS", "MG", "MR", "NM", "OAM"),
        *("OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT", "PA", "PT", "PX", "RESP", "RF"),
        *("RG", "RTDOSE", "RTIMAGE", "SC", "SEG", "SM", "SRF", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC"),
        *("CF", "DF", "DM", "DS", "EC", "FA", "FS", "LP", "MA", "MS", "OPR", "ST", "CD", "CP", "DD", "VF"),
    }
)
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_SCREENS = frozenset({"SCREEN SAVE", "SCREENSAVE", "SCREEN_SAVE", "SCREENSHOT", "SCREEN SHOT", "SCREEN CAPTURE"})
_COLOR_MAPS = frozenset({"COLOR", "COLOUR", "RGB", "FA_COLOR", "COLOR_FA", "COLFA"})
_MAPS = frozenset(
    {
        *("ADC", "FA", "TTP", "PBP", "GBP", "MTT", "CBF", "CBV", "RCBF", "RCBV", "RELCBF", "RELCBV", "RELMTT"),
        *("TRACEW", "TENSOR", "T_MAP", "T1_MAP", "T2_MAP", "T2_STAR_MAP", "EADC", "RA", "PHASE_MAP"),
        *("FIELD_MAP",),
    }
)
_SCOUT = re.compile(r"locali[sz]er|scout|survey|3[- ]?pl(ane)?[ _-]?loc", re.IGNORECASE)


def is_segmentation(dataset: Dataset) -> bool:
    """Whether the data set is a DICOM segmentation."""
    return text_of(dataset, "SOPClassUID") in _SEGMENTATIONS or words_of(dataset, "Modality") == ("SEG",)


def modality_of(dataset: Dataset) -> str:
    """The modality's code, or ``"unknown"``: no other text of the file can pass for one."""
    if is_segmentation(dataset):
        return "SEG"
    words = words_of(dataset, "Modality")
    return words[0] if words and words[0] in _MODALITIES else "unknown"


def judge(dataset: Dataset, warnings: list[str]) -> str | None:
    """Why the header says that this is no scan for the models, in one sentence, or ``None``.

    What it says that does not forbid an answer goes to ``warnings``.
    """
    modality, kinds = modality_of(dataset), set(words_of(dataset, "ImageType"))
    if modality == "SEG":
        return "The file is a segmentation (DICOM SEG), a mask and no scan: measure reads it."
    if modality not in ("MR", "unknown"):
        return f"The file says modality {modality}, {MR_ONLY}"
    if "MOSAIC" in kinds or _in_mosaic(dataset) > 1:
        return (
            "The file is a Siemens mosaic, many slices side by side in one picture: convert the series with dcm2niix "
            "first."
        )
    if kinds & _SCREENS:
        return "The file says that it is a screenshot and no scan: take the series that it was made from."
    if kinds & _COLOR_MAPS:
        return IN_COLOR
    if modality == "unknown":
        warnings.append(f"The file states no modality of an image, {MR_ONLY}")
    named = (text_of(dataset, "SeriesDescription") or "", text_of(dataset, "ProtocolName") or "")
    if "LOCALIZER" in kinds or _SCOUT.search(named[0]) or _SCOUT.search(named[1]):
        warnings.append(
            "The file says that it is a localizer, a coarse picture for planning: take a diagnostic series."
        )
    if kinds & _MAPS:
        warnings.append("The file says that it is a map computed from other scans, which the models have not seen.")
    if "YES" in words_of(dataset, "BurnedInAnnotation"):
        warnings.append("The file says that text is burned into its picture, so an overlay shows that text too.")
    return None


def _in_mosaic(dataset: Dataset) -> int:
    """Siemens' NumberOfImagesInMosaic, (0019,100A)."""
    element = dataset.get_item((0x0019, 0x100A))
    if element is None or "SIEMENS" not in (text_of(dataset, "Manufacturer") or "").upper():
        return 0
    value = element.value
    if isinstance(value, bytes):
        return int.from_bytes(value[:2], "little") if len(value) == 2 and not value.strip().isdigit() else _int(value)
    return value if isinstance(value, int) else 0


def _int(value: bytes) -> int:
    text = value.decode("latin-1").strip(" \0")
    return int(text) if text.isdigit() else 0


def slope_and_intercept(dataset: Dataset, warnings: list[str]) -> tuple[float, float]:
    """Rescale slope and intercept; (1, 0) where a slope is absent, 0 or no number."""
    before = len(warnings)
    slope = number_of(dataset, "RescaleSlope", warnings)
    intercept = number_of(dataset, "RescaleIntercept", warnings)
    if slope == 0:
        warnings.append("The file's RescaleSlope is 0, and was left out.")
    if slope == 0 or len(warnings) > before:
        return 1.0, 0.0
    return (1.0 if slope is None else slope), (0.0 if intercept is None else intercept)
