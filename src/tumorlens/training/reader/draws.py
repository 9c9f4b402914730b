"""What a reader sees: slices drawn by strata and changed, each by a seed of epoch and number alone.

Sampling stands apart from applying, so that a run replays: :meth:`Draws.draw` says all that happens to one draw, and
:meth:`Draws.picture` does it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorlens.augmentation.contrast import ContrastMap
from tumorlens.augmentation.implant import LEAST_VISIBLE, Implant, visibility
from tumorlens.augmentation.picture import PictureChange
from tumorlens.augmentation.pipeline import Augmentation, Sample
from tumorlens.augmentation.stripping import Stripping
from tumorlens.preprocessing.geometry import resize
from tumorlens.training.reader.pool import Pool
from tumorlens.training.reader.recipe import ReaderRecipe

SEQUENCE_NAMES = ("t1", "t1c", "t2", "flair")
UNKNOWN = -1
MOST = 4.0


@dataclass(frozen=True)
class Draw:
    """All that is decided about one picture.

    Attributes:
        index: slice of the pool.
        implant: what is put into it, or ``None``; ``donor`` is the slice it comes from.
        donor: see ``implant``.
        shaper: slice whose mask gives the shape of ordinary tissue, or of the lesion itself.
        blend: slice of another sequence of the same place that is mixed in, and ``share`` of it.
        share: see ``blend``.
        stripping: skull taken off or put on.
        contrast: curve over the intensities.
        turns: quarter turns.
        sample: affine and intensity.
        picture: JPEG, frame, marks.
    """

    index: int
    implant: Implant | None
    donor: int
    shaper: int
    blend: int | None
    share: float
    stripping: Stripping | None
    contrast: ContrastMap | None
    turns: int
    sample: Sample
    picture: PictureChange


@dataclass(frozen=True, eq=False)
class Drawn:
    """One picture with what is known of it.

    Attributes:
        image: float32 ``[rows, cols]`` within [0, 1].
        mask: float32, 0 or 1.
        masked: whether the mask is known, and ``whole`` whether it may hold more than a reader outlines.
        whole: see ``masked``.
        tumor: whether a tumor shows.
        kind: index of its kind; -1 where unknown, implanted, or no tumor.
        sequence: index into :data:`SEQUENCE_NAMES`; -1 where unknown or changed.
        stripped: 1, 0, or -1 where unknown.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.float32]
    masked: bool
    whole: bool
    tumor: bool
    kind: int
    sequence: int
    stripped: int


class Draws:
    """Draws from a pool as a recipe says.

    Args:
        pool: prepared slices.
        recipe: sampling and synthesis.

    Raises:
        ValueError: the pool has no slice with, or none without a tumor.
    """

    def __init__(self, pool: Pool, recipe: ReaderRecipe) -> None:
        self.pool, self.recipe = pool, recipe
        tumor = np.array([one.record.is_tumor for one in pool.items])
        self.tumor, self.free = np.flatnonzero(tumor), np.flatnonzero(~tumor)
        if not len(self.tumor) or not len(self.free):
            raise ValueError("a reader learns from slices with and without a tumor, and one of them is missing")
        weights = stratum_weights(pool, recipe)
        self.tumor_chances = _chances(weights[self.tumor])
        self.free_chances = _chances(weights[self.free])
        sizes = pool.masks.reshape(len(pool), -1).sum(axis=1) if len(pool) else np.zeros(0)
        self.donors = np.flatnonzero(tumor & pool.masked & ~pool.whole & (sizes >= 20))
        self.donor_chances = _chances(weights[self.donors]) if len(self.donors) else np.zeros(0)
        self.partners = _partners(pool)
        synthesis = recipe.synthesis
        self.augmentation = Augmentation(affine=synthesis.affine, intensity=synthesis.intensity)

    def draw(self, epoch: int, number: int) -> Draw:
        """Decide about draw ``number`` of an epoch."""
        rng = np.random.default_rng([self.recipe.seed, epoch, number])
        synthesis = self.recipe.synthesis
        chance, place, donor_place, shaper_place, mixes, share = rng.uniform(size=6)
        if chance < self.recipe.sampling.tumor:
            index = _pick(self.tumor, self.tumor_chances, place)
        else:
            index = _pick(self.free, self.free_chances, place)
        implant = synthesis.implant.sample(rng)
        if self.pool.items[index].record.is_tumor or not len(self.donors):
            implant = None
        shaper = donor = _pick(self.donors, self.donor_chances, shaper_place) if len(self.donors) else index
        if implant is not None and not implant.lesion:
            donor = _pick(self.free, self.free_chances, donor_place)
        partners = self.partners.get(index, ())
        blend = None
        if partners and mixes < self.recipe.sampling.mixed:
            blend = partners[int(mixes / self.recipe.sampling.mixed * len(partners))]
        stripping = synthesis.stripping.sample(rng, self.pool.items[index].record.stripped)
        contrast = synthesis.contrast.sample(rng)
        turns, picture = synthesis.picture.sample(rng)
        return Draw(
            index,
            implant,
            donor,
            shaper,
            blend,
            0.2 + 0.6 * float(share),
            stripping,
            contrast,
            turns,
            self.augmentation.sample(rng),
            picture,
        )

    def picture(self, draw: Draw, size: int) -> Drawn:
        """Make the picture of a draw, ``size`` pixels a side."""
        record = self.pool.items[draw.index].record
        image = self._image(draw.index)
        mask = self.pool.masks[draw.index].astype(np.float32)
        masked, whole, tumor = bool(self.pool.masked[draw.index]), bool(self.pool.whole[draw.index]), record.is_tumor
        kind = self.recipe.kind_index(str(record.label)) if tumor else UNKNOWN
        if draw.blend is not None:
            image = (1 - np.float32(draw.share)) * image + np.float32(draw.share) * self._image(draw.blend)
            mask = np.maximum(mask, self.pool.masks[draw.blend].astype(np.float32))
        if draw.implant is not None:
            shape = self.pool.masks[draw.shaper].astype(np.float32)
            made = draw.implant.apply(image, self._image(draw.donor), shape)
            if made is not None:
                image = made[0]
                if draw.implant.lesion:
                    mask, tumor = made[1], True
        if draw.stripping is not None:
            moved, changed = draw.stripping.apply(image, mask)
            image, mask = moved, mask if changed is None else changed
        if draw.contrast is not None:
            image = self._remapped(image, mask, draw.contrast, hidden=tumor and not masked)
        if draw.turns:
            image, mask = (np.ascontiguousarray(np.rot90(one, draw.turns)) for one in (image, mask))
        if image.shape[0] != size:
            image, mask = resize(image, size, size), (resize(mask, size, size) > 0.5).astype(np.float32)
        image, moved_mask = draw.sample.apply(image, mask)
        assert moved_mask is not None
        image, moved_mask = draw.picture.apply(image, moved_mask)
        assert moved_mask is not None
        return Drawn(image, moved_mask, masked, whole, tumor, kind, self._sequence(draw), self._stripped(draw))

    def _remapped(
        self, image: NDArray[np.float32], mask: NDArray[np.float32], curve: ContrastMap, *, hidden: bool
    ) -> NDArray[np.float32]:
        """The image under a curve, unless that hides its tumor: where the mask is unknown, only a rising curve may."""
        if hidden:
            return curve.apply(image) if curve.is_rising else image
        changed = curve.apply(image)
        if not mask.any():
            return changed
        before, after = (visibility(one, mask, one) for one in (image, changed))
        return changed if after >= min(LEAST_VISIBLE, 0.5 * before) else image

    def _image(self, index: int) -> NDArray[np.float32]:
        return np.asarray(self.pool.images[index], dtype=np.float32) / np.float32(255)

    def _sequence(self, draw: Draw) -> int:
        sequence = self.pool.items[draw.index].record.sequence
        if draw.contrast is not None or draw.blend is not None or sequence not in SEQUENCE_NAMES:
            return UNKNOWN
        return SEQUENCE_NAMES.index(sequence)

    def _stripped(self, draw: Draw) -> int:
        if draw.stripping is not None:
            return int(not draw.stripping.add)
        stripped = self.pool.items[draw.index].record.stripped
        return UNKNOWN if stripped is None else int(stripped)


def stratum_weights(pool: Pool, recipe: ReaderRecipe) -> NDArray[np.float64]:
    """Weight of every slice: that of its stratum, shared by its slices."""
    names = [one.stratum for one in pool.items]
    counts = Counter(names)
    factors = {name: recipe.sampling.factor(name) * counts[name] ** (recipe.sampling.power - 1.0) for name in counts}
    weights = np.array([factors[name] for name in names], dtype=np.float64)
    return balanced_looks(pool, weights) if recipe.sampling.balance_looks else weights


def balanced_looks(pool: Pool, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that draw every look (sequence and stripping) as often without a tumor as with one, as far as they can.

    A look that is drawn with tumors mostly would stand for one. The tumor-free slices of a look are drawn up to
    :data:`MOST` times as often, or as seldom.
    """
    looks = np.array([f"{one.record.sequence or 'unknown'} {one.record.stripped}" for one in pool.items])
    tumor = np.array([one.record.is_tumor for one in pool.items])
    shown, free = weights[tumor].sum(), weights[~tumor].sum()
    balanced = weights.copy()
    for look in np.unique(looks):
        mine = looks == look
        with_tumor, without = weights[mine & tumor].sum() / shown, weights[mine & ~tumor].sum() / free
        if with_tumor and without:
            balanced[mine & ~tumor] *= np.clip(with_tumor / without, 1 / MOST, MOST)
    return balanced


def _chances(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.cumsum(weights)
    return np.asarray(total / total[-1], dtype=np.float64)


def _pick(indices: NDArray[np.intp], chances: NDArray[np.float64], place: float) -> int:
    return int(indices[min(len(indices) - 1, int(np.searchsorted(chances, place, side="right")))])


def _partners(pool: Pool) -> dict[int, tuple[int, ...]]:
    """For every slice of a collection whose sequences lie on one grid, its other sequences at the same place."""
    places: dict[tuple[str, int], list[int]] = {}
    for index, item in enumerate(pool.items):
        record = item.record
        if item.collection == "brats" and record.group and record.slice_index is not None:
            places.setdefault((record.group, record.slice_index), []).append(index)
    return {
        one: tuple(other for other in group if other != one)
        for group in places.values()
        if len(group) > 1
        for one in group
    }
