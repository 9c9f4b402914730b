"""What a caller asks about a scan, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnalysisRequest:
    """How a scan is to be answered.

    Attributes:
        spacing_mm: ``(row, col)`` in millimetres that the user states, where the file states none or to overrule it.
        slice_index: one slice of a volume, from 0, to be read alone; the whole volume for ``None``.
        gate: whether the gate may refuse the scan; where not, it is read all the same, with a warning.
    """

    spacing_mm: tuple[float, float] | None = None
    slice_index: int | None = None
    gate: bool = True


PLAIN = AnalysisRequest()
"""The scan as it is, whole, if the gate lets it through."""
