"""Small pictures inside a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2

from tumorlens.audit.facts import decode
from tumorlens.errors import InputError
from tumorlens.io.sniff import HEAD_BYTES, sniff_format

SIDE = 144


class Pictures:
    """Pictures as data addresses, each read once."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._known: dict[int, str | None] = {}

    def tag(self, row: int, text: str) -> str:
        """An ``img`` element, or a box that says that there is no picture."""
        if row not in self._known:
            self._known[row] = _address(self._paths[row])
        address = self._known[row]
        if address is None:
            return '<div class="none">no picture</div>'
        return f'<img src="{address}" alt="{escape(text)}">'


def _address(path: Path) -> str | None:
    try:
        content = path.read_bytes()
        grey, color = decode(path, content, str(sniff_format(content[:HEAD_BYTES]) or "unknown"))
    except (OSError, InputError):
        return None
    shown = color if color.dtype == "uint8" and color.ndim == 3 and color.shape[2] == 3 else grey
    scale = min(1.0, SIDE / max(grey.shape))
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode() if done else None
