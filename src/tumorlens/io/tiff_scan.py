"""A TIFF file as a scan: one picture, or a stack in pages or behind one directory as ImageJ writes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import InputError
from tumorlens.io.color import COLOR_WARNING
from tumorlens.io.decoding import guarded, hush
from tumorlens.io.limits import check_memory, check_picture, check_volume, checked_pixels
from tumorlens.io.plausible import implausible
from tumorlens.io.raster import decode_picture, flatten
from tumorlens.io.request import ANY, ReadRequest
from tumorlens.io.tiff import Page, imagej_stack, pages_of
from tumorlens.scan import Scan, Source

_WHITE_IS_ZERO, _EXTRA_SAMPLES, _PREMULTIPLIED = 0, 338, 1
_PHOTOMETRIC = 262


def read_tiff(data: bytes, source: Source, request: ReadRequest = ANY) -> Scan:
    """Decodes a TIFF of one picture or of several of one size, which become slices in the order of the file.

    There is a spacing only where ImageJ states one with its unit: DPI is a printing size.

    Args:
        data: the file's bytes.
        source: path, digest and format of the file.
        request: how much memory the scan may take.

    Raises:
        UnreadableFileError: truncated, damaged, or a variant that is not read.
        LimitError: too small or too large; known from the header, before decoding.
        InputError: pages of several sizes, or a constant picture.
        InvalidScanError: no value is finite.
    """
    hush("PIL")
    return guarded("a TIFF picture", lambda: _decode(data, source, request))


def _decode(data: bytes, source: Source, request: ReadRequest) -> Scan:
    warnings: list[str] = []
    pages = pages_of(data)
    if not pages:
        raise InputError("This TIFF holds no picture but a thumbnail or a mask: export it again.")
    sizes = {page.shape for page in pages}
    if len(sizes) > 1:
        raise InputError(
            f"This file holds {len(pages)} pictures of {len(sizes)} sizes, and which one to read is not known: save "
            "one as a file of its own."
        )
    first = pages[0]
    rows, cols = first.shape
    check_picture(rows, cols)
    count = max(len(pages), _stated(first) if len(pages) == 1 else 1)
    check_volume((count, rows, cols))
    check_memory((count, rows, cols), 8, request.memory)
    stack = imagej_stack(first) if len(pages) == 1 else None
    colored = False
    if stack is None:
        read = [_page(data, page) for page in pages]
        colored = any(one for _, one in read)
        stack = read[0][0] if len(read) == 1 else np.stack([pixels for pixels, _ in read])
    if colored:
        warnings.append(COLOR_WARNING)
    if stack.ndim == 3:
        warnings.append(f"The file is a stack of {len(stack)} pictures, taken as slices in this order.")
    pixels = checked_pixels(stack, warnings)
    spacing, slice_mm = first.spacing_mm(), first.slice_mm() if stack.ndim == 3 else None
    wrong = None if spacing is None else implausible(spacing, pixels.shape[-2:], slice_mm)
    if wrong is not None:
        warnings.append(wrong)
        spacing = None
    return Scan(
        pixels,
        spacing_mm=spacing,
        spacing_source="none" if spacing is None else "tiff",
        source=source,
        warnings=tuple(warnings),
        slice_mm=None if spacing is None else slice_mm,
    )


def _stated(page: Page) -> int:
    text = page.description.get("images", "1").strip()
    return int(text) if text.isdigit() else 1


def _page(data: bytes, page: Page) -> tuple[NDArray[Any], bool]:
    """Grey pixels of one page, and whether it was in color."""
    if not page.needs_us:
        return decode_picture(data, "tiff", page.number)
    channels = page.pixels()
    grey = channels[:, :, 0]
    if int(page.one(_PHOTOMETRIC, 1)) == _WHITE_IS_ZERO:
        grey = np.iinfo(grey.dtype).max - grey if grey.dtype.kind in "iu" else grey.max() - grey
    if channels.shape[2] == 1 or channels.dtype.kind == "f":
        return grey, False
    premultiplied = int(page.one(_EXTRA_SAMPLES, 0)) == _PREMULTIPLIED
    return flatten(np.dstack([grey, channels[:, :, 1]]), premultiplied)
