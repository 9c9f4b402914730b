"""The size that a compressed frame itself states, so that it can be held against the DICOM header before decoding."""

from __future__ import annotations

import struct

_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\0\0\0\x0cjP  \r\n\x87\n"
_NOT_FRAME_HEADERS = (0xC4, 0xC8, 0xCC)
_STANDALONE = (0x01, *range(0xD0, 0xD8))
_JPEG_LS_FRAME = 0xF7


def frame_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 code stream, or ``None`` for any other compression.

    Sources: ITU-T T.81 annex B.2.2 (SOF), T.87 annex C (SOF55), T.800 annex A.5.1 (SIZ).
    """
    frame = code_stream(frame)
    start = 0 if frame.startswith(_J2K_START) else -1
    if start >= 0 and len(frame) >= start + 24:
        width, height, left, top = struct.unpack_from(">IIII", frame, start + 8)
        return height - top, width - left
    return _jpeg_size(frame) if frame.startswith(b"\xff\xd8") else None


def code_stream(frame: bytes) -> bytes:
    """The JPEG 2000 code stream inside of JP2 boxes, or the frame itself where it is none.

    Source: ITU-T T.800 annex I.4 (boxes).
    """
    if not frame.startswith(_JP2_START):
        return frame
    position = 0
    while position + 8 <= len(frame):
        length, kind = struct.unpack_from(">I4s", frame, position)
        start = position + 8
        if length == 1 and position + 16 <= len(frame):
            length, start = struct.unpack_from(">Q", frame, position + 8)[0], position + 16
        end = len(frame) if length == 0 else position + length
        if kind == b"jp2c":
            return frame[start:end]
        if end <= position:
            break
        position = end
    return frame


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(frame):
        if frame[position] != 0xFF:
            return None
        marker = frame[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAME_HEADERS) or marker == _JPEG_LS_FRAME:
            rows, cols = struct.unpack_from(">HH", frame, position + 5)
            return rows, cols
        else:
            position += 2 + struct.unpack_from(">H", frame, position + 2)[0]
    return None
