"""What a reader found, in the words of every surface: tumor or none, which kind, and how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tumorlens.inference.manifest import KnownLook, Manifest
from tumorlens.inference.reader import Reading

LOOK_NAMES = {"t1": "T1", "t1c": "T1 with contrast", "t2": "T2", "flair": "FLAIR"}
UNLIKE = "This scan is unlike those that the model knows, so its answer may mean nothing: every class remains possible."


@dataclass(frozen=True)
class Findings:
    """Answers of a reader about one slice.

    Attributes:
        tumor_logit: of a tumor, before calibration.
        tumor_probability: calibrated probability that a tumor shows.
        kind_probabilities: of each kind, given that there is a tumor.
        sequence: what the slice looks most like (``t1``, ``t1c``, ``t2``, ``flair``), judged by the network.
        stripped: whether it looks skull-stripped.
        unlike: how far its features lie from those that the reader knows.
        unlike_threshold: more than this is unlike; ``None`` where nobody fitted it.
        is_unlike: whether this slice is.
        look: how the reader did on scans that look like this one; ``None`` where nobody measured it.
    """

    tumor_logit: float
    tumor_probability: float
    kind_probabilities: dict[str, float]
    sequence: str
    stripped: bool
    unlike: float
    unlike_threshold: float | None
    is_unlike: bool
    look: KnownLook | None

    @property
    def looks_like(self) -> str:
        """What the slice looks like, for people, such as ``"T2, whole head"``."""
        return f"{LOOK_NAMES[self.sequence]}, {'skull-stripped' if self.stripped else 'whole head'}"

    @property
    def looked_for(self) -> str:
        """What was looked for, and how often it is found in scans that look like this one."""
        asked = (
            "The model looked for glioma, meningioma and pituitary tumor in this one slice, and for no other disease."
        )
        return f"{asked} {sensitivity_words(self.look)}"

    def to_dict(self) -> dict[str, Any]:
        """The values, of types that JSON has."""
        return {
            "tumor_probability": self.tumor_probability,
            "kind_probabilities": dict(self.kind_probabilities),
            "looks_like": {"sequence": self.sequence, "stripped": self.stripped},
            "unlike": {"score": self.unlike, "threshold": self.unlike_threshold, "flagged": self.is_unlike},
            "looked_for": self.looked_for,
            "known": None if self.look is None else self.look.model_dump(mode="json"),
        }


def findings_of(reading: Reading, manifest: Manifest) -> Findings:
    """The findings of a reading."""
    rules = manifest.reading
    return Findings(
        tumor_logit=reading.tumor_logit,
        tumor_probability=reading.tumor_probability,
        kind_probabilities=reading.kind_probabilities,
        sequence=reading.sequence,
        stripped=reading.stripped,
        unlike=reading.unlike,
        unlike_threshold=None if rules is None else rules.unlike_threshold,
        is_unlike=reading.is_unlike,
        look=reading.look,
    )


def look_title(look: KnownLook) -> str:
    """Name of a look for people, such as ``"T2, skull-stripped"``."""
    sequence = "All sequences" if look.sequence is None else LOOK_NAMES[look.sequence]
    if look.stripped is None:
        return sequence
    return f"{sequence}, {'skull-stripped' if look.stripped else 'whole head'}"


def sensitivity_words(look: KnownLook | None) -> str:
    """How many tumors the model finds in scans of a look, in one sentence."""
    if look is None or look.sensitivity is None or look.sensitivity_interval is None:
        return "How many tumors it finds in scans like this one was not measured."
    low, high = look.sensitivity_interval
    return (
        f"In scans that look like this one ({look_title(look)}), of collections that taught it nothing, it found "
        f"{100 * look.sensitivity:.0f} of 100 slices with a tumor (95 % interval {100 * low:.0f} to {100 * high:.0f})."
    )
