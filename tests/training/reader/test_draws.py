from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tumorlens.augmentation.contrast import ContrastMap
from tumorlens.errors import DatasetError
from tumorlens.training.reader.data import DrawnPictures
from tumorlens.training.reader.draws import Draws, balanced_looks, stratum_weights
from tumorlens.training.reader.pool import Pool, divide, limited, prepare_pool, with_phantoms
from tumorlens.training.reader.recipe import ReaderRecipe, SourceRecipe

pytestmark = pytest.mark.extra_train


@pytest.fixture(scope="module")
def pool(collections: Path, recipe: ReaderRecipe) -> Pool:
    return prepare_pool(divide(recipe, collections)[0], recipe)


@pytest.fixture(scope="module")
def draws(pool: Pool, recipe: ReaderRecipe) -> Draws:
    return Draws(pool, recipe)


def test_people_are_on_one_side(collections: Path, recipe: ReaderRecipe) -> None:
    train, validation = divide(recipe, collections)
    assert train and validation
    assert not {one.person for one in train} & {one.person for one in validation}
    assert [one.record.id for one in divide(recipe, collections)[0]] == [one.record.id for one in train]


def test_what_is_left_out_is_in_no_part(collections: Path, recipe: ReaderRecipe) -> None:
    sources = (SourceRecipe(collection="brats", leave_out=("*/flair/*",)), SourceRecipe(collection="more"))
    train, validation = divide(recipe.model_copy(update={"sources": sources}), collections)
    brats = [one for one in (*train, *validation) if one.collection == "brats"]
    assert brats and {one.record.sequence for one in brats} == {"t1c"}
    nothing = (SourceRecipe(collection="brats", leave_out=("*",)),)
    with pytest.raises(DatasetError, match="leave nothing"):
        divide(recipe.model_copy(update={"sources": nothing}), collections)


def test_slices_beside_a_tumor_do_not_teach_that_there_is_none(collections: Path, recipe: ReaderRecipe) -> None:
    sampling = recipe.sampling.model_copy(update={"near": 5})
    wide = recipe.model_copy(update={"sampling": sampling})
    brats = [one.record for one in divide(wide, collections)[0] if one.collection == "brats"]
    assert brats and all(one.is_tumor for one in brats)


def test_masks_are_known_where_there_is_no_tumor(pool: Pool) -> None:
    for at, item in enumerate(pool.items):
        assert pool.masked[at]
        assert bool(pool.masks[at].any()) == item.record.is_tumor


def test_the_cache_gives_the_same_pool(collections: Path, recipe: ReaderRecipe, pool: Pool, tmp_path: Path) -> None:
    items = divide(recipe, collections)[0]
    for _ in range(2):
        kept = prepare_pool(items, recipe, cache=tmp_path)
        assert np.array_equal(kept.images, pool.images) and np.array_equal(kept.masks, pool.masks)


def test_a_seed_gives_the_same_batch_and_another_epoch_another(draws: Draws) -> None:
    pictures = DrawnPictures(draws)
    keys = [(0, number) for number in range(6)]
    first, second = pictures.__getitems__(keys), pictures.__getitems__(keys)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    other = pictures.__getitems__([(1, number) for number in range(6)])
    assert not np.array_equal(first["image"], other["image"])


def test_lesions_keep_their_mask_and_controls_have_none(draws: Draws) -> None:
    seen = {True: 0, False: 0}
    for number in range(150):
        draw = draws.draw(0, number)
        if draw.implant is None:
            continue
        made = draws.picture(draw, 64)
        seen[draw.implant.lesion] += 1
        assert made.kind == -1
        if not draw.implant.lesion:
            assert not made.tumor and not made.mask.any()
        elif made.tumor:
            assert made.masked
    assert min(seen.values()) > 3


def test_implants_go_into_tumor_free_slices_alone(draws: Draws) -> None:
    for number in range(150):
        draw = draws.draw(2, number)
        if draw.implant is not None:
            assert not draws.pool.items[draw.index].record.is_tumor


def test_every_source_is_drawn_with_and_without_a_tumor_if_it_has_both(draws: Draws) -> None:
    drawn: dict[str, set[bool]] = {}
    for number in range(300):
        draw = draws.draw(0, number)
        shown = draws.picture(draw, 64).tumor
        drawn.setdefault(draws.pool.items[draw.index].collection, set()).add(shown)
    assert drawn == {"brats": {True, False}, "more": {True, False}, "healthy": {True, False}}


def test_what_changes_the_look_hides_the_sequence(draws: Draws) -> None:
    for number in range(100):
        draw = draws.draw(0, number)
        made = draws.picture(draw, 64)
        if draw.contrast is not None or draw.blend is not None:
            assert made.sequence == -1
        if draw.stripping is not None:
            assert made.stripped == int(not draw.stripping.add)


def test_strata_weigh_by_the_root_of_their_size(pool: Pool, recipe: ReaderRecipe) -> None:
    weights = stratum_weights(pool, recipe)
    names = np.array([one.stratum for one in pool.items])
    for name in set(names):
        assert weights[names == name].sum() == pytest.approx((names == name).sum() ** 0.5)


def test_a_pool_of_one_side_is_refused(pool: Pool, recipe: ReaderRecipe) -> None:
    kept = [at for at, one in enumerate(pool.items) if not one.record.is_tumor]
    one_sided = Pool(
        tuple(pool.items[at] for at in kept), pool.images[kept], pool.masks[kept], pool.masked[kept], pool.whole[kept]
    )
    with pytest.raises(ValueError, match="with and without"):
        Draws(one_sided, recipe)


def test_made_heads_join_with_their_masks(pool: Pool, recipe: ReaderRecipe) -> None:
    joined = with_phantoms(pool, recipe)
    assert len(joined) == len(pool) + 4
    assert [bool(one.any()) for one in joined.masks[-4:]] == [True, True, True, False]


def test_a_limit_spreads_over_strata(pool: Pool) -> None:
    items = list(pool.items)
    kept = limited(items, 1)
    assert len(kept) == len({one.stratum for one in items}) and limited(items, None) == items


def test_balanced_looks_are_drawn_alike_with_and_without_a_tumor(pool: Pool) -> None:
    weights = np.array([3.0 if one.record.is_tumor else 1.0 for one in pool.items])
    weights[[at for at, one in enumerate(pool.items) if one.record.sequence == "t2"]] *= 2
    balanced = balanced_looks(pool, weights)
    tumor = np.array([one.record.is_tumor for one in pool.items])
    assert np.array_equal(balanced[tumor], weights[tumor])
    looks = np.array([f"{one.record.sequence} {one.record.stripped}" for one in pool.items])
    shares = {
        look: balanced[(looks == look) & tumor].sum() / balanced[(looks == look) & ~tumor].sum()
        for look in set(looks)
        if tumor[looks == look].any()
    }
    assert max(shares.values()) == pytest.approx(min(shares.values()))


def test_a_curve_may_not_hide_a_known_tumor(draws: Draws) -> None:
    flat = ContrastMap((0.5, 0.5, 0.5))
    index = next(at for at, one in enumerate(draws.pool.items) if one.record.is_tumor and draws.pool.masks[at].any())
    number = next(at for at in range(400) if draws.draw(0, at).index == index and draws.draw(0, at).implant is None)
    draw = replace(draws.draw(0, number), stripping=None, blend=None, turns=0, contrast=flat)
    plain = replace(draw, contrast=None)
    assert np.array_equal(draws.picture(draw, 64).image, draws.picture(plain, 64).image)
