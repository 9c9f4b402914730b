"""The table of corruptions, and the ways to name some of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from tumorlens.errors import UsageError
from tumorlens.evaluation.corruptions import burned_in, geometry, intensity, kspace, sharpness
from tumorlens.evaluation.corruptions.family import STRENGTHS, Corruption, Family, Pixels, side
from tumorlens.evaluation.degradations import BLUR_SIDE, DOWN_FACTOR, blur15, down5, mixed

ORIGINAL_SIDE = 512
"""Side in pixels of the originals that the published degradations were applied to in many collections."""

FAMILIES: tuple[Family, ...] = (
    Family(
        "gaussian-blur",
        "Gaussian blur",
        "Sharpness",
        "sigma of {:g} % of the longer side",
        (0.25, 0.5, 0.75, 1.2, 1.8),
        "Poor focus of a whole slice; at a field of view of 230 mm sigma is 0.6, 1.2, 1.7, 2.8 and 4.1 mm. The "
        "published blur of 15 x 15 pixels is 1.2 % of 224 pixels.",
        change=sharpness.gaussian_blur,
    ),
    Family(
        "downsampling",
        "Down- and up-sampling",
        "Sharpness",
        "{:g} pixels left across the longer side",
        (128, 96, 64, 48, 32),
        "A coarse matrix or a thumbnail: at a field of view of 230 mm a pixel is 1.8, 2.4, 3.6, 4.8 and 7.2 mm wide.",
        change=sharpness.downsampling,
    ),
    Family(
        "jpeg",
        "JPEG",
        "Sharpness",
        "quality {:g}",
        (50, 30, 20, 10, 5),
        "Pictures saved for slides and messages; quality on the scale of libjpeg, where 75 is usual.",
        change=sharpness.jpeg,
    ),
    Family(
        "motion",
        "Motion",
        "Scanner",
        "{:g} % of the longer side and as many degrees",
        (1, 2, 3, 4.5, 6),
        "The head moves twice during the acquisition; at a field of view of 230 mm by 2, 5, 7, 10 and 14 mm.",
        change=kspace.motion,
    ),
    Family(
        "ghosting",
        "Ghosting",
        "Scanner",
        "ghosts of {:g} % of the signal",
        (4, 8, 12, 18, 25),
        "Faint copies along the phase-encoding direction, from pulsating blood or a moving table.",
        change=kspace.ghosting,
    ),
    Family(
        "spike",
        "Spike",
        "Scanner",
        "stripes of {:g} % of bright tissue",
        (5, 10, 20, 30, 45),
        "One bad point in k-space, as an electric discharge leaves it: stripes over the whole picture.",
        change=kspace.spike,
    ),
    Family(
        "rician-noise",
        "Rician noise",
        "Scanner",
        "standard deviation of {:g} % of bright tissue",
        (2, 4, 7, 11, 16),
        "Noise of a fast or low-field scan: a signal-to-noise ratio of 50, 25, 14, 9 and 6 in bright tissue.",
        change=intensity.rician_noise,
    ),
    Family(
        "bias-field",
        "Bias field",
        "Scanner",
        "brightest place {:g} times the darkest",
        (1.2, 1.5, 2, 3, 4.5),
        "Uneven reception: up to 1.4 is usual at 3 T, and surface coils reach 3 and more.",
        change=intensity.bias_field,
    ),
    Family(
        "gamma",
        "Gamma",
        "Intensity",
        "exponent {:g} or its inverse",
        (1.2, 1.5, 2, 2.5, 3.5),
        "Another display curve; one half of the images gets darker, the other brighter.",
        change=intensity.gamma,
    ),
    Family(
        "contrast",
        "Contrast",
        "Intensity",
        "times or divided by {:g}",
        (1.25, 1.5, 2, 3, 5),
        "A window set too narrow, which clips, or too wide, which leaves few of the 256 grey levels.",
        change=intensity.contrast,
    ),
    Family(
        "inversion",
        "Intensity inversion",
        "Intensity",
        "inverted above {:g} % of the range",
        (80, 60, 40, 20, 0),
        "Bright becomes dark: partly, as in an overflow of the window, and at strength 5 the whole negative.",
        change=intensity.inversion,
    ),
    Family(
        "rotation",
        "Rotation",
        "Position",
        "{:g} degrees to either side",
        (5, 10, 15, 25, 40),
        "A tilted head, or a page scanned askew.",
        move=geometry.rotation,
    ),
    Family(
        "shift",
        "Shift",
        "Position",
        "{:g} % of the longer side",
        (2, 5, 10, 15, 20),
        "A head off center; what leaves the picture is lost.",
        move=geometry.shift,
    ),
    Family(
        "zoom",
        "Zoom",
        "Position",
        "enlarged or shrunk {:g} times",
        (1.05, 1.1, 1.2, 1.35, 1.6),
        "Another field of view; enlarging cuts the rim off.",
        move=geometry.zoom,
    ),
    Family(
        "crop",
        "Crop",
        "Position",
        "a window of {:g} % of each side",
        (95, 90, 80, 70, 60),
        "Part of the head is cut off, and with it sometimes part of the tumor.",
        move=geometry.crop,
    ),
    Family(
        "flip",
        "Flip",
        "Position",
        "orientation {:g}",
        (1, 2, 3, 4, 5),
        "Orientation lost: 1 mirrored left-right, 2 up-down, 3 a half turn, 4 a quarter turn, 5 rows and columns "
        "swapped.",
        move=geometry.flip,
    ),
    Family(
        "border",
        "Border",
        "Marks",
        "a frame of {:g} % of the longer side",
        (2, 5, 10, 15, 25),
        "A grey or white frame around the picture, as in a screenshot.",
        move=geometry.border,
    ),
    Family(
        "text",
        "Burned-in text",
        "Marks",
        "lines {:g} % of the longer side high",
        (3, 4, 5, 6.5, 8),
        "Three lines of made-up text in each corner, as viewers burn them in.",
        change=burned_in.text,
    ),
)

PUBLISHED = ("blur15", "down5", "mixed", "blur15@512", "down5@512")
_BY_NAME = {family.name: family for family in FAMILIES}
_PUBLISHED_WORDS = {
    "blur15": f"Gaussian blur of {BLUR_SIDE} x {BLUR_SIDE} pixels",
    "down5": "Down to a fifth and up again",
    "mixed": "One of both for each image",
    "blur15@512": f"The blur as on {ORIGINAL_SIDE} px originals",
    "down5@512": f"The down-sampling as on {ORIGINAL_SIDE} px originals",
}


def corruption(name: str, seed: int = 0) -> Corruption:
    """The corruption of that name.

    Args:
        name: a published degradation (``blur15``, ``down5``, ``mixed``), the same at the strength that it has on
            originals of 512 pixels (``blur15@512``, ``down5@512``), or a family with a strength such as ``motion-3``.
        seed: of what is drawn for each image.

    Raises:
        UsageError: there is none of this name.
    """
    if name in PUBLISHED:
        return Corruption(name, _PUBLISHED_WORDS[name], name, 0, math.nan, seed, _published(name, seed))
    family, _, number = name.rpartition("-")
    if family not in _BY_NAME or number not in {str(one) for one in range(1, STRENGTHS + 1)}:
        raise UsageError(
            f"There is no corruption '{name}': choose {', '.join(PUBLISHED)}, or with a strength of 1 to {STRENGTHS}, "
            f"such as motion-3, one of {', '.join(_BY_NAME)}."
        )
    return _of(_BY_NAME[family], int(number), seed)


def suite(names: str, seed: int = 0) -> tuple[Corruption, ...]:
    """Corruptions that a comma-separated list names, each once.

    Args:
        names: ``e`` for the published degradations, ``full`` for those and every family at every strength, a family for
            all of its strengths, or single corruptions as :func:`corruption` takes them.
        seed: of what is drawn for each image.

    Raises:
        UsageError: a name is unknown, or there is none.
    """
    found: dict[str, Corruption] = {}
    for name in (part.strip() for part in names.split(",")):
        if not name:
            continue
        if name in ("e", "full"):
            chosen = [corruption(one, seed) for one in PUBLISHED]
        else:
            chosen = [] if name in _BY_NAME else [corruption(name, seed)]
        families = FAMILIES if name == "full" else [_BY_NAME[name]] if name in _BY_NAME else []
        chosen += [_of(family, strength, seed) for family in families for strength in range(1, STRENGTHS + 1)]
        found |= {one.name: one for one in chosen}
    if not found:
        raise UsageError("No corruption is named: choose 'e', 'full', or names such as motion,jpeg-3.")
    return tuple(found.values())


def family_of(corrupted: Corruption) -> Family | None:
    """The family of a corruption, ``None`` for a published degradation."""
    return _BY_NAME.get(corrupted.family)


def _of(family: Family, strength: int, seed: int) -> Corruption:
    amount = family.amounts[strength - 1]
    words = f"{family.title}, {family.unit.format(amount)}"
    return Corruption(
        f"{family.name}-{strength}", words, family.name, strength, amount, seed, family.change, family.move
    )


def _published(name: str, seed: int) -> Callable[[Pixels, float, np.random.Generator], Pixels]:
    changes: dict[str, Callable[[Pixels], Pixels]] = {
        "blur15": blur15,
        "down5": down5,
        "mixed": lambda pixels: mixed(pixels, seed),
        "blur15@512": _blur_of_original,
        "down5@512": _down_of_original,
    }
    chosen = changes[name]
    return lambda pixels, amount, rng: chosen(pixels)


def _blur_of_original(pixels: Pixels) -> Pixels:
    """The blur that 15 x 15 pixels are on an original of 512: a sigma of 2.6 x 224 / 512 on 224 pixels."""
    sigma = 0.3 * ((BLUR_SIDE - 1) * 0.5 - 1) + 0.8  # as OpenCV takes it from the side of the kernel
    return sharpness.blurred(pixels, sigma * side(pixels) / ORIGINAL_SIDE)


def _down_of_original(pixels: Pixels) -> Pixels:
    """As many pixels left as of an original of 512: a fifth of 512 across the longer side."""
    rows, cols = pixels.shape
    factor = ORIGINAL_SIDE / DOWN_FACTOR / side(pixels)
    if factor >= 1:
        return pixels
    small = cv2.resize(pixels, (max(1, round(cols * factor)), max(1, round(rows * factor))))
    return np.asarray(cv2.resize(small, (cols, rows)), dtype=np.float32)
