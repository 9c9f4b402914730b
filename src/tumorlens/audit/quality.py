"""Images that do not belong: unreadable, constant, tiny, colored, not like MRI, or lying otherwise than the rest.

Plain rules on grey levels, stated as such: they find what is odd, and a person decides. The one learned part is the
gate model, asked where it ships.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumorlens.audit.neighbors import Index
from tumorlens.audit.store import Descriptors
from tumorlens.audit.turns import TURNS, turned_thumbnails
from tumorlens.errors import InputError
from tumorlens.inference.manifest import MANIFEST_FILE
from tumorlens.inference.shipped import weights_folder

Progress = Callable[[str, int, int], None]

TINY_SIDE = 64
FLAT_SPREAD = 2.0
COLORED = 0.06
BRIGHT_SHARE = 0.5
ELONGATED = 2.2
FEW_LEVELS = 6
_ORIENTATION_GAIN = 0.12
_ORIENTATION_LIKENESS = 0.8
_REFERENCES = 4000
GATE = "gate-small"
_ORDER = ("unreadable", "constant", "tiny", "refused by the gate", "not like MRI", "oddly oriented")


@dataclass(frozen=True)
class Oddity:
    """One thing that is odd about one image.

    Attributes:
        row: of the image.
        kind: ``"unreadable"``, ``"constant"``, ``"tiny"``, ``"refused by the gate"``, ``"not like MRI"`` or
            ``"oddly oriented"``.
        reason: what was measured, in words.
    """

    row: int
    kind: str
    reason: str


def odd_images(
    descriptors: Descriptors, paths: Sequence[Path] = (), progress: Progress = lambda *_: None
) -> list[Oddity]:
    """All oddities, worst kind first.

    Args:
        descriptors: of the images.
        paths: of the images, read again for the gate where one ships; without them it is not asked.
        progress: told the step, what is done of it, and its whole.
    """
    found: list[Oddity] = []
    get = {name: descriptors.number(name) for name in ("rows", "cols", "spread", "levels", "saturation")}
    get |= {name: descriptors.number(name) for name in ("bright_share", "border_level", "center_mean", "dark_share")}
    errors = descriptors.text("error")
    for row in range(len(descriptors)):
        if errors[row]:
            found.append(Oddity(row, "unreadable", str(errors[row])))
            continue
        if get["spread"][row] < FLAT_SPREAD:
            reason = f"grey levels spread by {get['spread'][row]:.1f} of 255 only"
            found.append(Oddity(row, "constant", reason))
            continue
        short, long = sorted((int(get["rows"][row]), int(get["cols"][row])))
        if short < TINY_SIDE:
            found.append(Oddity(row, "tiny", f"{get['cols'][row]:.0f} x {get['rows'][row]:.0f} px"))
        reasons = _unlike_mri({name: float(values[row]) for name, values in get.items()}, short, long)
        if reasons:
            found.append(Oddity(row, "not like MRI", "; ".join(reasons)))
    found += _turned(descriptors)
    if paths:
        found += _refused(descriptors, paths, progress)
    return sorted(found, key=lambda one: (_ORDER.index(one.kind), one.row))


def _unlike_mri(fact: dict[str, float], short: int, long: int) -> list[str]:
    reasons = []
    if fact["saturation"] > COLORED:
        reasons.append(f"colored (channels differ by {100 * fact['saturation']:.0f} % of the range)")
    if fact["border_level"] > 128 and fact["border_level"] > fact["center_mean"]:
        reasons.append(f"bright background (border at {fact['border_level']:.0f} of 255)")
    elif fact["bright_share"] > BRIGHT_SHARE:
        reasons.append(f"{100 * fact['bright_share']:.0f} % of the picture is almost white")
    if long > ELONGATED * short:
        reasons.append(f"{long / short:.1f} times as long as wide")
    if fact["levels"] <= FEW_LEVELS:
        reasons.append(f"{fact['levels']:.0f} grey levels only")
    return reasons


def gate_folder() -> Path | None:
    """Folder of the gate that ships, or ``None`` where none does."""
    folder = weights_folder() / GATE
    return folder if (folder / MANIFEST_FILE).is_file() else None


def _refused(descriptors: Descriptors, paths: Sequence[Path], progress: Progress) -> list[Oddity]:
    """Images that the gate does not take for a slice of a brain MRI."""
    folder = gate_folder()
    if folder is None:
        return []
    from tumorlens.inference.gate import open_gate
    from tumorlens.io import read_scan

    gate = open_gate(folder)
    found = []
    for row in np.flatnonzero(descriptors.readable & (descriptors.number("spread") >= FLAT_SPREAD)).tolist():
        if row % 64 == 0:
            progress("Asking the gate", row, len(paths))
        try:
            answer = gate([read_scan(paths[row]).slice()])[0]
        except InputError as error:
            found.append(Oddity(row, "refused by the gate", str(error)))
            continue
        if not answer.passed:
            found.append(Oddity(row, "refused by the gate", str(answer.reason)))
    progress("Asking the gate", len(paths), len(paths))
    return found


def _turned(descriptors: Descriptors) -> list[Oddity]:
    """Images that resemble the others far better after a turn or an upside-down mirror.

    Left-right mirrors are not asked: heads are nearly symmetric, and a picture does not tell its convention.
    """
    rows = np.flatnonzero(descriptors.readable & (descriptors.number("spread") >= FLAT_SPREAD))
    if len(rows) < 50:
        return []
    sample = rows[:: max(1, len(rows) // _REFERENCES)]
    index = Index(descriptors.thumbnails(sample), exhaustive=True)
    asked = (0, 1, 2, 3, 6)
    likeness = np.empty((len(asked), len(rows)), dtype=np.float32)
    for place, which in enumerate(asked):
        for start in range(0, len(rows), 4096):
            part = rows[start : start + 4096]
            near, value = index.top(turned_thumbnails(descriptors.thumbnails(part), which), 6)
            # An image must not vouch for itself: the mean of the best five others.
            value = np.where(sample[near] == part[:, None], np.float32(-2), value)
            likeness[place, start : start + 4096] = -np.sort(-value, axis=1)[:, :5].mean(axis=1)
    best = likeness.argmax(axis=0)
    gain = likeness.max(axis=0) - likeness[0]
    odd = (gain > _ORIENTATION_GAIN) & (likeness.max(axis=0) > _ORIENTATION_LIKENESS) & (best > 0)
    return [
        Oddity(
            int(rows[one]),
            "oddly oriented",
            f"resembles other images at {likeness[best[one], one]:.2f} once {TURNS[asked[best[one]]]}, "
            f"and at {likeness[0, one]:.2f} as it lies",
        )
        for one in np.flatnonzero(odd)
    ]


def counts(oddities: list[Oddity]) -> dict[str, int]:
    """Number of images of each kind of oddity."""
    return {kind: sum(one.kind == kind for one in oddities) for kind in _ORDER}
