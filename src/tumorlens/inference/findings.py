"""What a reader found, in the words of every surface: tumor or none, which kind, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tumorlens.inference.manifest import KnownLook, Manifest
from tumorlens.inference.reader import Reading
from tumorlens.labels import label_title

LOOK_NAMES = {"t1": "T1", "t1c": "T1 with contrast", "t2": "T2", "flair": "FLAIR"}
UNLIKE = "This scan is unlike those that the model knows, so its answer may mean nothing: every class remains possible."
NOT_MEASURED = "How many tumors it finds in scans like this one was not measured."


@dataclass(frozen=True)
class Findings:
    """Answers of a reader about one slice.

    Attributes:
        tumor_logit: of a tumor, before calibration.
        tumor_probability: calibrated probability that a tumor shows.
        kind_probabilities: of each kind, given that there is a tumor.
        kind_uncertain: whether a tumor was called whose kind no probability settles.
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
    kind_uncertain: bool
    sequence: str
    stripped: bool
    unlike: float
    unlike_threshold: float | None
    is_unlike: bool
    look: KnownLook | None

    def to_dict(self) -> dict[str, Any]:
        """The values, of types that JSON has."""
        return {
            "tumor_probability": self.tumor_probability,
            "kind_probabilities": dict(self.kind_probabilities),
            "kind_uncertain": self.kind_uncertain,
            "looks_like": {"sequence": self.sequence, "stripped": self.stripped},
            "unlike": {"score": self.unlike, "threshold": self.unlike_threshold, "flagged": self.is_unlike},
            "known": None if self.look is None else self.look.model_dump(mode="json"),
        }


def findings_of(reading: Reading, manifest: Manifest) -> Findings:
    """The findings of a reading."""
    rules = manifest.reading
    return Findings(
        tumor_logit=reading.tumor_logit,
        tumor_probability=reading.tumor_probability,
        kind_probabilities=reading.kind_probabilities,
        kind_uncertain=reading.kind_uncertain,
        sequence=reading.sequence,
        stripped=reading.stripped,
        unlike=reading.unlike,
        unlike_threshold=None if rules is None else rules.unlike_threshold,
        is_unlike=reading.is_unlike,
        look=reading.look,
    )


def look_title(sequence: str | None, stripped: bool | None) -> str:
    """Name of a look for people, such as ``"T2, skull-stripped"``."""
    head = {None: "", True: "skull-stripped", False: "whole head"}[stripped]
    words = "all sequences together" if sequence is None else LOOK_NAMES[sequence]
    return f"{words}, {head}" if head else words


def looked_for(labels: Sequence[str], findings: Findings | None, *, volume: bool = False) -> str:
    """What was looked for in a slice or a volume, and how often it is found in scans like this one.

    Args:
        labels: of all classes that the model can answer.
        findings: of a reader; ``None`` where a classifier answered, whose sensitivity nobody measured by look.
        volume: whether all slices of a volume were read.
    """
    kinds = [label_title(one).lower() for one in labels if one != "no_tumor"]
    named = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    where = "the slices of this volume" if volume else "this one slice"
    asked = f"The model looked for {named} in {where}, and for no other disease."
    return f"{asked} {NOT_MEASURED if findings is None else _sensitivity(findings)}"


def _sensitivity(findings: Findings) -> str:
    look = findings.look
    if findings.is_unlike or look is None or look.sensitivity is None:
        return NOT_MEASURED
    found = f"it found {100 * look.sensitivity:.0f} of 100 slices with a tumor"
    if look.sensitivity_interval is not None:
        low, high = look.sensitivity_interval
        found = f"{found} (95 % interval {100 * low:.0f} to {100 * high:.0f})"
    like = f"In scans that look like this one ({look_title(look.sequence, look.stripped)})"
    if look.sequence is None:
        like = f"In scans of {look_title(look.sequence, look.stripped)}"
    return f"{like}, of collections that taught it nothing, {found}."
