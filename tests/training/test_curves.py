from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.errors import OutputError
from tumorlens.training.curves import best_epoch, draw_curves

pytestmark = pytest.mark.extra_train

ROWS = [
    {
        "epoch": float(epoch),
        "train_loss": 1 / (epoch + 1),
        "val_loss": 1.2 / (epoch + 1),
        "train_dice": 0.5,
        "val_dice": dice,
    }
    for epoch, dice in enumerate((0.2, 0.61, 0.61, 0.4))
]


def test_best_epoch_is_the_first_of_the_highest() -> None:
    best = best_epoch(ROWS, "val_dice")
    assert best is not None and best["epoch"] == 1
    assert best_epoch(ROWS, "val_accuracy") is None
    assert best_epoch([], "val_dice") is None


def test_both_files_show_the_curves_and_the_best_epoch(tmp_path: Path) -> None:
    png, svg = draw_curves(ROWS, "val_dice", tmp_path, "A made run")
    assert (png, svg) == (tmp_path / "curves.png", tmp_path / "curves.svg")
    picture = cv2.imdecode(np.fromfile(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape[1] > 1000 and picture.std() > 5
    text = svg.read_text(encoding="utf-8")
    for words in ("A made run", "Dice coefficient", "Loss", "training", "validation", "best epoch 1: 0.6100"):
        assert words in text
    assert "Research use, not a medical device" in text


def test_same_rows_give_the_same_svg(tmp_path: Path) -> None:
    first, second = (draw_curves(ROWS, "val_dice", tmp_path, "A made run")[1].read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("rows", [[], [{"epoch": 0.0}], [{"epoch": 0.0, "train_loss": 1.0}]])
def test_missing_values_leave_gaps(tmp_path: Path, rows: list[dict[str, float]]) -> None:
    for path in draw_curves(rows, "val_accuracy", tmp_path, "Nothing yet"):
        assert path.stat().st_size > 1000


def test_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"curves\.png' cannot be written"):
        draw_curves(ROWS, "val_dice", tmp_path / "nowhere", "")
