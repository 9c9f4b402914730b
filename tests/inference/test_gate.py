import numpy as np
import pytest
from rule_session import RuleSession, manifest

from tumorlens import Scan
from tumorlens.inference.gate import LONGEST_SIDE, Gate, flat_reason, shrunk

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


def label_map(levels: int, side: int = 96) -> np.ndarray:
    """Rings of one value each around the middle."""
    rows, cols = np.mgrid[:side, :side] - side / 2
    return np.floor(np.clip(1 - np.hypot(rows, cols) / (side / 2), 0, 1) * levels).astype(np.float32)


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_a_mask_or_label_map_is_refused_without_asking_the_network(levels: int) -> None:
    session = RuleSession(manifest("gate", least_values=8), border)
    mask, head = Gate(session)([Scan(label_map(levels)), Scan(noisy(0))])
    assert session.batches == [1]
    assert not mask.passed and mask.score == 0.0
    assert mask.reason is not None
    assert f"only {levels + 1} distinct values" in mask.reason or "flat patches" in mask.reason
    assert head.reason is None or "probability" in head.reason


def test_masks_alone_ask_nothing() -> None:
    session = RuleSession(manifest("gate", least_values=8), border)
    assert [one.passed for one in Gate(session)([Scan(label_map(2))] * 3)] == [False] * 3
    assert session.batches == []


def test_a_manifest_without_least_values_asks_about_everything() -> None:
    session = RuleSession(manifest("gate"), border)
    assert Gate(session)([Scan(label_map(2))])[0].passed
    assert session.batches == [1]


def noisy(seed: int, side: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.round(label_map(5, side) * 40 + rng.normal(0, 4, (side, side))).astype(np.float32)


def test_flat_patches_of_more_values_are_a_label_map_and_noise_is_a_scan() -> None:
    rings = np.kron(np.arange(36).reshape(6, 6) + 1, np.ones((90, 90))).astype(np.float32)
    assert "flat patches of 36 values" in str(flat_reason(rings, 8))
    assert flat_reason(noisy(1), 8) is None
    few_levels = np.round(noisy(2) / 16)  # a scan in 16 levels: noise keeps its patches from being flat
    assert flat_reason(few_levels, 8) is None


def test_many_values_are_never_flat() -> None:
    ramp = np.kron(np.arange(400).reshape(20, 20), np.ones((20, 20))).astype(np.float32)
    assert flat_reason(ramp, 8) is None


def test_an_even_width_is_not_sampled_in_columns() -> None:
    pixels = np.zeros((256, 256), np.float32)
    pixels[:, 128:] = np.random.default_rng(0).uniform(0, 255, (256, 128))
    assert flat_reason(pixels, 8) is None
