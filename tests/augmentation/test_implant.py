from dataclasses import replace

import cv2
import numpy as np
import pytest

from tumorlens.augmentation.implant import Implant, ImplantRange


def head(value: float) -> np.ndarray:
    image = np.zeros((96, 96), np.float32)
    cv2.ellipse(image, (48, 48), (40, 44), 0, 0, 360, value, -1)
    return image


def lesion() -> tuple[np.ndarray, np.ndarray]:
    image, shape = head(0.4), np.zeros((96, 96), np.float32)
    cv2.circle(shape, (60, 40), 8, 1.0, -1)
    image[shape > 0] = 0.9
    return image, shape


PLAIN = Implant(rotation=0, zoom=1.0, flip=False, place=0.5, softness=1.0, gain=1.0, lesion=True)


def test_the_lesion_is_brought_to_its_new_surroundings_and_marked() -> None:
    host = head(0.2)
    made = PLAIN.apply(host, *lesion())
    assert made is not None
    image, mask = made
    inside = mask > 0.5
    assert abs(int(inside.sum()) - int(lesion()[1].sum())) < 30
    assert image[inside].mean() > host[inside].mean() + 0.2
    far = cv2.dilate(mask, np.ones((15, 15))) < 0.5
    assert np.array_equal(image[far], host[far])


def test_it_lies_in_the_head() -> None:
    for place in np.linspace(0, 1, 9):
        made = Implant(90, 1.2, True, float(place), 1.0, 1.0, True).apply(head(0.3), *lesion())
        # The head's edge is found on a blurred picture, two pixels further out.
        near = cv2.dilate(head(0.3), np.ones((7, 7))) > 0
        assert made is not None and not made[1][~near].any()


def test_ordinary_tissue_changes_little() -> None:
    host, donor = head(0.3), head(0.6)
    made = replace(PLAIN, lesion=False).apply(host, donor, lesion()[1])
    assert made is not None and np.abs(made[0] - host).max() < 0.1


def test_a_lesion_that_would_hardly_show_is_not_made() -> None:
    donor = head(0.6)
    assert PLAIN.apply(head(0.3), donor, lesion()[1]) is None


def test_where_there_is_no_place_nothing_is_made() -> None:
    assert PLAIN.apply(np.zeros((96, 96), np.float32), *lesion()) is None
    assert PLAIN.apply(head(0.3), lesion()[0], np.zeros((96, 96), np.float32)) is None
    assert Implant(0, 0.05, False, 0.5, 1, 1, True).apply(head(0.3), *lesion()) is None


def test_shares_are_those_asked_for() -> None:
    made = [ImplantRange(probability=0.5, lesion=0.62).sample(np.random.default_rng(seed)) for seed in range(600)]
    there = [one for one in made if one is not None]
    assert len(there) / len(made) == pytest.approx(0.5, abs=0.07)
    assert sum(one.lesion for one in there) / len(there) == pytest.approx(0.62, abs=0.09)
    assert ImplantRange().sample(np.random.default_rng(0)) is None
