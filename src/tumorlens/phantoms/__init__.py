"""Head phantoms of known geometry: made slices whose tumor's outline is an analytic curve."""

from tumorlens.phantoms.outline import Outline, TrueGeometry
from tumorlens.phantoms.phantom import Phantom, as_scan, demo_phantoms, make_phantom, random_phantom
from tumorlens.phantoms.sampling import REFERENCE_SIZE, PhantomSpec

__all__ = [
    "REFERENCE_SIZE",
    "Outline",
    "Phantom",
    "PhantomSpec",
    "TrueGeometry",
    "as_scan",
    "demo_phantoms",
    "make_phantom",
    "random_phantom",
]
