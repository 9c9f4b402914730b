import numpy as np
import pytest
from rule_session import RuleSession, manifest

from tumorlens import Scan
from tumorlens.inference.gate import LONGEST_SIDE, Gate, shrunk

DARK_BORDER = np.zeros((64, 64), np.float32)
DARK_BORDER[16:48, 16:48] = 100.0
BRIGHT_BORDER = 100.0 - DARK_BORDER


def border(images: np.ndarray) -> dict[str, np.ndarray]:
    """Logit 4 where the first row of the input is dark, -4 where it is bright."""
    return {"logits": np.where(images[:, 0, 0, :].mean(axis=1, keepdims=True) < 0.5, 4.0, -4.0)}


def gate(**changes: object) -> Gate:
    return Gate(RuleSession(manifest("gate", **changes), border))


def test_scores_are_probabilities_and_the_threshold_decides() -> None:
    head, other = gate()([Scan(DARK_BORDER), Scan(BRIGHT_BORDER)])
    assert head.passed and head.reason is None
    assert head.score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-6)
    assert not other.passed and other.score == pytest.approx(1 / (1 + np.exp(4)), abs=1e-6)
    assert other.reason is not None and "0.018" in other.reason and "more than 0.5 is needed" in other.reason
    assert not gate(threshold=0.99)([Scan(DARK_BORDER)])[0].passed
    assert gate(threshold=0.01)([Scan(BRIGHT_BORDER)])[0].passed


def test_a_score_that_rounds_to_nothing_is_said_to_be_below() -> None:
    (answer,) = gate(temperature=0.1)([Scan(BRIGHT_BORDER)])
    assert answer.reason is not None and "below 0.001" in answer.reason


def test_temperature_moves_scores_towards_one_half() -> None:
    (hot,) = gate(temperature=8.0)([Scan(DARK_BORDER)])
    assert hot.score == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-6)


def test_slices_are_judged_in_one_batch() -> None:
    session = RuleSession(manifest("gate"), border)
    Gate(session)([Scan(DARK_BORDER)] * 3)
    assert session.batches == [3]


def test_averaging_over_the_mirror_image_makes_the_score_symmetric() -> None:
    def left(images: np.ndarray) -> dict[str, np.ndarray]:
        return {"logits": 8 * images[:, 0, :, :16].mean(axis=(1, 2))[:, None]}

    one = Gate(RuleSession(manifest("gate", flip_average=True), left))
    pixels = np.zeros((32, 32), np.float32)
    pixels[:, :16] = 9
    np.testing.assert_allclose(one.scores([Scan(pixels)]), one.scores([Scan(pixels[:, ::-1])]), atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 64), (LONGEST_SIDE, 100), (30, LONGEST_SIDE)])
def test_slices_of_common_size_are_prepared_exactly_as_the_manifest_says(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert shrunk(pixels) is pixels
    prepared = gate().prepare(Scan(pixels))
    np.testing.assert_array_equal(prepared.array, manifest("gate").preprocessing(pixels).array)


@pytest.mark.parametrize("shape", [(1024, 512), (300, 4000), (257, 200)])
def test_large_slices_are_shrunk_in_proportion(shape: tuple[int, int]) -> None:
    small = shrunk(np.full(shape, 7, np.float32))
    assert max(small.shape) == LONGEST_SIDE
    assert small.shape[0] / shape[0] == pytest.approx(small.shape[1] / shape[1], abs=1 / min(shape))
    np.testing.assert_allclose(small, 7, rtol=1e-5)
