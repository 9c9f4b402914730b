"""Random smooth contrast maps: the same anatomy as another sequence might show it.

A T1 with contrast must be able to look like a T2 or a FLAIR, or a network learns the sequence that a class came in.
Compare the random intensity curves of Z. Zhou et al., Models Genesis, MICCAI 2019, arXiv:1908.06912, here also with
curves that neither rise nor fall throughout.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

BACKGROUND = 0.08
"""Values below this, of an image within [0, 1], fade into the background, which stays as it is."""
_STEPS = 256


@dataclass(frozen=True)
class ContrastMap:
    """One drawn curve.

    Attributes:
        points: values of the curve at equal steps from 0 to 1, joined smoothly.
    """

    points: tuple[float, ...]

    @property
    def is_rising(self) -> bool:
        """Whether the curve rises throughout."""
        return all(one <= other for one, other in itertools.pairwise(self.points))

    def curve(self) -> NDArray[np.float32]:
        """The curve at 256 equal steps, within [0, 1]; 0 stays 0."""
        at = np.linspace(0, 1, _STEPS)
        knots = np.linspace(0, 1, len(self.points))
        place = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
        share = (at - knots[place]) / (knots[place + 1] - knots[place])
        smooth = share * share * (3 - 2 * share)
        values = np.asarray(self.points)
        mapped = values[place] * (1 - smooth) + values[place + 1] * smooth
        weight = np.clip(at / BACKGROUND, 0, 1)
        return np.asarray(np.clip(at * (1 - weight) + mapped * weight, 0, 1), dtype=np.float32)

    def apply(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Change an image ``[rows, cols]`` within [0, 1]; what is 0 stays 0."""
        place = np.clip(image * np.float32(_STEPS - 1), 0, _STEPS - 1)
        curve = self.curve()
        low = place.astype(np.int32)
        high = np.minimum(low + 1, _STEPS - 1)
        share = place - low
        return np.asarray(curve[low] * (1 - share) + curve[high] * share, dtype=np.float32)


class ContrastRange(BaseModel):
    """What to draw a :class:`ContrastMap` from.

    Attributes:
        probability: how often there is one.
        monotone: share of the curves that rise throughout; the others go anywhere.
        knots: lowest and highest number of points.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=0.0, ge=0, le=1)
    monotone: float = Field(default=0.4, ge=0, le=1)
    knots: tuple[int, int] = (3, 6)

    def sample(self, rng: np.random.Generator) -> ContrastMap | None:
        """Draw one curve, or none."""
        chance, kind = rng.uniform(size=2)
        count = int(rng.integers(self.knots[0], self.knots[1] + 1))
        values = rng.uniform(0, 1, self.knots[1])[:count]
        if chance >= self.probability:
            return None
        if kind < self.monotone:
            values = np.sort(values)
            values = (values - values[0]) / max(1e-3, float(values[-1] - values[0]))
        else:
            # Kept apart from flat: a curve that shows nothing teaches nothing.
            spread = float(values.max() - values.min())
            values = (values - values.min()) / max(0.05, spread)
        return ContrastMap(tuple(float(one) for one in values))
