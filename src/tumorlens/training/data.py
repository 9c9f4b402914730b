"""Images in memory as the network sees them, augmented by a seed that depends on epoch and image alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from tumorlens.augmentation import Augmentation
from tumorlens.datasets.phantoms import random_phantom
from tumorlens.datasets.records import Record
from tumorlens.errors import DatasetError, InputError
from tumorlens.io import read_scan
from tumorlens.labels import CLASSES
from tumorlens.preprocessing import Preprocessing

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class PreparedImages:
    """Prepared slices held in memory.

    Attributes:
        images: float16 ``[images, rows, cols]`` within [0, 1], before any normalization by mean and standard deviation.
        masks: bool of the same shape, or ``None`` for classification.
        labels: int64 ``[images]``, index into ``CLASSES``.
        ids: id of each image.
    """

    images: NDArray[np.float16]
    masks: NDArray[np.bool_] | None
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def prepare_records(
    records: Sequence[Record],
    preprocessing: Preprocessing,
    *,
    with_masks: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> PreparedImages:
    """Read and prepare every record.

    Raises:
        DatasetError: a mask is missing or has another shape than its image.
        UnreadableFileError: an image cannot be read.
    """
    plain = preprocessing.model_copy(update={"mean": 0.0, "std": 1.0, "channels": 1})
    images = np.zeros((len(records), *plain.size), dtype=np.float16)
    masks = np.zeros(images.shape, dtype=np.bool_) if with_masks else None
    for index, record in enumerate(records):
        try:
            pixels = read_scan(record.path).pixels
        except InputError as error:
            raise type(error)(f"{record.path}: {error}") from error
        prepared = plain(pixels)
        images[index] = prepared.array[0]
        if masks is not None:
            masks[index] = prepared.geometry.forward(read_mask(record, pixels.shape).astype(np.float32)) > 0.5
        progress(index + 1)
    labels = np.array([CLASSES.index(record.label) for record in records], dtype=np.int64)
    return PreparedImages(images, masks, labels, tuple(record.id for record in records))


def read_mask(record: Record, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tumor mask of a record, bool ``[rows, cols]``.

    Raises:
        DatasetError: the record has no mask, or one that cannot be read or has another shape.
    """
    if record.mask is None:
        raise DatasetError(f"{record.id} has no mask: segmentation needs one for every image.")
    grey = cv2.imdecode(np.fromfile(record.mask, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None or grey.shape != shape:
        found = "cannot be read" if grey is None else f"has shape {grey.shape}"
        raise DatasetError(f"The mask {record.mask} {found}, and its image has shape {shape}.")
    return np.asarray(grey > 127)


def prepare_phantoms(count: int, seed: int, preprocessing: Preprocessing, *, with_masks: bool) -> PreparedImages:
    """Made heads of known geometry; where masks are wanted, only those with a tumor."""
    plain = preprocessing.model_copy(update={"mean": 0.0, "std": 1.0, "channels": 1})
    classes = CLASSES[:-1] if with_masks else CLASSES
    images = np.zeros((count, *plain.size), dtype=np.float16)
    masks = np.zeros(images.shape, dtype=np.bool_) if with_masks else None
    labels = np.zeros(count, dtype=np.int64)
    for index in range(count):
        phantom = random_phantom(np.random.default_rng([seed, index]), classes[index % len(classes)])
        prepared = plain(phantom.pixels)
        images[index] = prepared.array[0]
        labels[index] = CLASSES.index(phantom.label)
        if masks is not None:
            masks[index] = prepared.geometry.forward(phantom.mask.astype(np.float32)) > 0.5
    return PreparedImages(images, masks, labels, tuple(f"phantom/{index:05d}" for index in range(count)))


def join(first: PreparedImages, second: PreparedImages) -> PreparedImages:
    """Both sets, one after the other."""
    masks = None
    if first.masks is not None and second.masks is not None:
        masks = np.concatenate([first.masks, second.masks])
    return PreparedImages(
        np.concatenate([first.images, second.images]),
        masks,
        np.concatenate([first.labels, second.labels]),
        first.ids + second.ids,
    )


class TrainingImages(Dataset[Batch]):
    """Augmented images, indexed by ``(epoch, image)``: the same pair always gives the same picture."""

    def __init__(
        self, prepared: PreparedImages, preprocessing: Preprocessing, augmentation: Augmentation | None, seed: int
    ) -> None:
        self.prepared = prepared
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.prepared)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        epoch, index = key
        image = self.prepared.images[index].astype(np.float32)
        mask = None if self.prepared.masks is None else self.prepared.masks[index].astype(np.float32)
        if self.augmentation is not None:
            drawn = self.augmentation.sample(np.random.default_rng([self.seed, epoch, index]))
            image, mask = drawn.apply(image, mask)
        image = (image - np.float32(self.preprocessing.mean)) / np.float32(self.preprocessing.std)
        item = {
            "image": torch.from_numpy(np.repeat(image[None], self.preprocessing.channels, axis=0)),
            "label": torch.tensor(self.prepared.labels[index]),
        }
        if mask is not None:
            item["mask"] = torch.from_numpy(mask[None])
        return item


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields ``(epoch, image)``, shuffled by seed and epoch where asked; Lightning calls :meth:`set_epoch`."""

    def __init__(self, count: int, seed: int, *, shuffle: bool) -> None:
        self.count = count
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is for."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.count)
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        return iter([(self.epoch, int(index)) for index in order])
