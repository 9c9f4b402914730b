"""TIFF stacks: pages, and ImageJ's many slices behind one directory, with spacing where its own tags state it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tumorlens.errors import InputError, TumorlensError
from tumorlens.io.tiff_scan import read_tiff
from tumorlens.scan import Scan, Source

STACK = np.arange(5 * 80 * 96, dtype=np.uint16).reshape(5, 80, 96)


def pages(*pictures: np.ndarray) -> bytes:
    stream = io.BytesIO()
    first, *rest = (Image.fromarray(one) for one in pictures)
    first.save(stream, "TIFF", save_all=True, append_images=rest)
    return stream.getvalue()


def imagej(stack: np.ndarray, description: str, pixels_per_unit: tuple[int, int] | None = None) -> bytes:
    """What ImageJ saves: one directory, all slices one after the other behind it, big-endian."""
    count, rows, cols = stack.shape
    text = f"ImageJ=1.54f\nimages={count}\nslices={count}\n{description}\0".encode()
    tags = [(256, 4, cols), (257, 4, rows), (258, 3, 16), (259, 3, 1), (262, 3, 1)]
    offset_tags = 11 if pixels_per_unit else 9
    after = 8 + 2 + 12 * offset_tags + 4
    tags += [(270, 2, (after, len(text))), (273, 4, 0), (277, 3, 1), (278, 4, rows), (279, 4, rows * cols * 2)]
    extra = text
    if pixels_per_unit:
        for tag, value in ((282, pixels_per_unit[0]), (283, pixels_per_unit[1])):
            tags.append((tag, 5, (after + len(extra), 1)))
            extra += struct.pack(">2I", value, 1000)
    after = 8 + 2 + 12 * len(tags) + 4
    entries, moved = b"", after - (8 + 2 + 12 * offset_tags + 4)
    for tag, kind, value in sorted(tags):
        if tag == 273:
            value = after + len(extra)
        if isinstance(value, tuple):
            entries += struct.pack(">HHII", tag, kind, value[1], value[0] + moved)
        else:
            entries += (
                struct.pack(">HHIHH", tag, 3, 1, value, 0) if kind == 3 else struct.pack(">HHII", tag, 4, 1, value)
            )
    head = b"MM\0*" + struct.pack(">IH", 8, len(tags)) + entries + struct.pack(">I", 0)
    return head + extra + stack.astype(">u2").tobytes()


def read(content: bytes) -> Scan:
    return read_tiff(content, Source(format="tiff"))


def test_pages_are_slices_in_their_order() -> None:
    scan = read(pages(*STACK))
    assert np.array_equal(scan.pixels, STACK)
    assert (scan.spacing_mm, scan.slice_mm, scan.spacing_source) == (None, None, "none")
    assert scan.warnings == ("The file is a stack of 5 pictures, taken as slices in this order.",)


def test_pages_of_several_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="2 pictures of 2 sizes"):
        read(pages(STACK[0], STACK[1, :60]))


def test_slices_behind_one_directory_are_all_read() -> None:
    scan = read(imagej(STACK, "unit=pixel"))
    assert np.array_equal(scan.pixels, STACK)
    assert (scan.spacing_mm, scan.slice_mm) == (None, None)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("cm", 10.0)])
def test_spacing_is_that_of_its_own_tags(unit: str, factor: float) -> None:
    scan = read(imagej(STACK, f"unit={unit}\nspacing={5 / factor}", (int(1250 * factor), int(1000 * factor))))
    assert scan.spacing_mm == pytest.approx((1.0, 0.8))
    assert (scan.slice_mm, scan.spacing_source) == (pytest.approx(5.0), "tiff")


def test_a_spacing_without_a_unit_is_none() -> None:
    assert read(imagej(STACK, "spacing=5", (1250, 1000))).spacing_mm is None


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_stack_is_refused(kept: float) -> None:
    content = imagej(STACK, "unit=mm")
    with pytest.raises(TumorlensError, match=r"(?i)truncated|damaged"):
        read(content[: int(len(content) * kept)])
