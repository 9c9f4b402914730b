import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.errors import EvaluationError
from tumorlens.evaluation.selective import selective_figures


def test_risk_over_coverage_by_hand() -> None:
    found = selective_figures([0.6, 0.9, 0.8, 0.7], [True, True, False, True], (0.25, 0.5, 0.8, 1.0))
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert found.confidence.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert found.aurc == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)
    # The best order puts the wrong answer last: only the last risk is 1/4.
    assert found.excess_aurc == pytest.approx((1 / 2 + 1 / 3) / 4)
    assert found.accuracy_at == {"0.25": 1.0, "0.50": 0.5, "0.80": 0.75, "1.00": 0.75}
    assert json.loads(json.dumps(found.to_dict(points=2)))["coverage"] == [0.25, 1.0]


def test_equals_count_with_their_mean_risk() -> None:
    found = selective_figures([0.5] * 4, [True, False, True, False])
    assert found.risk == pytest.approx([0.5] * 4)


def test_a_perfect_order_has_no_excess() -> None:
    found = selective_figures([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert found.excess_aurc == pytest.approx(0)
    assert found.aurc == pytest.approx((1 / 3 + 1 / 2) / 4)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_the_order_of_the_images_does_not_matter(pairs: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (selective_figures(*(list(part) for part in zip(*rows, strict=True))) for rows in (pairs, shuffled))
    assert one.risk == pytest.approx(other.risk)
    assert one.risk[-1] == pytest.approx(1 - np.mean([right for _, right in pairs]))
    assert 0 <= one.excess_aurc <= one.aurc + 1e-12 <= 1 + 1e-9


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no images"):
        selective_figures([], [])
    with pytest.raises(EvaluationError, match="1 confidences do not fit 2 answers"):
        selective_figures([0.5], [True, False])
    with pytest.raises(EvaluationError, match="one finite number"):
        selective_figures([float("nan")], [True])
    with pytest.raises(EvaluationError, match="must lie above 0"):
        selective_figures([0.5], [True], (0.0,))
