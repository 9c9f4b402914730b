"""What the models said about a phantom, held against the truth it was drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tumorlens.inference.findings import UNLIKE
from tumorlens.labels import TumorClass, label_title
from tumorlens.measurement import measure_mask, summarize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tumorlens.inference import Analysis
    from tumorlens.phantoms import Phantom

GOOD_DICE = 0.8
NOTABLE_PERCENT = 10.0
SURE = 0.6

MEASURES = (
    ("Area", "area_mm2", "mm²"),
    ("Perimeter", "perimeter_mm", "mm"),
    ("Width", "width_mm", "mm"),
    ("Height", "height_mm", "mm"),
    ("Circularity", "circularity", ""),
)


@dataclass(frozen=True)
class Measure:
    """One line of the table, in ``unit``; where there is no tumor, the area is 0 and the other values ``None``."""

    name: str
    unit: str
    true: float | None
    measured: float | None

    @property
    def difference_percent(self) -> float | None:
        """Measured minus true, in percent of true."""
        if not self.true or self.measured is None:
            return None
        return 100.0 * (self.measured - self.true) / self.true


@dataclass(frozen=True)
class Verdict:
    """How good the answer was.

    Attributes:
        kind: ``"right"``; ``"partly"`` for the right class with a poor outline; ``"wrong"`` for another class.
        heading: two to four words.
        sentence: what was right and what was not.
    """

    kind: Literal["right", "partly", "wrong"]
    heading: str
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """An answer against the truth.

    Attributes:
        measures: the five measures; empty where there is no tumor and none was outlined.
        dice: overlap of the two masks (Dice, Ecology 1945), ``None`` where both are empty.
        ruler_percent: largest difference of a measure taken on the true mask, so without any model; ``None`` without
            a tumor.
        regions: number of regions outlined.
        verdict: the whole in words.
    """

    measures: tuple[Measure, ...]
    dice: float | None
    ruler_percent: float | None
    regions: int
    verdict: Verdict


def title_of(label: str | None) -> str:
    """Name of an answer for people."""
    return "Refused" if label is None else label_title(label)


def answer_of(analysis: Analysis) -> str:
    """The answer as a word or two, which says no more than is known."""
    if analysis.label is None:
        return "refused"
    if analysis.is_unlike:
        return "not sure"
    return "tumor, kind uncertain" if analysis.kind_uncertain else analysis.label.replace("_", " ")


def percent(probability: float | None) -> str:
    """A probability as ``"97.3 %"``; what rounds to 100 or 0 without being it is said to be above or below."""
    if probability is None:
        return "-"
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    return f"{100 * probability:.1f} %"


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float | None:
    """Dice's coefficient of two masks ``[rows, cols]``; ``None`` where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return None if total == 0 else 2 * int((one & other).sum()) / total


def compare(phantom: Phantom, analysis: Analysis) -> Comparison:
    """Hold an answer about a phantom, given its true spacing, against the phantom."""
    outlined = np.zeros_like(phantom.mask) if analysis.mask is None else analysis.mask
    overlap = dice(outlined, phantom.mask)
    measures = () if overlap is None else _measures(phantom, outlined)
    ruler = [one.difference_percent for one in _measures(phantom, phantom.mask)] if phantom.mask.any() else []
    return Comparison(
        measures=measures,
        dice=overlap,
        ruler_percent=max((abs(one) for one in ruler if one is not None), default=None),
        regions=len(analysis.regions),
        verdict=_verdict(phantom, analysis, overlap, measures),
    )


def _measures(phantom: Phantom, mask: NDArray[np.bool_]) -> tuple[Measure, ...]:
    found = summarize(measure_mask(mask, phantom.spacing_mm))
    values = (
        (name, unit, getattr(phantom.truth, field, None), getattr(found, field)) for name, field, unit in MEASURES
    )
    return tuple(
        Measure(name, unit, true or 0.0, measured or 0.0) if name == "Area" else Measure(name, unit, true, measured)
        for name, unit, true, measured in values
    )


def _verdict(phantom: Phantom, analysis: Analysis, overlap: float | None, measures: tuple[Measure, ...]) -> Verdict:
    if analysis.label is None:
        return Verdict("wrong", "Refused", f"The gate was wrong: it refused this phantom. {analysis.reason}")
    if analysis.kind_uncertain and phantom.truth is not None:
        sure = percent(analysis.confidence)
        sentence = f"The model suspects a tumor ({sure}) and cannot tell its kind; this phantom shows a"
        return Verdict("partly", "Kind uncertain", f"{sentence} {title_of(phantom.label).lower()}.{_unlike(analysis)}")
    if analysis.label != phantom.label:
        return Verdict("wrong", "Wrong class", _what_went_wrong(phantom, analysis, overlap, measures))
    doubt = _doubt(analysis)
    if analysis.is_unlike:
        return Verdict("partly", "Not sure", f"{title_of(phantom.label)} is right, but not sure.{_unlike(analysis)}")
    if overlap is None:
        return Verdict("right", "As drawn", f"There is no tumor in this phantom, and the model found none.{doubt}")
    name = title_of(phantom.label)
    if analysis.mask is None or not analysis.mask.any():
        return Verdict("partly", "No outline", f"{name} is right, but nothing was outlined.{doubt}")
    if overlap < GOOD_DICE:
        how = f"is poor: Dice {overlap:.2f}, where 1 is perfect.{_worst(measures)}" if overlap else "misses the tumor."
        return Verdict("partly", "Poor outline", f"{name} is right, but the outline {how}{doubt}")
    agrees = f"{name} is right, and the outline agrees with the true one: Dice {overlap:.2f}, where 1 is perfect."
    return Verdict("right", "Right", f"{agrees}{_worst(measures)}{doubt}")


def _what_went_wrong(phantom: Phantom, analysis: Analysis, overlap: float | None, measures: tuple[Measure, ...]) -> str:
    answer, sure = title_of(analysis.label).lower(), percent(analysis.confidence)
    if phantom.truth is None:
        area = measures[0].measured if measures else None
        outlined = "nothing was outlined" if not area else f"{area:.0f} mm² without a tumor were outlined"
        return f"The model was wrong: it answered {answer} ({sure}) on a head without a tumor, and {outlined}."
    shown = title_of(phantom.label).lower()
    if analysis.label == TumorClass.NO_TUMOR:
        return f"The model was wrong: it missed this {shown} and answered no tumor ({sure}), so nothing was outlined."
    outline = f"Dice {overlap:.2f}.{_worst(measures)}" if overlap else "it misses the tumor."
    return (
        f"The model was wrong: this phantom shows a {shown}, and it answered {answer} ({sure}). The outline is judged "
        f"apart: {outline}"
    )


def _unlike(analysis: Analysis) -> str:
    return f" {UNLIKE}" if analysis.is_unlike else ""


def _worst(measures: tuple[Measure, ...]) -> str:
    off = [(one, one.difference_percent) for one in measures]
    known = [(one, difference) for one, difference in off if difference is not None]
    if not known:
        return ""
    one, difference = max(known, key=lambda pair: abs(pair[1]))
    if abs(difference) < NOTABLE_PERCENT:
        return ""
    size = {"Area": ("large", "small"), "Circularity": ("high", "low")}.get(one.name, ("long", "short"))
    return f" Most off is the {one.name.lower()}, {abs(difference):.0f} % too {size[difference < 0]}."


def _doubt(analysis: Analysis) -> str:
    ranked = sorted(analysis.probabilities.items(), key=lambda item: -item[1])
    if analysis.confidence is None or analysis.confidence >= SURE or len(ranked) < 2:
        return ""
    label, probability = ranked[1]
    following = f"{title_of(label).lower()} with {percent(probability)}"
    return f" It was not sure ({percent(analysis.confidence)}): next came {following}."
