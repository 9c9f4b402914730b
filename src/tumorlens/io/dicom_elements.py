"""Optional DICOM elements: each is read alone, and one that cannot be read is left out with a warning that names it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_BINARY = ("FD", "FL", "US", "SS", "UL", "SL", "UV", "SV")


def text_of(dataset: Dataset, name: str) -> str | None:
    """The value of an element as the text that the file stores, or ``None`` where it is absent.

    Whatever its value representation, nothing is converted, so that nothing can fail.
    """
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(name)
    element = None if tag is None else dataset.get_item(tag)
    if element is None:
        return None
    value: Any = element.value
    if isinstance(value, bytes) and element.VR not in _BINARY:
        return value.decode("latin-1").strip(" \0")
    try:
        value = dataset[name].value
    except Exception:  # pydicom fails in many ways, and the element is optional
        return ""
    if value is None:
        return ""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return str(value).strip(" \0")
    return "\\".join(str(one) for one in value)


def words_of(dataset: Dataset, name: str) -> tuple[str, ...]:
    """The values of a text element in upper case."""
    text = text_of(dataset, name) or ""
    return tuple(part.strip().upper() for part in text.split("\\") if part.strip())


def number_of(dataset: Dataset, name: str, warnings: list[str], *, first: bool = False) -> float | None:
    """The one finite number of an element, or the first of several where ``first``; ``None`` where there is none."""
    text = text_of(dataset, name)
    if text is None or text == "":
        return None
    parts = [part.strip() for part in text.split("\\")]
    value = _number(parts[0]) if first or len(parts) == 1 else None
    if value is None:
        warnings.append(f"The file's {name} is not a number, and was left out.")
    return value


def pixel_spacing(dataset: Dataset, warnings: list[str]) -> tuple[float, float] | None:
    """``PixelSpacing`` as (row, column) millimeters, or ``None``; decimal commas and a lone comma between are read."""
    text = text_of(dataset, "PixelSpacing")
    if not text:
        return None
    parts = [part.strip() for part in text.strip("[]()").split("\\")]
    if len(parts) == 1 and text.count(",") == 1 and all("." in part for part in text.split(",")):
        parts = [part.strip() for part in text.split(",")]
    values = [_number(part.replace(",", ".") if _DECIMAL_COMMA.fullmatch(part) else part) for part in parts]
    if len(values) == 2 and values[0] is not None and values[1] is not None and min(values[0], values[1]) > 0:
        return values[0], values[1]
    warnings.append("The file's PixelSpacing is not two numbers above 0, so lengths stay in pixels.")
    return None


def vector_of(dataset: Dataset, name: str, count: int) -> NDArray[np.float64] | None:
    """``count`` finite numbers of an element, or ``None``."""
    text = text_of(dataset, name)
    values = [] if text is None else [_number(part) for part in text.split("\\")]
    found = [value for value in values if value is not None]
    return np.array(found) if len(found) == len(values) == count else None


def items_of(dataset: Dataset, name: str) -> list[Any]:
    """The items of a sequence; none where it is absent or no sequence."""
    try:
        return list(dataset.get(name) or [])
    except Exception:  # a sequence of another representation
        return []


def frame_count(dataset: Dataset, warnings: list[str]) -> int:
    """``NumberOfFrames``, mended in the data set where it is no number: what the pixels have room for."""
    text = text_of(dataset, "NumberOfFrames")
    value = None if not text else _number(text)
    if value is not None and value >= 1 and value == int(value):
        return int(value)
    if text is None:
        return 1
    if text:
        warnings.append("The file's NumberOfFrames is not a number, and was left out.")
    del dataset.NumberOfFrames
    return 1


def lookup_table(dataset: Dataset, name: str, warnings: list[str]) -> tuple[int, NDArray[np.int64]] | None:
    """First mapped value and entries of the table in a LUT sequence, or ``None`` where there is none that can be used.

    Source: DICOM PS3.3 C.11.1.1.1.
    """
    if name not in dataset:
        return None
    try:
        item = items_of(dataset, name)[0]
        count, start, bits = (int(part) for part in (text_of(item, "LUTDescriptor") or "").split("\\"))
        count = count & 0xFFFF or 65_536
        if int(dataset.get("PixelRepresentation") or 0) and start >= 2**15:
            start -= 2**16
        entries = _entries(item["LUTData"].value, count)
        if entries is None or not 1 <= bits <= 16:
            raise ValueError
    except Exception:  # nothing in it can be relied on
        warnings.append(f"The file's {name} cannot be used, and was left out.")
        return None
    return start, entries


def mapped(values: NDArray[Any], table: tuple[int, NDArray[np.int64]]) -> NDArray[np.float64]:
    """Values through a lookup table; those beyond its ends take the end's."""
    start, entries = table
    places = np.clip(np.rint(values).astype(np.int64) - start, 0, len(entries) - 1)
    return np.asarray(entries[places], dtype=np.float64)


def _entries(data: Any, count: int) -> NDArray[np.int64] | None:
    if isinstance(data, bytes):
        kind = np.uint8 if len(data) in (count, count + 1) and len(data) < 2 * count else np.dtype("<u2")
        values = np.frombuffer(data[: len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize], dtype=kind)
    else:
        values = np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
    return values[:count].astype(np.int64) if len(values) >= count else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def functional_groups(dataset: Dataset, name: str, frames: int) -> Iterator[Any]:
    """The first item of a functional group for each frame: the frame's own, else the shared one, else ``None``."""
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")
    common = _first(shared[0], name) if shared else None
    own = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    for frame in range(frames):
        found = _first(own[frame], name) if frame < len(own) else None
        yield common if found is None else found


def _first(dataset: Dataset, name: str) -> Any:
    items = items_of(dataset, name)
    return items[0] if items else None
