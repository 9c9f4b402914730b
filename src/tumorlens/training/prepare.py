"""Records and phantoms into prepared images: read, degraded where asked, cropped and resized, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorlens.datasets.cache import ArraySpec, cached_items
from tumorlens.datasets.reading import content_hash, read_record, read_record_mask
from tumorlens.datasets.records import Record
from tumorlens.evaluation.degradations import degradation
from tumorlens.labels import CLASSES
from tumorlens.phantoms import random_phantom
from tumorlens.preprocessing import Preprocessing
from tumorlens.preprocessing.geometry import resize
from tumorlens.training.copies import draw, is_copy
from tumorlens.training.data import PreparedImages, as_stored
from tumorlens.training.recipe_parts import OfflineRecipe

VERSION = 1
"""Part of the cache's key: raised whenever the same key would give other pixels."""
BYTES_RANGE = (0.0, 255.0)
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Preparation:
    """How pictures become stored images.

    Attributes:
        preprocessing: of the recipe; applied up to one channel within [0, 1].
        with_masks: whether masks are prepared too.
        offline: how copies are drawn; ``None`` where there are none.
        degrade: name of a degradation.
        seed: of ``mixed`` degradation.
        label_index: index of what a collection says of an image; by default into ``CLASSES``.
        cache: folder that keeps prepared arrays, or ``None``.
    """

    preprocessing: Preprocessing
    with_masks: bool
    offline: OfflineRecipe | None = None
    degrade: str = "none"
    seed: int = 0
    label_index: Callable[[Any], int] = field(default=lambda label: CLASSES.index(label) if label in CLASSES else 0)
    cache: Path | None = None

    @property
    def dtype(self) -> Any:
        """Stored type: bytes where published work divides bytes by 255, else half precision."""
        return np.uint8 if self.preprocessing.intensities == BYTES_RANGE else np.float16

    def key(self, records: Sequence[Record]) -> Mapping[str, Any]:
        """What decides the stored arrays."""
        return {
            "version": VERSION,
            "content": content_hash(records, with_masks=self.with_masks),
            "preprocessing": self.preprocessing.plain().model_dump(mode="json"),
            "masks": self.with_masks,
            "offline": None if self.offline is None else self.offline.model_dump(mode="json"),
            "degrade": [self.degrade, self.seed if self.degrade == "mixed" else 0],
        }


def prepare_records(
    records: Sequence[Record], preparation: Preparation, progress: Progress = lambda done: None
) -> PreparedImages:
    """Read and prepare every record, or find them in the cache.

    Raises:
        DatasetError: a mask is missing or has another shape than its image.
        UnreadableFileError: an image cannot be read.
        OutputError: the cache cannot be written.
    """
    shape = (len(records), *preparation.preprocessing.size)
    specs = {"images": ArraySpec(shape, preparation.dtype)}
    if preparation.with_masks:
        specs["masks"] = ArraySpec(shape, np.bool_)
    maker = _Maker(records, preparation)

    def fill(index: int) -> dict[str, NDArray[Any]]:
        made = maker(index)
        progress(index + 1)
        return made

    key = preparation.key(records) if preparation.cache is not None else {}
    arrays = cached_items(preparation.cache, key, specs, fill)
    progress(len(records))
    labels = np.array([preparation.label_index(record.label) for record in records], dtype=np.int64)
    return PreparedImages(arrays["images"], arrays.get("masks"), labels, tuple(record.id for record in records))


class _Maker:
    """Prepares one record at a time; copies that follow their original read it once."""

    def __init__(self, records: Sequence[Record], preparation: Preparation) -> None:
        self.records, self.preparation = records, preparation
        self.plain = preparation.preprocessing.plain()
        self.degrade = degradation(preparation.degrade, preparation.seed)
        size = None if preparation.offline is None else preparation.offline.size
        self.copied = self.plain if size is None else self.plain.model_copy(update={"size": size})
        self.last: tuple[Any, NDArray[np.float32], NDArray[np.float32] | None] | None = None

    def __call__(self, index: int) -> dict[str, NDArray[Any]]:
        record = self.records[index]
        if is_copy(record):
            image, mask = self._copy(record)
        else:
            image, mask = self._prepared(record, self.plain)
        made: dict[str, NDArray[Any]] = {"images": as_stored(image, self.preparation.dtype)}
        if mask is not None:
            made["masks"] = mask > 0.5
        return made

    def _copy(self, record: Record) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        assert self.preparation.offline is not None
        if self.last is None or self.last[0] != (record.path, record.channel):
            self.last = ((record.path, record.channel), *self._prepared(record, self.copied))
        image, mask = draw(record, self.preparation.offline).apply(*self.last[1:])
        size = self.plain.size
        if self.copied.size != size:
            image = resize(image, *size)
            mask = None if mask is None else resize(mask, *size)
        return image, mask

    def _prepared(
        self, record: Record, preprocessing: Preprocessing
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        pixels = read_record(record).pixels
        shape = pixels.shape
        if self.degrade is not None:
            pixels = self.degrade(pixels)
        prepared = preprocessing(pixels)
        if not self.preparation.with_masks:
            return prepared.array[0], None
        mask = prepared.geometry.forward(read_record_mask(record, shape).astype(np.float32)) > 0.5
        return prepared.array[0], mask.astype(np.float32)


def prepare_phantoms(count: int, seed: int, preparation: Preparation) -> PreparedImages:
    """Made heads of known geometry; where masks are wanted, only those with a tumor."""
    plain = preparation.preprocessing.plain()
    classes = CLASSES[:-1] if preparation.with_masks else CLASSES
    images = np.zeros((count, *plain.size), dtype=preparation.dtype)
    masks = np.zeros(images.shape, dtype=np.bool_) if preparation.with_masks else None
    labels = np.zeros(count, dtype=np.int64)
    for index in range(count):
        phantom = random_phantom(np.random.default_rng([seed, index]), classes[index % len(classes)])
        prepared = plain(phantom.pixels)
        images[index] = as_stored(prepared.array[0], preparation.dtype)
        labels[index] = preparation.label_index(phantom.label)
        if masks is not None:
            masks[index] = prepared.geometry.forward(phantom.mask.astype(np.float32)) > 0.5
    return PreparedImages(images, masks, labels, tuple(f"phantom/{index:05d}" for index in range(count)))
