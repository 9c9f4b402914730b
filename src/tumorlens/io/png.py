"""Whether a PNG file is whole. Pillow does not say: it pads missing rows with zeros and skips checksums of pixels."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from tumorlens.errors import UnreadableFileError

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(frozen=True)
class PngHeader:
    """What the ``IHDR`` chunk states."""

    rows: int
    cols: int
    bit_depth: int
    color_type: int
    interlaced: bool

    @property
    def raw_bytes(self) -> int:
        """Size of the inflated pixel data: a filter byte and the packed samples, for every row of every pass."""
        bits = self.bit_depth * _CHANNELS[self.color_type]
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for row0, col0, row_step, col_step in passes:
            rows = -(-(self.rows - row0) // row_step)
            cols = -(-(self.cols - col0) // col_step)
            if rows > 0 and cols > 0:
                total += rows * (1 + (cols * bits + 7) // 8)
        return total


def read_header(data: bytes) -> PngHeader:
    """The header of a PNG file.

    Raises:
        UnreadableFileError: it is cut off or states an impossible kind of pixel.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise UnreadableFileError("This PNG file is cut off inside its header: export or download it again.")
    cols, rows, bit_depth, color_type, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if color_type not in _CHANNELS or bit_depth not in (1, 2, 4, 8, 16):
        raise UnreadableFileError(
            f"This PNG file states color type {color_type} at {bit_depth} bits, which PNG lacks: export it again."
        )
    return PngHeader(rows, cols, bit_depth, color_type, bool(interlaced))


def check_whole(data: bytes, header: PngHeader) -> None:
    """Walks the chunks: every checksum, the end chunk, and as many pixel bytes as the header asks for.

    Raises:
        UnreadableFileError: something is missing or altered.
    """
    inflater, inflated, position, kind = zlib.decompressobj(), 0, 8, b""
    expected = header.raw_bytes
    while kind != b"IEND":
        if position + 12 > len(data):
            raise UnreadableFileError("This PNG file is truncated: export or download it again.")
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        position += 12 + length
        if position > len(data):
            raise UnreadableFileError("This PNG file is truncated: export or download it again.")
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, position - 4)[0]:
            raise UnreadableFileError("A checksum in this PNG file is wrong, so it is damaged: export it again.")
        while kind == b"IDAT" and body and inflated < expected:
            inflated += len(inflater.decompress(body, 1 << 20))
            body = inflater.unconsumed_tail
    if inflated < expected:
        raise UnreadableFileError(
            f"This PNG file holds {inflated:,} of the {expected:,} bytes of its pixels: export or download it again."
        )
