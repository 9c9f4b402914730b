import cv2
import numpy as np

from tumorlens.augmentation.head_mask import depth, head_mask
from tumorlens.augmentation.stripping import Stripping, StrippingRange


def head() -> np.ndarray:
    image = np.zeros((96, 96), np.float32)
    cv2.ellipse(image, (48, 48), (40, 44), 0, 0, 360, 0.9, -1)
    cv2.ellipse(image, (48, 48), (34, 38), 0, 0, 360, 0.5, -1)
    return image


def test_depth_is_the_distance_from_the_edge() -> None:
    mask = np.zeros((21, 21), np.uint8)
    mask[5:16, 5:16] = 1
    assert depth(mask)[10, 10] >= 5 and depth(mask)[0, 0] == 0


def test_the_head_is_found_without_holes() -> None:
    image = head()
    image[40:50, 40:50] = 0
    assert head_mask(image)[45, 45] == 1 and head_mask(image)[0, 0] == 0
    assert not head_mask(np.zeros((32, 32), np.float32)).any()


def test_stripping_takes_off_the_rim_and_keeps_the_inside() -> None:
    image = head()
    stripped, _ = Stripping(rim=0.3).apply(image)
    assert stripped[48, 48] == image[48, 48] and stripped[48, 10] == 0
    assert (stripped > 0).sum() < (image > 0).sum()


def test_a_tumor_at_the_rim_is_kept() -> None:
    image, mask = head(), np.zeros((96, 96), np.float32)
    mask[44:52, 8:16] = 1
    stripped, same = Stripping(rim=0.4).apply(image, mask)
    assert same is mask and (stripped[44:52, 9:16] > 0).all()


def test_an_added_scalp_lies_outside_and_moves_the_mask_with_the_image() -> None:
    image, mask = head(), np.zeros((96, 96), np.float32)
    mask[44:52, 44:52] = 1
    changed, moved = Stripping(add=True, brightness=1.0).apply(image, mask)
    assert moved is not None and 0 < moved.sum() < mask.sum()
    assert (head_mask(changed) > 0).sum() > 0 and changed.max() <= 1
    assert changed[:12, 48].max() > 0.85 and image[:3, 48].max() == 0


def test_what_is_tiny_or_empty_stays() -> None:
    for image in (np.zeros((64, 64), np.float32), np.pad(np.ones((4, 4), np.float32), 30)):
        assert np.array_equal(Stripping().apply(image)[0], image)


def test_whole_heads_are_stripped_and_stripped_ones_get_a_scalp() -> None:
    made = StrippingRange(strip=1.0, add=1.0)
    first, second = (made.sample(np.random.default_rng(0), stripped) for stripped in (None, True))
    assert first is not None and not first.add
    assert second is not None and second.add
    assert StrippingRange().sample(np.random.default_rng(0), None) is None
