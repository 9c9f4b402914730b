from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_files import pillow_bytes, png_chunk, ramp, raw_png

from tumorlens.errors import UnreadableFileError
from tumorlens.io.png import PngHeader, check_whole, read_header
from tumorlens.io.raster import read_raster
from tumorlens.scan import Scan, Source


def read(content: bytes, kind: str) -> Scan:
    return read_raster(content, Source(format=kind))  # type: ignore[arg-type]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 2, 3, 4, 6]))
def test_interlacing_costs_only_filter_bytes(rows: int, cols: int, color: int) -> None:
    plain = PngHeader(rows, cols, 8, color, False).raw_bytes
    laced = PngHeader(rows, cols, 8, color, True).raw_bytes
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    assert plain == rows * (1 + cols * channels)
    assert rows * cols * channels < laced <= rows * cols * channels + 2 * rows + 7


def test_header_and_whole_file() -> None:
    content = pillow_bytes(ramp(24, 32), "PNG")
    header = read_header(content)
    assert header == PngHeader(24, 32, 8, 0, False)
    check_whole(content, header)
    for length in range(33, len(content)):
        with pytest.raises(UnreadableFileError):
            check_whole(content[:length], header)
    with pytest.raises(UnreadableFileError, match="cut off inside its header"):
        read_header(content[:32])
    with pytest.raises(UnreadableFileError, match="color type 5 at 8 bits"):
        read_header(raw_png(24, 32, 8, 5, b""))


def test_png_with_missing_rows_or_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="330 of the 792 bytes"):
        read(raw_png(24, 32, 8, 0, bytes(range(33)) * 10), "png")
    content = bytearray(pillow_bytes(ramp(), "PNG"))
    content[60] ^= 1
    with pytest.raises(UnreadableFileError, match="checksum"):
        read(bytes(content), "png")


def test_interlaced_png() -> None:
    grey = ramp(21, 19)
    lines = b""
    for row0, col0, rows, cols in (
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
        *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    ):
        lines += b"".join(b"\0" + row.tobytes() for row in grey[row0::rows, col0::cols])
    content = bytearray(raw_png(21, 19, 8, 0, lines))
    header = bytearray(content[16:29])
    header[12] = 1
    content[8:33] = png_chunk(b"IHDR", bytes(header))
    assert np.array_equal(read(bytes(content), "png").slice().pixels, grey)
    shortened = bytearray(raw_png(21, 19, 8, 0, lines[:-1]))
    shortened[8:33] = png_chunk(b"IHDR", bytes(header))
    with pytest.raises(UnreadableFileError, match="bytes of its pixels"):
        read(bytes(shortened), "png")


def test_png_that_inflates_to_more_than_it_states_is_read_no_further() -> None:
    grey = ramp()
    lines = b"".join(b"\0" + row.tobytes() for row in grey) + b"\0" * 50_000_000
    assert np.array_equal(read(raw_png(*grey.shape, 8, 0, lines), "png").slice().pixels, grey)
