import cv2
import numpy as np
import pytest

from tumorlens.preprocessing import Preprocessing
from tumorlens.preprocessing.content import content_box
from tumorlens.preprocessing.geometry import Box, whole


def head(rows: int = 200, cols: int = 180) -> np.ndarray:
    image = np.zeros((rows, cols), np.uint8)
    cv2.ellipse(image, (cols // 2, rows // 2), (cols // 3, rows // 3), 0, 0, 360, 120, -1)
    cv2.ellipse(image, (cols // 2, rows // 2), (cols // 3, rows // 3), 0, 0, 360, 250, 6)
    return image.astype(np.float32)


def overlap(one: Box, other: Box) -> float:
    rows = max(0, min(one.row1, other.row1) - max(one.row0, other.row0))
    cols = max(0, min(one.col1, other.col1) - max(one.col0, other.col0))
    return rows * cols / (one.height * one.width + other.height * other.width - rows * cols)


@pytest.mark.parametrize("value", [0.0, 90.0, 255.0])
@pytest.mark.parametrize("place", [(0, 0), (300, 150), (520, 560)])
def test_the_same_crop_in_a_wide_frame(value: float, place: tuple[int, int]) -> None:
    image = head()
    framed = np.full((800, 800), value, np.float32)
    row, col = place
    framed[row : row + 200, col : col + 180] = image
    found, plain = content_box(framed), content_box(image)
    moved = Box(plain.row0 + row, plain.col0 + col, plain.row1 + row, plain.col1 + col)
    assert overlap(found, moved) > 0.93


def test_lines_text_and_a_frame_do_not_count() -> None:
    image = np.pad(head(), 40).astype(np.uint8)
    drawn = image.copy()
    cv2.rectangle(drawn, (3, 3), (drawn.shape[1] - 4, drawn.shape[0] - 4), 255, 4)
    cv2.putText(drawn, "R 123", (12, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
    assert overlap(content_box(drawn.astype(np.float32)), content_box(image.astype(np.float32))) > 0.93


@pytest.mark.parametrize("image", [np.zeros((64, 64)), np.full((50, 70), 7.0), np.eye(64) * 200])
def test_where_there_is_no_head_the_whole_slice_is_kept(image: np.ndarray) -> None:
    assert content_box(image.astype(np.float32)) == whole(image.shape)


def test_a_box_lies_in_the_slice_whatever_the_size() -> None:
    for rows, cols in ((1, 1), (3, 200), (17, 9), (513, 300)):
        box = content_box(np.random.default_rng(rows).uniform(size=(rows, cols)).astype(np.float32))
        assert 0 <= box.row0 < box.row1 <= rows and 0 <= box.col0 < box.col1 <= cols


def test_preprocessing_names_it() -> None:
    steps = Preprocessing(size=(64, 64), crop="content", crop_margin=0.0)
    assert steps(np.pad(head(), 300)).geometry.box.height == pytest.approx(133, abs=10)
