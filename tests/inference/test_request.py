"""What is asked about a scan: one frozen value, the same from every caller."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tumorlens import analyze
from tumorlens.errors import UsageError
from tumorlens.inference import AnalysisRequest, Analyzer
from tumorlens.phantoms import demo_phantoms
from tumorlens.scan import Scan

HEAD = demo_phantoms()[0].pixels
VOLUME = Scan(np.stack([HEAD] * 5))


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


def test_a_request_is_one_value_and_cannot_be_altered() -> None:
    assert AnalysisRequest() == AnalysisRequest(None, None, gate=True)
    assert len({AnalysisRequest((1.0, 1.0)), AnalysisRequest((1.0, 1.0)), AnalysisRequest(slice_index=1)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        AnalysisRequest().gate = False  # type: ignore[misc]


def test_loose_arguments_ask_the_same_as_a_request(analyzer: Analyzer) -> None:
    loose = analyze(VOLUME, spacing_mm=(0.5, 0.25), slice=2, gate=False)
    asked = analyzer.analyze(VOLUME, AnalysisRequest((0.5, 0.25), 2, gate=False))
    for one in (loose, asked):
        assert (one.slice_index, one.slice_count, one.spacing_mm, one.whole) == (2, 5, (0.5, 0.25), None)
    assert loose.probabilities == asked.probabilities


def test_many_scans_are_asked_alike(analyzer: Analyzer) -> None:
    found = list(analyzer.analyze_many([VOLUME, HEAD], AnalysisRequest((0.5, 0.5))))
    assert [getattr(one, "slice_count", None) for one in found] == [5, 1]
    assert all(getattr(one, "spacing_mm", None) == (0.5, 0.5) for one in found)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AnalysisRequest(slice_index=5), "Slice 5 does not exist"),
        (AnalysisRequest((0.0, 1.0)), "(?i)spacing"),
        (AnalysisRequest((1.0, float("nan")), 1), "(?i)spacing"),
    ],
)
def test_what_cannot_be_done_is_said(analyzer: Analyzer, request_: AnalysisRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        analyzer.analyze(VOLUME, request_)
