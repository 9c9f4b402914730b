import numpy as np
import pytest

from tumorlens.evaluation import dice


def mask(*pixels: tuple[int, int]) -> np.ndarray:
    out = np.zeros((4, 4), dtype=bool)
    for pixel in pixels:
        out[pixel] = True
    return out


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (mask((0, 0), (0, 1)), mask((0, 1), (0, 2)), 0.5),
        (mask((0, 0)), mask((0, 0)), 1.0),
        (mask((0, 0)), mask((3, 3)), 0.0),
        (mask(), mask((1, 1)), 0.0),
        (mask((1, 1)), mask(), 0.0),
        (mask(), mask(), 1.0),
        (mask((0, 0), (0, 1), (0, 2)), mask((0, 0)), 0.5),
    ],
)
def test_dice_by_hand(predicted: np.ndarray, truth: np.ndarray, expected: float) -> None:
    assert dice(predicted, truth) == expected == dice(truth, predicted)


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        dice(mask(), np.zeros((4, 5), dtype=bool))
