"""The pictures of the demo page, all at twice the phantom's resolution, as PNG files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tumorlens.io import draw_overlay, encode_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tumorlens.inference import Analysis
    from tumorlens.phantoms import Phantom

SCALE = 2
HEAT_OPACITY = 0.7
MASK_GRAY = 232
TRUE_OUTLINE = (255, 159, 28)


@dataclass(frozen=True)
class Pictures:
    """PNG bytes of each picture; ``None`` where there is none.

    Attributes:
        scan: what the models were given.
        overlay: the scan with the outline found.
        mask: the mask found, white, with the true outline in amber; ``None`` where there is neither.
        heat: the activation map in color over the scan; ``None`` where the model gives no map.
    """

    scan: bytes
    overlay: bytes
    mask: bytes | None
    heat: bytes | None


def draw_pictures(phantom: Phantom, analysis: Analysis) -> Pictures:
    """Draw a phantom and the answer about it."""
    gray = draw_overlay(analysis.scan.pixels, scale=SCALE)
    heat = analysis.activation_map
    return Pictures(
        scan=encode_png(gray[:, :, 0]),
        overlay=encode_png(analysis.overlay(scale=SCALE)),
        mask=_mask(phantom, analysis.mask),
        heat=None if heat is None else encode_png(blend_heat(gray, heat)),
    )


def blend_heat(gray: NDArray[np.uint8], activation: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Color a picture by a map: where the map is 0 the picture stays as it is.

    Args:
        gray: RGB uint8 ``[rows, cols, 3]``.
        activation: float32 within [0, 1], of any resolution.

    Returns:
        RGB uint8 ``[rows, cols, 3]``.
    """
    import cv2

    size = (gray.shape[1], gray.shape[0])
    level = np.clip(cv2.resize(activation, size, interpolation=cv2.INTER_LINEAR), 0, 1)
    color = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    weight = HEAT_OPACITY * level[:, :, None]
    blended: NDArray[np.uint8] = np.rint(gray * (1 - weight) + color * weight).astype(np.uint8)
    return blended


def _mask(phantom: Phantom, mask: NDArray[np.bool_] | None) -> bytes | None:
    import cv2

    if mask is None and phantom.outline is None:
        return None
    inside = np.zeros(phantom.pixels.shape, np.uint8) if mask is None else mask.astype(np.uint8) * MASK_GRAY
    large = np.repeat(np.repeat(inside, SCALE, axis=0), SCALE, axis=1)
    picture = np.ascontiguousarray(np.repeat(large[:, :, None], 3, axis=2))
    if phantom.outline is not None:
        # A pixel's center is at its index, before and after the enlargement; polylines takes 1/16 pixels.
        points = (phantom.outline.points(720) + 0.5) * SCALE - 0.5
        curve = np.rint(points[:, ::-1] * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [curve], True, TRUE_OUTLINE, 2, cv2.LINE_AA, shift=4)
    return encode_png(picture)
