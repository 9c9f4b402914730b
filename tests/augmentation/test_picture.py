import numpy as np

from tumorlens.augmentation.picture import PictureChange, PictureRange

IMAGE = np.random.default_rng(0).uniform(0.2, 0.8, (64, 64)).astype(np.float32)
MASK = np.zeros((64, 64), np.float32)
MASK[20:40, 20:40] = 1


def test_nothing_asked_nothing_changed() -> None:
    image, mask = PictureChange().apply(IMAGE, MASK)
    assert np.array_equal(image, IMAGE) and mask is MASK
    assert PictureRange().sample(np.random.default_rng(0))[0] == 0


def test_a_frame_moves_the_mask_with_the_picture() -> None:
    image, mask = PictureChange(frame=0.5, frame_value=0.1, seed=3).apply(IMAGE, MASK)
    assert mask is not None and 60 < mask.sum() < 140
    assert (image == np.float32(0.1)).sum() > 64 * 64 / 2
    assert PictureChange(frame=0.5).apply(IMAGE)[1] is None


def test_jpeg_and_marks_stay_within_the_range_and_repeat() -> None:
    change = PictureChange(jpeg=20, marks=3, seed=8)
    first, second = change.apply(IMAGE)[0], change.apply(IMAGE)[0]
    assert np.array_equal(first, second) and not np.array_equal(first, IMAGE)
    assert first.min() >= 0 and first.max() <= 1


def test_turns_are_quarter_turns() -> None:
    turns = {PictureRange(turns=1.0).sample(np.random.default_rng(seed))[0] for seed in range(40)}
    assert turns == {1, 2, 3}
