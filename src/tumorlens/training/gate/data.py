"""Varied pictures as batches: each epoch draws its own, and the same epoch and number give the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from tumorlens.datasets.non_brain_from_heads import FROM_HEADS, make_from_head
from tumorlens.inference.gate import shrunk
from tumorlens.training.data import Batch
from tumorlens.training.gate.pool import Shelf
from tumorlens.training.gate.recipe import BRAIN, GateRecipe
from tumorlens.training.gate.vary import Grey, degrade, recolor, vary_brain, vary_other
from tumorlens.training.reader.data import DrawBatches, Key

SCANS = ("organ", "xray_ct", "heart")
RECOLORED = 0.35


class Drawn(NamedTuple):
    """A varied picture, what it shows and where it comes from."""

    picture: Grey
    kind: str
    source: str

    @property
    def brain(self) -> bool:
        """Whether it is a brain MRI."""
        return self.kind == BRAIN


class GateDraws:
    """Draws varied pictures from shelves.

    Args:
        shelves: of brains and of other things.
        recipe: how often what is drawn.
        seed: of all draws.
    """

    def __init__(self, shelves: Sequence[Shelf], recipe: GateRecipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed
        self.brains = [one for one in shelves if one.kind == BRAIN and one.source != "phantoms" and one.pictures]
        self.phantoms = [one for one in shelves if one.kind == BRAIN and one.source == "phantoms"]
        weights = np.array([one.weight * len(one.pictures) ** recipe.sampling.power for one in self.brains])
        self._weights = weights / weights.sum()
        self.others: dict[str, list[Shelf]] = {}
        for shelf in shelves:
            if shelf.kind != BRAIN and shelf.pictures:
                self.others.setdefault(shelf.kind, []).append(shelf)
        kinds = [*self.others, *(kind for kind in FROM_HEADS if kind not in self.others)]
        self.kinds = [kind for kind in kinds if kind not in recipe.leave_out]
        shares = np.array([recipe.sampling.kinds.get(kind, 1.0) for kind in self.kinds])
        self._shares = shares / shares.sum()

    def draw(self, epoch: int, number: int) -> Drawn:
        """A picture before it is prepared; the same for the same epoch and number."""
        rng = np.random.default_rng([self.seed, epoch, number])
        if rng.random() < self.recipe.sampling.brain:
            picture, source = self._brain(rng)
            return Drawn(vary_brain(picture, rng), BRAIN, source)
        return self._other(rng)

    def prepared(self, epoch: int, number: int) -> tuple[NDArray[np.float32], bool]:
        """The network's input of a draw, float32 ``[1, rows, cols]``."""
        drawn = self.draw(epoch, number)
        return prepare(drawn.picture, self.recipe), drawn.brain

    def _brain(self, rng: np.random.Generator) -> tuple[Grey, str]:
        shelves, weights = self.brains, self._weights
        if self.phantoms and rng.random() < self.recipe.sampling.phantoms:
            shelves, weights = self.phantoms, np.ones(1)
        shelf = shelves[int(rng.choice(len(shelves), p=weights))]
        return shelf.pictures[int(rng.integers(len(shelf.pictures)))], shelf.source

    def _other(self, rng: np.random.Generator) -> Drawn:
        kind = str(rng.choice(self.kinds, p=self._shares))
        shelves = self.others.get(kind, [])
        real = [one for one in shelves if one.source != "made"]
        made = [one for one in shelves if one.source == "made"]
        from_heads = kind in FROM_HEADS
        if from_heads and not (real and rng.random() < self.recipe.sampling.real):
            picture, source = self._brain(rng)
            return Drawn(degrade(make_from_head(kind, _at_least(picture), rng), rng), kind, source)
        if real and (not made or rng.random() < self.recipe.sampling.real):
            sizes = np.sqrt([len(one.pictures) for one in real])
            shelf = real[int(rng.choice(len(real), p=sizes / sizes.sum()))]
        else:
            shelf = made[int(rng.integers(len(made)))]
        picture = shelf.pictures[int(rng.integers(len(shelf.pictures)))]
        if kind in SCANS and rng.random() < RECOLORED:
            picture = recolor(picture, rng)
        return Drawn(vary_other(picture, rng), kind, shelf.source)


def _at_least(picture: Grey, side: int = 32) -> Grey:
    if min(picture.shape) >= side:
        return picture
    factor = side / min(picture.shape)
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def prepare(picture: Grey, recipe: GateRecipe) -> NDArray[np.float32]:
    """The network's input of a picture, as the gate itself prepares it."""
    return recipe.preprocessing(shrunk(picture.astype(np.float32))).array


class DrawnGatePictures(Dataset[Batch]):
    """Pictures by ``(epoch, number)``; those that come again are kept, in 8 bits."""

    def __init__(self, draws: GateDraws) -> None:
        recipe = draws.recipe
        self.draws, self.distinct = draws, recipe.distinct
        self.keeps = recipe.distinct < recipe.epochs
        self._plain, self._normalize = recipe.preprocessing.plain(), recipe.preprocessing.normalize
        self._kept: dict[Key, tuple[NDArray[np.uint8], bool]] = {}

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """A whole batch: ``image`` ``[batch, 1, rows, cols]`` and ``brain`` ``[batch, 1]``."""
        drawn = [self._picture((epoch % self.distinct, number)) for epoch, number in keys]
        images = [self._normalize(np.asarray(one, dtype=np.float32) / np.float32(255)) for one, _ in drawn]
        return {
            "image": torch.from_numpy(np.stack(images)),
            "brain": torch.tensor([brain for _, brain in drawn], dtype=torch.float32)[:, None],
        }

    def _picture(self, key: Key) -> tuple[NDArray[np.uint8], bool]:
        if key in self._kept:
            return self._kept[key]
        drawn = self.draws.draw(*key)
        prepared = self._plain(shrunk(drawn.picture.astype(np.float32))).array[0]
        found = np.rint(prepared * 255).astype(np.uint8), drawn.brain
        if self.keeps:
            self._kept[key] = found
        return found


def gate_loader(draws: GateDraws, recipe: GateRecipe) -> DataLoader[Batch]:
    """Batches of drawn pictures, made in workers where the recipe asks for some."""
    # A forked worker inherits OpenCV's locked thread pool and hangs, so workers start afresh.
    fresh: dict[str, Any] = {"persistent_workers": True, "prefetch_factor": 2, "multiprocessing_context": "spawn"}
    return DataLoader(
        DrawnGatePictures(draws),
        batch_sampler=DrawBatches(recipe.epoch_draws, recipe.batch_size),
        collate_fn=_as_it_is,  # type: ignore[arg-type]
        num_workers=recipe.workers,
        worker_init_fn=_single_thread if recipe.workers else None,
        **(fresh if recipe.workers else {}),
    )


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _single_thread(worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
