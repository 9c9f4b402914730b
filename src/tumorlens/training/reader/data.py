"""Drawn pictures as batches, and the validation part as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from tumorlens.training.data import Batch
from tumorlens.training.reader.draws import SEQUENCE_NAMES, UNKNOWN, Drawn, Draws
from tumorlens.training.reader.pool import Pool
from tumorlens.training.reader.recipe import ReaderRecipe

Key = tuple[int, int]


class DrawnPictures(Dataset[Batch]):
    """Pictures by ``(epoch, number)``: the same pair always gives the same picture."""

    def __init__(self, draws: Draws) -> None:
        self.draws = draws

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """A whole batch."""
        recipe = self.draws.recipe
        made = [self.draws.picture(self.draws.draw(*key), recipe.size_at(key[0])) for key in keys]
        return as_batch(made, recipe)


class PoolPictures(Dataset[Batch]):
    """The slices of a pool, unchanged, at the size at which they are answered."""

    def __init__(self, pool: Pool, recipe: ReaderRecipe) -> None:
        self.pool, self.recipe = pool, recipe

    def __len__(self) -> int:
        return len(self.pool)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A whole batch."""
        return as_batch([self._drawn(index) for index in indices], self.recipe)

    def _drawn(self, index: int) -> Drawn:
        record = self.pool.items[index].record
        sequence = record.sequence or ""
        return Drawn(
            image=np.asarray(self.pool.images[index], dtype=np.float32) / np.float32(255),
            mask=self.pool.masks[index].astype(np.float32),
            masked=bool(self.pool.masked[index]),
            whole=bool(self.pool.whole[index]),
            tumor=record.is_tumor,
            kind=self.recipe.kind_index(str(record.label)) if record.is_tumor else UNKNOWN,
            sequence=SEQUENCE_NAMES.index(sequence) if sequence in SEQUENCE_NAMES else UNKNOWN,
            stripped=UNKNOWN if record.stripped is None else int(record.stripped),
        )


def as_batch(made: Sequence[Drawn], recipe: ReaderRecipe) -> Batch:
    """Pictures of one size as tensors: ``image`` and ``mask`` ``[batch, 1, rows, cols]``, the rest ``[batch]``."""
    normalize = recipe.preprocessing.normalize
    images: NDArray[Any] = np.stack([normalize(one.image) for one in made])
    return {
        "image": torch.from_numpy(images),
        "mask": torch.from_numpy(np.stack([one.mask for one in made])[:, None]),
        "masked": torch.tensor([one.masked for one in made], dtype=torch.float32),
        "whole": torch.tensor([one.whole for one in made], dtype=torch.float32),
        "tumor": torch.tensor([one.tumor for one in made], dtype=torch.float32),
        "kind": torch.tensor([one.kind for one in made]),
        "sequence": torch.tensor([one.sequence for one in made]),
        "stripped": torch.tensor([one.stripped for one in made]),
    }


class Epoch:
    """The epoch that the next iteration is for; Lightning looks for it as the sampler of the batches."""

    def __init__(self) -> None:
        self.number = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before an epoch begins."""
        self.number = epoch


class DrawBatches(Sampler[list[Key]]):
    """Numbers of an epoch's draws, in batches.

    Args:
        draws: of an epoch.
        batch_size: pictures of a batch.
    """

    def __init__(self, draws: int, batch_size: int) -> None:
        self.draws, self.batch_size = draws, batch_size
        self.sampler = Epoch()

    def __len__(self) -> int:
        return max(1, self.draws // self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        size = self.batch_size
        for batch in range(len(self)):
            yield [(self.sampler.number, batch * size + place) for place in range(size)]


def training_loader(draws: Draws, recipe: ReaderRecipe) -> DataLoader[Batch]:
    """Batches of drawn pictures, made in workers where the recipe asks for some."""
    # A forked worker inherits OpenCV's locked thread pool and hangs, so workers start afresh.
    fresh: dict[str, Any] = {"persistent_workers": True, "prefetch_factor": 4, "multiprocessing_context": "spawn"}
    return DataLoader(
        DrawnPictures(draws),
        batch_sampler=DrawBatches(recipe.epoch_draws, recipe.batch_size),
        collate_fn=_as_it_is,  # type: ignore[arg-type]
        num_workers=recipe.workers,
        worker_init_fn=_single_thread if recipe.workers else None,
        **(fresh if recipe.workers else {}),
    )


def pool_loader(pool: Pool, recipe: ReaderRecipe, batch_size: int = 32) -> DataLoader[Batch]:
    """Batches of a pool in its order."""
    return DataLoader(PoolPictures(pool, recipe), batch_size=batch_size, collate_fn=_as_it_is)  # type: ignore[arg-type]


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _single_thread(worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
