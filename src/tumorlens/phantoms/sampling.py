"""Sampling of a phantom's parameters: the head, its gray levels, and the tumor's outline and place in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorlens.errors import UsageError
from tumorlens.labels import TumorClass
from tumorlens.phantoms.outline import Outline

View = Literal["axial", "coronal"]

REFERENCE_SIZE = 256
_ANGLES = 1440


@dataclass(frozen=True)
class PhantomSpec:
    """What to make; two equal specs make equal phantoms on one machine.

    Attributes:
        tumor: class to show.
        seed: seed of all that is sampled, 0 or more.
        size: rows and columns, in pixels, at least 64.
        spacing_mm: distance between neighbouring pixel centers, in millimetres, the same along rows and columns.
        view: slice plane; ``None`` samples one (a pituitary tumor is always coronal, where the sella is seen).
        variation: how far parameters stray from a typical head, from 0 (not at all) to 1 (widely).

    Raises:
        UsageError: a value is out of its range.
    """

    tumor: TumorClass
    seed: int
    size: int = REFERENCE_SIZE
    spacing_mm: float = 0.98
    view: View | None = None
    variation: float = 0.3

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"The phantom's seed is {self.seed}: give 0 or more.")
        if self.size < 64:
            raise UsageError(f"The phantom's size is {self.size} pixels: give at least 64.")
        if not (np.isfinite(self.spacing_mm) and self.spacing_mm > 0):
            raise UsageError(f"The phantom's spacing is {self.spacing_mm}: give finite millimetres above 0.")
        if not 0 <= self.variation <= 1:
            raise UsageError(f"The phantom's variation is {self.variation}: give a number from 0 to 1.")
        if self.tumor is TumorClass.PITUITARY and self.view == "axial":
            raise UsageError("A pituitary phantom cannot be axial: leave the view out or say 'coronal'.")


@dataclass(frozen=True, eq=False)
class Levels:
    """Gray levels, 0 to 255; ``sulci`` and ``bias`` are shares, ``noise`` a deviation, ``blur`` pixels."""

    brain: float
    scalp: float
    fluid: float
    sulci: float
    tumor: float
    core: float
    edema: float
    bias: float
    noise: float
    blur: float


@dataclass(frozen=True, eq=False)
class Head:
    """All that drawing needs; lengths in pixels, in head axes x (to the right) and y (down) about ``center``.

    Attributes:
        view: slice plane.
        center: (row, col) of the origin.
        rotation: of the head axes, in radians.
        semi: half width, and heights above and below the origin, of the skin.
        skin: distance of the skin from the origin at 1440 even polar angles from 0.
        layers: depth below the skin of the outer table, the inner table and the brain's surface.
        base: y of the skull base at the sella, and how far the temporal lobes dip below it (coronal).
        ventricles: factor of the ventricles' size.
        levels: gray levels.
        outline: the tumor, in image axes, or ``None``.
        core: necrotic core's share of the tumor's radius, 0 for none.
        edema: edema's reach as a factor of the tumor's radius, 1 for none.
        tumor: class shown.
    """

    view: View
    center: tuple[float, float]
    rotation: float
    semi: tuple[float, float, float]
    skin: NDArray[np.float64]
    layers: tuple[float, float, float]
    base: tuple[float, float]
    ventricles: float
    levels: Levels
    outline: Outline | None
    core: float
    edema: float
    tumor: TumorClass

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """(row, col) of a point in head axes."""
        c, s = np.cos(self.rotation), np.sin(self.rotation)
        return float(self.center[0] + s * x + c * y), float(self.center[1] + c * x - s * y)

    def base_at(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """y of the skull base below each ``x`` (coronal)."""
        y, dip = self.base
        a = self.semi[0]
        return np.asarray(y + dip * np.exp(-(((np.abs(x) - 0.5 * a) / (0.24 * a)) ** 2)))


class _Sampler:
    """Uniform draws whose spread is scaled by the spec's variation."""

    def __init__(self, spec: PhantomSpec) -> None:
        self.rng = np.random.default_rng([spec.seed, 0])
        self.variation = spec.variation

    def around(self, middle: float, spread: float) -> float:
        return middle + spread * self.variation * float(self.rng.uniform(-1, 1))


def sample(spec: PhantomSpec) -> Head:
    """Sample the head and the tumor of ``spec``."""
    sampler = _Sampler(spec)
    view: View = spec.view or ("coronal" if sampler.rng.random() < 0.4 else "axial")
    if spec.tumor is TumorClass.PITUITARY:
        view = "coronal"
    head = _sample_head(sampler, view, spec)
    if spec.tumor is TumorClass.NO_TUMOR:
        return head
    outline, core, edema = _TUMORS[spec.tumor](sampler, head, 1.0 / spec.spacing_mm)
    return replace(head, outline=outline, core=core, edema=edema)


def _sample_head(sampler: _Sampler, view: View, spec: PhantomSpec) -> Head:
    around, size = sampler.around, float(spec.size)
    if view == "axial":
        half = around(0.32, 0.05) * size
        up = down = half * around(1.24, 0.13)
        row, power = around(0.5, 0.03), around(2.15, 0.2)
    else:
        half = around(0.33, 0.045) * size
        up, down = half * around(1.08, 0.1), half * around(2.5, 0.5)
        row, power = around(0.46, 0.03), around(2.4, 0.2)
    theta = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    x, y = np.abs(np.cos(theta)), np.sin(theta)
    tall = np.where(y < 0, up, down)
    skin = ((x / half) ** power + (np.abs(y) / tall) ** power) ** (-1 / power)
    wave = around(0.025, 0.03) * np.sin(theta) if view == "axial" else np.zeros_like(theta)
    for k in (2, 3, 4):
        wave += around(0, 0.014) * np.cos(k * theta) + around(0, 0.01) * np.sin(k * theta)
    skin = skin * (1 + wave)
    unit = size / 256
    scalp = around(6, 2.5) * unit
    table = scalp + around(6, 2) * unit
    brain = around(72, 34)
    return Head(
        view=view,
        center=(row * size, around(0.5, 0.03) * size),
        rotation=around(0, 0.2 if view == "axial" else 0.1),
        semi=(half, up, down),
        skin=skin,
        layers=(scalp, table, table + around(2, 1.2) * unit),
        base=(around(0.24, 0.06) * up, around(0.16, 0.06) * up),
        ventricles=around(1, 0.45),
        levels=_sample_levels(sampler, brain, spec.tumor),
        outline=None,
        core=0,
        edema=1,
        tumor=spec.tumor,
    )


def _sample_levels(sampler: _Sampler, brain: float, tumor: TumorClass) -> Levels:
    around = sampler.around
    contrast = {TumorClass.MENINGIOMA: 1.9, TumorClass.GLIOMA: 2.0, TumorClass.PITUITARY: 1.75}.get(tumor, 1.0)
    return Levels(
        brain=brain,
        scalp=min(brain * around(2.5, 0.7), 240),
        fluid=brain * around(0.38, 0.15),
        sulci=around(0.3, 0.18),
        tumor=min(brain * around(contrast, 0.45), 235),
        core=brain * around(0.5, 0.2),
        edema=brain * around(0.76, 0.1),
        bias=around(0.12, 0.1),
        noise=around(3.0, 2.2),
        blur=around(0.7, 0.3),
    )


def _intracranial(head: Head) -> NDArray[np.float64]:
    """Points of the inner table, closed below by the skull base in a coronal slice, ``[n, 2]`` as (x, y)."""
    theta = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    radius = head.skin - head.layers[1]
    x, y = radius * np.cos(theta), radius * np.sin(theta)
    return np.stack([x, np.minimum(y, head.base_at(x)) if head.view == "coronal" else y], axis=1)


def _reach(head: Head, theta: float, clearance: float) -> float:
    """Farthest distance from the origin along ``theta`` that keeps ``clearance`` to the inner table."""
    wall = _intracranial(head)
    direction = np.array([np.cos(theta), np.sin(theta)])
    low, high = 0.0, float(np.hypot(*wall.T).max())
    for _ in range(24):
        middle = (low + high) / 2
        gap = np.sqrt(((wall - middle * direction) ** 2).sum(axis=1).min())
        beyond = middle > _wall_at(wall, theta)
        low, high = (low, middle) if beyond or gap < clearance else (middle, high)
    return low


def _wall_at(wall: NDArray[np.float64], theta: float) -> float:
    angles = np.arctan2(wall[:, 1], wall[:, 0])
    nearest = np.abs((angles - theta + np.pi) % (2 * np.pi) - np.pi).argmin()
    return float(np.hypot(*wall[nearest]))


def _direction(sampler: _Sampler, head: Head) -> float:
    """Polar angle, on either side, kept from the skull base in a coronal slice."""
    angle = float(sampler.rng.uniform(-0.5, 0.05) if head.view == "coronal" else sampler.rng.uniform(-0.42, 0.42))
    return angle * np.pi if sampler.rng.random() < 0.5 else (1 - angle) * np.pi


def _meningioma(sampler: _Sampler, head: Head, per_mm: float) -> tuple[Outline, float, float]:
    radius = _fitting(sampler.around(15, 8.5) * per_mm, 0.32, head)
    theta = _direction(sampler, head)
    distance = _reach(head, theta, radius + 0.5)
    center = head.to_image(distance * np.cos(theta), distance * np.sin(theta))
    return Outline(center, (radius, radius)), 0.0, 1.0


def _glioma(sampler: _Sampler, head: Head, per_mm: float) -> tuple[Outline, float, float]:
    rng = sampler.rng
    mean = _fitting(sampler.around(20, 10) * per_mm, 0.36, head)
    decay = np.array([0.13, 0.08, 0.05, 0.03, 0.02])
    phase = rng.uniform(0, 2 * np.pi, decay.size)
    strength = decay * rng.uniform(0.6, 1.1, decay.size)
    cosine, sine = strength * np.cos(phase), strength * np.sin(phase)
    shape = Outline((0, 0), (mean, mean), 0, tuple(cosine.tolist()), tuple(sine.tolist()))
    largest = float(shape.radius(np.linspace(0, 2 * np.pi, 512)).max())
    theta = _direction(sampler, head)
    distance = _reach(head, theta, largest + 2) * sampler.around(0.7, 0.3)
    center = head.to_image(distance * np.cos(theta), distance * np.sin(theta))
    core = 0.0 if rng.random() < 0.3 * sampler.variation else sampler.around(0.6, 0.2)
    return Outline(center, shape.semi_axes, 0, shape.cosine, shape.sine), core, sampler.around(1.45, 0.35)


def _pituitary(sampler: _Sampler, head: Head, per_mm: float) -> tuple[Outline, float, float]:
    half_width = _fitting(sampler.around(9.5, 3.5) * per_mm, 0.2, head)
    half_height = half_width * sampler.around(0.92, 0.25)
    x, y = sampler.around(0, 3) * per_mm, head.base[0] + (3 * per_mm - 0.75 * half_height)
    angle = head.rotation + sampler.around(0, 0.25)
    return Outline(head.to_image(x, y), (half_width, half_height), angle), 0.0, 1.0


def _fitting(radius: float, share: float, head: Head) -> float:
    """``radius``, but no more than a share of the head's half width, as a coarse spacing may ask for less."""
    return min(radius, share * head.semi[0])


_TUMORS = {TumorClass.MENINGIOMA: _meningioma, TumorClass.GLIOMA: _glioma, TumorClass.PITUITARY: _pituitary}
