"""The phantoms as examples: made heads of known geometry, no patients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tumorlens.io import encode_png

API = "/api/v1/examples"


@dataclass(frozen=True, eq=False)
class Sample:
    """A phantom as a PNG file, with the spacing ``(row, col)`` in millimetres that it was drawn at."""

    name: str
    title: str
    label: str
    png: bytes
    spacing_mm: tuple[float, float]

    def to_dict(self) -> dict[str, str]:
        """The values that the API lists."""
        return {"name": self.name, "title": self.title, "label": self.label, "thumbnail": f"{API}/{self.name}.png"}


@lru_cache(maxsize=1)
def samples() -> dict[str, Sample]:
    """The four phantoms by name, drawn at the first call."""
    from tumorlens.phantoms import demo_phantoms

    found = {}
    for phantom in demo_phantoms():
        name = f"phantom-{str(phantom.label).replace('_', '-')}"
        png = encode_png(np.clip(np.rint(phantom.pixels), 0, 255).astype(np.uint8))
        title = f"{phantom.label.title_text} (phantom)"
        found[name] = Sample(name, title, str(phantom.label), png, phantom.spacing_mm)
    return found
