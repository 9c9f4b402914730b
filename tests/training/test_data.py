from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tumorlens.augmentation import AffineRange, Augmentation, ElasticRange
from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, UnreadableFileError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.data import (
    EpochSampler,
    PreparedImages,
    TrainingImages,
    join,
    prepare_phantoms,
    prepare_records,
    read_mask,
)

pytestmark = pytest.mark.extra_train

PREPROCESSING = Preprocessing(size=(64, 64), mean=0.3, std=0.25, channels=3)
AUGMENTATION = Augmentation(
    affine=AffineRange(rotation=20, flip=0.5), elastic=ElasticRange(alpha=(0, 20), sigma=4, probability=0.5)
)


@pytest.fixture(scope="module")
def prepared() -> PreparedImages:
    return prepare_phantoms(6, 1, PREPROCESSING, with_masks=True)


def test_records_are_prepared_without_normalization(masks_data: Any) -> None:
    records = load_collection("figshare", masks_data.root).records[:4]
    counted: list[int] = []
    made = prepare_records(records, PREPROCESSING, with_masks=True, progress=counted.append)
    assert made.images.shape == (4, 64, 64) and made.images.dtype == np.float16
    assert made.masks is not None and made.masks.dtype == np.bool_
    assert made.images.min() >= 0 and made.images.max() <= 1
    assert made.masks.any(axis=(1, 2)).all()
    assert [CLASSES[label] for label in made.labels] == [record.label for record in records]
    assert made.ids == tuple(record.id for record in records)
    assert counted == [1, 2, 3, 4]
    assert prepare_records(records, PREPROCESSING, with_masks=False).masks is None


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    record = Record("broken.png", path, TumorClass.GLIOMA)
    with pytest.raises(UnreadableFileError, match=r"broken\.png: ") as caught:
        prepare_records([record], PREPROCESSING, with_masks=False)
    assert "\n" not in str(caught.value)


def test_mask_of_another_shape_is_refused_with_both_shapes(masks_data: Any) -> None:
    record = load_collection("figshare", masks_data.root).records[0]
    with pytest.raises(DatasetError, match=r"0\.png has shape \(96, 96\), and its image has shape \(90, 96\)"):
        read_mask(record, (90, 96))


def test_missing_and_unreadable_masks_are_refused(masks_data: Any, tmp_path: Path) -> None:
    record = load_collection("figshare", masks_data.root).records[0]
    with pytest.raises(DatasetError, match=r"images/0\.png has no mask"):
        read_mask(replace(record, mask=None), (96, 96))
    (tmp_path / "mask.png").write_bytes(b"none")
    with pytest.raises(DatasetError, match=r"mask\.png cannot be read"):
        read_mask(replace(record, mask=tmp_path / "mask.png"), (96, 96))


def test_phantoms_repeat_with_their_seed_and_show_tumors_where_masks_are_wanted(prepared: PreparedImages) -> None:
    again, other = (prepare_phantoms(6, seed, PREPROCESSING, with_masks=True) for seed in (1, 2))
    np.testing.assert_array_equal(prepared.images, again.images)
    assert not np.array_equal(prepared.images, other.images)
    assert prepared.masks is not None and prepared.masks.any(axis=(1, 2)).all()
    assert CLASSES.index(TumorClass.NO_TUMOR) not in prepared.labels
    assert set(prepare_phantoms(4, 1, PREPROCESSING, with_masks=False).labels) == {0, 1, 2, 3}


def test_join_keeps_order_and_masks(prepared: PreparedImages) -> None:
    other = prepare_phantoms(2, 2, PREPROCESSING, with_masks=True)
    both = join(prepared, other)
    assert len(both) == 8
    assert both.masks is not None
    np.testing.assert_array_equal(both.images[6:], other.images)
    np.testing.assert_array_equal(both.labels, np.concatenate([prepared.labels, other.labels]))


def test_epoch_and_image_decide_the_picture(prepared: PreparedImages) -> None:
    first, again = (TrainingImages(prepared, PREPROCESSING, AUGMENTATION, seed=5) for _ in range(2))
    first[(0, 0)]  # what was drawn before must not matter
    for key in ((0, 1), (3, 1), (3, 2)):
        for name in ("image", "mask"):
            assert torch.equal(first[key][name], again[key][name])
    assert not torch.equal(first[(0, 1)]["image"], first[(1, 1)]["image"])
    other = TrainingImages(prepared, PREPROCESSING, AUGMENTATION, seed=6)
    assert not torch.equal(first[(0, 1)]["image"], other[(0, 1)]["image"])


def test_item_is_normalized_and_has_the_shapes_of_a_batch(prepared: PreparedImages) -> None:
    item = TrainingImages(prepared, PREPROCESSING, None, seed=0)[(0, 2)]
    assert item["image"].shape == (3, 64, 64) and item["image"].dtype == torch.float32
    assert item["mask"].shape == (1, 64, 64)
    expected = (prepared.images[2].astype(np.float32) - np.float32(0.3)) / np.float32(0.25)
    for channel in item["image"]:
        np.testing.assert_array_equal(channel.numpy(), expected)
    assert item["label"].item() == prepared.labels[2]


def test_sampler_shuffles_by_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(20, seed, shuffle=True)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert len(EpochSampler(20, 1, shuffle=True)) == 20
    assert sorted(order(1, 2)) == [(2, index) for index in range(20)]
    images = [[index for _, index in order(*key)] for key in ((1, 2), (1, 3), (2, 2))]
    assert images[0] != images[1] and images[0] != images[2]


def test_sampler_without_shuffling_keeps_the_order() -> None:
    assert list(EpochSampler(3, 0, shuffle=False)) == [(0, 0), (0, 1), (0, 2)]
