"""Images as the network sees them, augmented by a seed that depends on epoch and image alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from tumorlens.augmentation import Augmentation
from tumorlens.preprocessing import Preprocessing

Batch = dict[str, torch.Tensor]
Key = tuple[int, int]


@dataclass(frozen=True, eq=False)
class PreparedImages:
    """Prepared slices, in memory or mapped from a file.

    Attributes:
        images: ``[images, rows, cols]`` before any normalization by mean and standard deviation: float16 within [0, 1],
            or uint8 within 0 to 255.
        masks: bool of the same shape, or ``None`` for classification.
        labels: int64 ``[images]``, index into the recipe's labels.
        ids: id of each image.
    """

    images: NDArray[Any]
    masks: NDArray[np.bool_] | None
    labels: NDArray[np.int64]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def image(self, index: int) -> NDArray[np.float32]:
        """One image, float32 ``[rows, cols]`` within [0, 1]."""
        return as_float(np.asarray(self.images[index]))

    def __getstate__(self) -> dict[str, Any]:
        # A worker maps the same file instead of receiving a copy of it.
        return {name: _by_name(value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            mapped = isinstance(value, tuple) and value[:1] == (_MAPPED,)
            object.__setattr__(self, name, np.load(value[1], mmap_mode="r") if mapped else value)


_MAPPED = "tumorlens-mapped-array"


def _by_name(value: Any) -> Any:
    whole = isinstance(value, np.memmap) and str(value.filename).endswith(".npy") and value.base is not None
    return (_MAPPED, str(value.filename)) if whole and not isinstance(value.base, np.memmap) else value


def as_float(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Stored pixels, uint8 or float16, as float32 within [0, 1]."""
    values = stored.astype(np.float32)
    return np.asarray(values / np.float32(255), dtype=np.float32) if stored.dtype == np.uint8 else values


def as_stored(image: NDArray[np.float32], dtype: Any) -> NDArray[Any]:
    """Pixels within [0, 1] as uint8 or float16."""
    if np.dtype(dtype) == np.uint8:
        return np.asarray(np.rint(image * np.float32(255)).clip(0, 255), dtype=np.uint8)
    return image.astype(np.float16)


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
        self.augmentation = None if augmentation is None or augmentation.is_empty else augmentation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.prepared)

    def __getitem__(self, key: Key) -> Batch:
        """One image with its label, and its mask where there is one."""
        epoch, index = key
        image = self.prepared.image(index)
        mask = None if self.prepared.masks is None else self.prepared.masks[index].astype(np.float32)
        if self.augmentation is not None:
            drawn = self.augmentation.sample(np.random.default_rng([self.seed, epoch, index]))
            image, mask = drawn.apply(image, mask)
        item = {
            "image": torch.from_numpy(self._normalized(image)),
            "label": torch.tensor(self.prepared.labels[index]),
        }
        if mask is not None:
            item["mask"] = torch.from_numpy(mask[None])
        return item

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """A whole batch; without augmentation it is cut out at once, with the same values as one by one."""
        if self.augmentation is not None:
            items = [self[key] for key in keys]
            return {name: torch.stack([item[name] for item in items]) for name in items[0]}
        index = np.array([image for _, image in keys])
        stored = torch.from_numpy(np.ascontiguousarray(self.prepared.images[index]))
        images = stored.to(torch.float32)[:, None]
        if stored.dtype == torch.uint8:
            images = images / 255
        batch = {"image": self._normalized_batch(images), "label": torch.from_numpy(self.prepared.labels[index])}
        if self.prepared.masks is not None:
            batch["mask"] = torch.from_numpy(np.ascontiguousarray(self.prepared.masks[index])).float()[:, None]
        return batch

    def _normalized(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        if image.ndim == 2:
            return self.preprocessing.normalize(image)
        # Channels that an elastic deformation has set apart from each other.
        alike = self.preprocessing.model_copy(update={"channels": 1, "mean": 0.0, "std": 1.0})
        made = np.concatenate([alike.normalize(one) for one in image[: self.preprocessing.channels]])
        mean, std = (
            np.broadcast_to(np.asarray(one, dtype=np.float32).reshape(-1, 1, 1), (len(made), 1, 1))
            for one in (self.preprocessing.mean, self.preprocessing.std)
        )
        return np.asarray((made - mean) / std, dtype=np.float32)

    def _normalized_batch(self, images: torch.Tensor) -> torch.Tensor:
        mean, std, channels = self.preprocessing.mean, self.preprocessing.std, self.preprocessing.channels
        if mean != 0.0 or std != 1.0:
            offset, scale = (torch.tensor(one, dtype=torch.float32).reshape(-1, 1, 1) for one in (mean, std))
            images = (images - offset) / scale
        return images.expand(-1, channels, -1, -1)


class EpochSampler(Sampler[Key]):
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

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self.count)
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        return iter([(self.epoch, int(index)) for index in order])


def batches_of(count: int, batch_size: int) -> int:
    """Batches of an epoch: a last one of a single image joins the one before it."""
    whole, rest = divmod(count, batch_size)
    return whole + (rest > 1 or (rest == 1 and whole == 0))


class EpochBatches(Sampler[list[Key]]):
    """Batches of an :class:`EpochSampler`; of several processes, each gets its share of every batch.

    All processes together see the batches that one alone would, in the same order. A last batch with fewer images than
    processes gives some of them its first image again, so that none waits for the others forever. A last batch of one
    image joins the one before it: batch normalization of a map of 1 x 1 needs two.
    """

    def __init__(self, sampler: EpochSampler, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self.rank = rank
        self.world = world

    def __len__(self) -> int:
        return batches_of(len(self.sampler), self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        keys, count = list(self.sampler), len(self)
        for place in range(count):
            start = place * self.batch_size
            batch = keys[start : start + self.batch_size if place < count - 1 else None]
            bounds = [len(batch) * one // self.world for one in (self.rank, self.rank + 1)]
            yield batch[bounds[0] : bounds[1]] or batch[:1]
