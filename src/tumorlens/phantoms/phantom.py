"""Head phantoms: made slices in the look of contrast-enhanced T1 MRI, whose tumor has a known analytic outline.

Parameters are sampled first (:class:`PhantomSpec` to anatomy and outline) and drawn after. The tumor's outline is an
ellipse times a Fourier series in the polar angle, so disc, ellipse and irregular shape are one family, and its area,
perimeter and extent come from the curve and never from pixels. Phantoms are no substitute for patients: they exercise
the whole path on exact truths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms.drawing import draw
from tumorlens.phantoms.outline import Outline, TrueGeometry
from tumorlens.phantoms.sampling import REFERENCE_SIZE, PhantomSpec, sample
from tumorlens.scan import Scan

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Phantom:
    """A made slice with its truth.

    Attributes:
        pixels: float32 ``[rows, cols]``, 0 to 255.
        mask: bool ``[rows, cols]``, pixels whose center lies in the tumor's outline, necrotic core included.
        head: bool ``[rows, cols]``, pixels whose center lies within the skin.
        label: class shown.
        spacing_mm: (row, col), in millimetres.
        truth: exact geometry of the tumor, ``None`` where there is none.
        outline: the tumor's analytic outline, ``None`` where there is none.
    """

    pixels: Array
    mask: NDArray[np.bool_]
    head: NDArray[np.bool_]
    label: TumorClass
    spacing_mm: tuple[float, float]
    truth: TrueGeometry | None
    outline: Outline | None


def make_phantom(spec: PhantomSpec) -> Phantom:
    """Sample a head and a tumor for ``spec`` and draw them."""
    head = sample(spec)
    pixels, mask, skin = draw(head, spec.size, np.random.default_rng([spec.seed, 1]))
    return Phantom(
        pixels=pixels,
        mask=mask,
        head=skin,
        label=spec.tumor,
        spacing_mm=(spec.spacing_mm, spec.spacing_mm),
        truth=None if head.outline is None else head.outline.geometry(spec.spacing_mm),
        outline=head.outline,
    )


def demo_phantoms() -> list[Phantom]:
    """Four fixed phantoms, one of each class in the order of ``TumorClass``."""
    return [
        make_phantom(PhantomSpec(TumorClass.GLIOMA, seed=11, view="axial")),
        make_phantom(PhantomSpec(TumorClass.MENINGIOMA, seed=12, view="axial")),
        make_phantom(PhantomSpec(TumorClass.PITUITARY, seed=13, view="coronal")),
        make_phantom(PhantomSpec(TumorClass.NO_TUMOR, seed=14, view="axial")),
    ]


def random_phantom(rng: np.random.Generator, tumor: TumorClass | None = None, size: int = REFERENCE_SIZE) -> Phantom:
    """A widely varied phantom, for mixing into training.

    Args:
        rng: source of the phantom's class, spacing and seed.
        tumor: class to show; ``None`` draws one of the four evenly.
        size: rows and columns, in pixels, at least 64.
    """
    chosen = CLASSES[int(rng.integers(len(CLASSES)))] if tumor is None else tumor
    spacing = float(rng.uniform(0.85, 1.1)) * REFERENCE_SIZE / size
    return make_phantom(PhantomSpec(chosen, int(rng.integers(2**32)), size, spacing, variation=1.0))


def as_scan(phantom: Phantom, with_spacing: bool = False) -> Scan:
    """The phantom as a scan; its spacing is left out unless asked for, and is then marked as stated by the user."""
    scan = Scan(phantom.pixels)
    return scan.with_spacing(phantom.spacing_mm) if with_spacing else scan
