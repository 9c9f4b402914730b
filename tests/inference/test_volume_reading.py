"""How the slices of a volume become one answer."""

from __future__ import annotations

import numpy as np
import pytest

from tumorlens.inference.volume_reading import (
    VolumeBounds,
    Whole,
    running_median,
    slices_in_head,
    statement,
    supported,
    window_of,
)
from tumorlens.measurement import measure_volume
from tumorlens.scan import Scan


def head(slices: int = 20, first: int = 4, last: int = 15) -> np.ndarray:
    volume = np.zeros((slices, 32, 32), np.int16)
    volume[first : last + 1, 6:26, 6:26] = 300
    volume[:, 0, 0] = 2
    return volume


def test_slices_inside_the_head_are_read_and_those_beside_it_are_not() -> None:
    assert slices_in_head(Scan(head())) == tuple(range(4, 16))


def test_a_small_top_of_the_head_is_left_out() -> None:
    volume = head()
    volume[16, 14:17, 14:17] = 300
    assert slices_in_head(Scan(volume))[-1] == 15


def test_a_volume_of_one_value_has_no_head() -> None:
    assert slices_in_head(Scan(np.full((5, 8, 8), 7, np.uint8))) == ()


def test_a_dark_slice_within_the_head_is_kept_in_order() -> None:
    volume = head()
    volume[9] = 0
    assert 9 in slices_in_head(Scan(volume))


@pytest.mark.parametrize(
    ("slice_mm", "count", "window"),
    [(1.0, 155, 13), (5.0, 24, 3), (3.0, 40, 5), (12.0, 20, 3), (None, 20, 3), (1.0, 5, 5), (1.0, 4, 3), (1.0, 1, 1)],
)
def test_the_window_is_odd_and_covers_twelve_millimeters(slice_mm: float | None, count: int, window: int) -> None:
    assert window_of(slice_mm, count) == window


def test_one_slice_of_many_does_not_decide() -> None:
    logits = np.full(155, -3.0)
    logits[70] = 9.0
    assert running_median(logits, 13).max() == -3.0
    assert running_median(logits, 3).max() == -3.0


def test_the_outermost_slice_does_not_decide_alone() -> None:
    logits = np.array([9.0, -3.0, -3.0, -3.0, -3.0])
    assert running_median(logits, 3).max() == -3.0


def test_neighbors_that_agree_decide() -> None:
    logits = np.full(40, -3.0)
    logits[10:20] = 4.0
    votes = running_median(logits, 5)
    assert votes.max() == 4.0 and (votes[12:18] == 4.0).all() and votes[30] == -3.0


def test_a_window_that_was_hardly_read_says_nothing() -> None:
    logits = np.array([np.nan, np.nan, 5.0, np.nan, np.nan, np.nan, -1.0, -1.0, -1.0])
    votes = running_median(logits, 5)
    assert np.isnan(votes[2])
    assert votes[-1] == -1.0


def test_only_runs_that_hold_a_called_slice_are_kept() -> None:
    present = np.array([1, 1, 0, 1, 1, 1, 0], bool)
    called = np.array([0, 0, 0, 0, 1, 0, 0], bool)
    assert supported(present, called).tolist() == [False, False, False, True, True, True, False]


def test_the_statement_says_what_was_read_and_how() -> None:
    said = statement(range(4, 16), 2, 20, 3, 4.0)
    assert said.startswith("Slices 4 to 15 of 20, those inside the head, were read (2 of them were left out:")
    assert said.endswith("the volume's answer is the strongest that the median of 3 slices (12 mm) gives.")
    assert "3 neighboring slices" in statement(range(4, 16), 0, 20, 3, None)
    assert statement(range(1), 0, 1, 1, None) == "Slices 0 to 0 of 1, those inside the head, were read."


def test_the_volume_of_all_lesions_needs_geometry() -> None:
    mask = np.zeros((6, 20, 20), bool)
    mask[1:4, 2:8, 2:8], mask[2:5, 12:16, 12:16] = True, True
    known = Whole((), mask, measure_volume(mask, (1.0, 1.0), 2.0, None), 3, "said", VolumeBounds(0.1, 0.5, 0.9))
    assert known.volume_ml == pytest.approx((3 * 36 + 3 * 16) * 2 / 1000)
    assert known.to_dict()["volume_interval"] == {"coverage": 0.9, "ml": [0.1, 0.5]}
    unknown = Whole((), mask, measure_volume(mask, None, None, None), 3, "said")
    assert unknown.volume_ml is None and unknown.to_dict()["volume_interval"] is None
