from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.augmentation import AffineRange, Augmentation, ElasticRange
from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Record
from tumorlens.errors import UnreadableFileError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.data import EpochBatches, EpochSampler, PreparedImages, TrainingImages, join
from tumorlens.training.prepare import Preparation, prepare_phantoms, prepare_records

pytestmark = pytest.mark.extra_train

PREPROCESSING = Preprocessing(size=(64, 64), mean=0.3, std=0.25, channels=3)
WITH_MASKS, WITHOUT_MASKS = Preparation(PREPROCESSING, True), Preparation(PREPROCESSING, False)
AUGMENTATION = Augmentation(
    affine=AffineRange(rotation=20, flip=0.5), elastic=ElasticRange(alpha=(0, 20), sigma=4, probability=0.5)
)


@pytest.fixture(scope="module")
def prepared() -> PreparedImages:
    return prepare_phantoms(6, 1, WITH_MASKS)


def test_records_are_prepared_without_normalization(masks_data: Any) -> None:
    records = load_collection("figshare", masks_data.root).records[:4]
    counted: list[int] = []
    made = prepare_records(records, WITH_MASKS, progress=counted.append)
    assert made.images.shape == (4, 64, 64) and made.images.dtype == np.float16
    assert made.masks is not None and made.masks.dtype == np.bool_
    assert made.images.min() >= 0 and made.images.max() <= 1
    assert made.masks.any(axis=(1, 2)).all()
    assert [CLASSES[label] for label in made.labels] == [record.label for record in records]
    assert made.ids == tuple(record.id for record in records)
    assert counted == [1, 2, 3, 4, 4]
    assert prepare_records(records, WITHOUT_MASKS).masks is None


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    record = Record("broken.png", path, TumorClass.GLIOMA)
    with pytest.raises(UnreadableFileError, match=r"broken\.png: ") as caught:
        prepare_records([record], WITHOUT_MASKS)
    assert "\n" not in str(caught.value)


def test_phantoms_repeat_with_their_seed_and_show_tumors_where_masks_are_wanted(prepared: PreparedImages) -> None:
    again, other = (prepare_phantoms(6, seed, WITH_MASKS) for seed in (1, 2))
    np.testing.assert_array_equal(prepared.images, again.images)
    assert not np.array_equal(prepared.images, other.images)
    assert prepared.masks is not None and prepared.masks.any(axis=(1, 2)).all()
    assert CLASSES.index(TumorClass.NO_TUMOR) not in prepared.labels
    assert set(prepare_phantoms(4, 1, WITHOUT_MASKS).labels) == {0, 1, 2, 3}


def test_join_keeps_order_and_masks(prepared: PreparedImages) -> None:
    other = prepare_phantoms(2, 2, WITH_MASKS)
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


@pytest.mark.parametrize("intensities", [None, (0.0, 255.0)])
@pytest.mark.parametrize("mean", [0.3, (0.3, 0.4, 0.5)])
def test_batch_cut_out_at_once_equals_its_items(intensities: Any, mean: Any) -> None:
    steps = PREPROCESSING.model_copy(update={"intensities": intensities, "mean": mean})
    made = prepare_phantoms(5, 1, Preparation(steps, True))
    assert made.images.dtype == (np.float16 if intensities is None else np.uint8)
    images = TrainingImages(made, steps, None, seed=0)
    keys = [(0, 3), (0, 0), (0, 4)]
    batch = images.__getitems__(keys)
    for name in ("image", "label", "mask"):
        assert torch.equal(batch[name], torch.stack([images[key][name] for key in keys]))


def test_channels_that_an_elastic_deformation_sets_apart_are_normalized_alike(prepared: PreparedImages) -> None:
    apart = Augmentation(elastic=ElasticRange(alpha=(30, 30), sigma=3, per_channel=True))
    image = TrainingImages(prepared, PREPROCESSING, apart, seed=0)[(0, 1)]["image"]
    assert image.shape == (3, 64, 64)
    assert not torch.equal(image[0], image[1]) and not torch.equal(image[1], image[2])
    assert image.min() >= (0 - 0.3) / 0.25 - 1e-5 and image.max() <= (1 - 0.3) / 0.25 + 1e-5


@pytest.mark.parametrize(("count", "world"), [(20, 2), (21, 2), (23, 4), (17, 3)])
def test_processes_share_each_batch_that_one_alone_would_see(count: int, world: int) -> None:
    def batches(rank: int, size: int) -> list[list[tuple[int, int]]]:
        sampler = EpochSampler(count, 4, shuffle=True)
        sampler.set_epoch(3)
        return list(EpochBatches(sampler, 8, rank, size))

    alone, shared = batches(0, 1), [batches(rank, world) for rank in range(world)]
    assert {len(one) for one in shared} == {len(alone)} == {len(EpochBatches(EpochSampler(count, 4, shuffle=True), 8))}
    for step, whole in enumerate(alone):
        parts = [one[step] for one in shared]
        assert all(parts)
        joined = [key for part in parts for key in part]
        assert joined == whole if len(whole) >= world else set(joined) == set(whole)


@given(count=st.integers(1, 40), size=st.integers(1, 9))
def test_every_image_is_in_one_batch_and_none_stands_alone_at_the_end(count: int, size: int) -> None:
    batches = EpochBatches(EpochSampler(count, 4, shuffle=True), size)
    found = list(batches)
    assert len(found) == len(batches)
    assert sorted(index for batch in found for _, index in batch) == list(range(count))
    assert {len(batch) for batch in found[:-1]} <= {size}
    assert len(found[-1]) <= size + (size > 1) and (len(found[-1]) > 1 or 1 in (size, count))


def test_mapped_images_reach_a_worker_by_their_file(tmp_path: Path, masks_data: Any) -> None:
    import pickle

    records = load_collection("figshare", masks_data.root).records[:4]
    cached = Preparation(PREPROCESSING, True, cache=tmp_path / "cache")
    made = prepare_records(records, cached)
    assert isinstance(made.images, np.memmap)
    packed = pickle.dumps(made)
    assert len(packed) < made.images.nbytes / 4
    again = pickle.loads(packed)
    np.testing.assert_array_equal(again.images, made.images)
    np.testing.assert_array_equal(again.masks, made.masks)
    again = prepare_records(records, cached)
    np.testing.assert_array_equal(again.images, prepare_records(records, WITH_MASKS).images)
