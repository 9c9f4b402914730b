"""What TIFF files hold beyond what Pillow reads: stacks, spacing, wide floats, 16-bit grey with alpha.

Sources: TIFF 6.0; BigTIFF (Aware Systems); ImageJ's ``ij.io.TiffEncoder`` for stacks in one directory.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import LimitError, UnreadableFileError
from tumorlens.io.limits import MAX_SIDE

_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONALS = {5: "II", 10: "ii"}
_COLS, _ROWS, _BITS, _COMPRESSION, _PHOTOMETRIC, _DESCRIPTION = 256, 257, 258, 259, 262, 270
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _COUNTS, _X, _Y, _PLANAR = 273, 277, 278, 279, 282, 283, 284
_UNIT, _PREDICTOR, _TILES, _EXTRA, _FORMAT = 296, 317, 322, 338, 339
_KINDS = {1: "u", 2: "i", 3: "f"}
_MOST_TAG_BYTES = 2**24
_MM = {"mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "cm": 10.0, "micron": 0.001, "microns": 0.001, "um": 0.001,
       "\\u00B5m": 0.001, "µm": 0.001}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Page:
    """One directory of a TIFF file: its place among all, and its tags by number, each a tuple."""

    number: int
    data: bytes
    order: str
    tags: dict[int, tuple[Any, ...]]

    def one(self, tag: int, default: Any) -> Any:
        """First value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.one(_ROWS, 0)), int(self.one(_COLS, 0))

    @property
    def samples(self) -> int:
        """Samples of each pixel."""
        return int(self.one(_SAMPLES, 1))

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of a sample, or ``None`` for one that NumPy has not."""
        bits, kind = int(self.one(_BITS, 1)), _KINDS.get(int(self.one(_FORMAT, 1)))
        if kind is None or bits not in (8, 16, 32, 64) or (kind == "f" and bits == 8):
            return None
        return np.dtype(f"{self.order}{kind}{bits // 8}")

    @cached_property
    def description(self) -> dict[str, str]:
        """ImageJ's lines ``name=value`` in the description; empty for a file by another program."""
        text = b"".join(self.tags.get(_DESCRIPTION, ())).decode("latin-1").strip("\0")
        if not text.startswith("ImageJ="):
            return {}
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    @property
    def needs_us(self) -> bool:
        """Whether Pillow refuses or narrows it: floats of 16 or 64 bits, 64-bit integers, 16-bit grey with alpha."""
        dtype = self.dtype
        if dtype is None or self.samples > 2 or int(self.one(_PHOTOMETRIC, 1)) not in (0, 1):
            return False
        wide_float = dtype.kind == "f" and dtype.itemsize != 4
        return wide_float or dtype.itemsize == 8 or (self.samples == 2 and dtype.itemsize > 1)

    def name(self) -> str:
        """Its values in words, such as ``64-bit float``."""
        kind = {1: "unsigned", 2: "signed", 3: "float", 5: "complex", 6: "complex"}.get(
            int(self.one(_FORMAT, 1)), "other"
        )
        return f"{self.one(_BITS, 1)}-bit {kind}"

    def pixels(self) -> NDArray[Any]:
        """Samples ``[rows, cols, samples]`` of an uncompressed, deflated or LZW-free page.

        Raises:
            UnreadableFileError: another compression, tiles, or fewer bytes than stated.
        """
        dtype, (rows, cols) = self.dtype, self.shape
        compression, predictor = int(self.one(_COMPRESSION, 1)), int(self.one(_PREDICTOR, 1))
        if dtype is None or _TILES in self.tags or compression not in (1, 8, 32946) or predictor not in (1, 2):
            raise UnreadableFileError(
                f"This TIFF holds {self.name()} values compressed or tiled in a way that is not read: save it as "
                "32-bit float or 16-bit gray, uncompressed."
            )
        planar = int(self.one(_PLANAR, 1)) == 2 and self.samples > 1
        if predictor == 2 and dtype.kind == "f":
            raise UnreadableFileError("This TIFF predicts floats as integers, which is not read: save it uncompressed.")
        width = cols if planar else cols * self.samples
        found = bytearray()
        strips = zip(self.tags.get(_OFFSETS, ()), self.tags.get(_COUNTS, ()), strict=False)
        needed = rows * cols * self.samples * dtype.itemsize
        for start, count in strips:
            piece = self.data[start : start + count]
            found += piece if compression == 1 else zlib.decompressobj().decompress(piece, max(needed - len(found), 1))
        if len(found) < needed:
            raise UnreadableFileError(f"This TIFF is truncated ({len(found):,} of {needed:,} bytes): export it again.")
        values = np.frombuffer(found, dtype=dtype, count=needed // dtype.itemsize)
        if predictor == 2:
            step = 1 if planar else self.samples
            values = np.cumsum(values.reshape(-1, width // step, step), axis=1, dtype=dtype)
        if planar:
            return np.moveaxis(values.reshape(self.samples, rows, cols), 0, -1)
        return values.reshape(rows, cols, self.samples)

    def spacing_mm(self) -> tuple[float, float] | None:
        """``(row, col)`` in millimeters where ImageJ states a unit of length; DPI is a printing size and no spacing."""
        factor = _MM.get(self.description.get("unit", "").strip().lower())
        across, down = self.one(_X, 0.0), self.one(_Y, 0.0)
        if factor is None or not (0 < across < 1e9 and 0 < down < 1e9):
            return None
        return factor / down, factor / across

    def slice_mm(self) -> float | None:
        """Distance of slices in millimeters where ImageJ states it."""
        factor = _MM.get(self.description.get("unit", "").strip().lower())
        try:
            value = abs(float(self.description["spacing"]))
        except (KeyError, ValueError):
            return None
        return None if factor is None or not 0 < value < 1e6 else value * factor


def pages_of(data: bytes) -> list[Page]:
    """The directories of a TIFF or BigTIFF file, in order; thumbnails and masks are left out.

    Raises:
        UnreadableFileError: damaged.
        LimitError: more pages than a scan may have slices.
    """
    try:
        return [page for page in _pages(data) if not int(page.one(254, 0)) & 0b101]
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise UnreadableFileError("This TIFF is truncated or damaged: export it again.") from error


def _pages(data: bytes) -> Iterator[Page]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    width, entry = ("Q", 20) if big else ("I", 12)
    (position,) = struct.unpack_from(f"{order}{width}", data, 8 if big else 4)
    seen: set[int] = set()
    while position and position not in seen:
        seen.add(position)
        if len(seen) > MAX_SIDE:
            raise LimitError(f"This TIFF has more than {MAX_SIDE:,} pages, the limit: split it.")
        (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, position)
        first = position + (8 if big else 2)
        if first + count * entry > len(data):
            raise ValueError
        places = range(first, first + count * entry, entry)
        tags = dict(_tag(data, place, order, width) for place in places)
        yield Page(len(seen) - 1, data, order, {number: value for number, value in tags.items() if value})
        (position,) = struct.unpack_from(f"{order}{width}", data, first + count * entry)


def _tag(data: bytes, place: int, order: str, width: str) -> tuple[int, tuple[Any, ...]]:
    number, kind = struct.unpack_from(f"{order}HH", data, place)
    (count,) = struct.unpack_from(f"{order}{width}", data, place + 4)
    code = _RATIONALS.get(kind, _TYPES.get(kind))
    if code is None:
        return number, ()
    size = struct.calcsize(f"{order}{code}") * count
    value = place + 4 + struct.calcsize(width)
    if size > struct.calcsize(width):
        (value,) = struct.unpack_from(f"{order}{width}", data, value)
    if size > _MOST_TAG_BYTES or value + size > len(data):
        return number, ()
    found = struct.unpack_from(f"{order}{code * count if kind in _RATIONALS else f'{count}{code}'}", data, value)
    if kind in _RATIONALS:
        found = tuple(top / under if under else 0.0 for top, under in zip(found[::2], found[1::2], strict=True))
    return number, found


def imagej_stack(page: Page) -> NDArray[Any] | None:
    """The slices ``[slices, rows, cols]`` that ImageJ stores behind one directory, or ``None`` where there is one.

    Raises:
        UnreadableFileError: fewer bytes than stated.
    """
    text = re.sub(r"\D", "", page.description.get("images", "1")) or "1"
    count, dtype, (rows, cols) = int(text), page.dtype, page.shape
    if count < 2 or dtype is None or page.samples != 1 or int(page.one(_COMPRESSION, 1)) != 1:
        return None
    start, needed = int(page.one(_OFFSETS, 0)), count * rows * cols * dtype.itemsize
    if len(page.data) < start + needed:
        raise UnreadableFileError(f"This TIFF is truncated: it states {count} slices and holds fewer. Export it again.")
    return np.frombuffer(page.data, dtype=dtype, count=count * rows * cols, offset=start).reshape(count, rows, cols)
