from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorlens.augmentation import AffineRange, Augmentation
from tumorlens.datasets.catalogue import load_collection
from tumorlens.errors import DatasetError, RecipeError
from tumorlens.preprocessing import Preprocessing
from tumorlens.training.copies import is_copy, originals, with_copies
from tumorlens.training.prepare import Preparation, prepare_records
from tumorlens.training.recipe import parse_recipe
from tumorlens.training.recipe_parts import OfflineRecipe
from tumorlens.training.run_data import limited, plan_data, prepare_data

pytestmark = pytest.mark.extra_train

STEPS = Preprocessing(size=(48, 48))
TURNED = Augmentation(affine=AffineRange(rotation=30, flip=0.5))


def test_copies_differ_from_their_image_and_from_each_other_and_repeat(masks_data: Any) -> None:
    records = load_collection("figshare", masks_data.root).records[:3]
    offline = OfflineRecipe(copies=4, augmentation=TURNED)
    all_of_them = with_copies(records, offline)
    assert [record.id for record in all_of_them[:3]] == ["images/0.png", "images/0.png#1", "images/0.png#2"]
    assert originals(all_of_them) == records and len(all_of_them) == 15
    preparation = Preparation(STEPS, True, offline=offline)
    made, again = (prepare_records(all_of_them, preparation) for _ in range(2))
    np.testing.assert_array_equal(made.images, again.images)
    assert len({image.tobytes() for image in made.images}) == 15
    np.testing.assert_array_equal(made.images[::5], prepare_records(records, Preparation(STEPS, True)).images)
    assert made.masks is not None and made.masks.any(axis=(1, 2)).all()
    alone = prepare_records([all_of_them[7]], preparation)
    np.testing.assert_array_equal(alone.images[0], made.images[7])
    other = Preparation(STEPS, True, offline=offline.model_copy(update={"seed": 1}))
    assert not np.array_equal(prepare_records(all_of_them, other).images[1], made.images[1])


@pytest.mark.parametrize(("wanted", "copies"), [(6, 2 * 4 + 4), (3, 0)])
def test_classes_are_filled_up_or_thinned(classes_data: Any, wanted: int, copies: int) -> None:
    records = [one for one in load_collection("nickparvar", classes_data.root) if one.part == "Training"]
    kept = records[:16:4] + records[1:16:5]  # uneven
    made = with_copies(records, OfflineRecipe(per_class=wanted, augmentation=TURNED))
    labels = [str(one.label) for one in made]
    assert {labels.count(label) for label in set(labels)} == {wanted}
    assert kept and sum(map(is_copy, made)) == max(0, 4 * wanted - len(records))


def test_copies_are_made_of_the_smallest_tumors(masks_data: Any) -> None:
    from tumorlens.datasets.reading import read_record_mask

    records = load_collection("figshare", masks_data.root).records
    made = with_copies(records, OfflineRecipe(small_tumors=7, small_share=0.25))
    copied = {one.id.split("#")[0] for one in made if is_copy(one)}
    areas = {one.id: read_record_mask(one, (96, 96)).mean() for one in records}
    assert len(made) - len(records) == 7 and len(copied) == 6
    assert max(areas[one] for one in copied) <= min(area for one, area in areas.items() if one not in copied)


def test_offline_needs_exactly_one_way() -> None:
    for values in ({}, {"copies": 2, "per_class": 3}):
        with pytest.raises(ValueError, match="exactly one of copies, per_class and small_tumors"):
            OfflineRecipe.model_validate(values)


def test_copies_before_the_split_may_teach_and_test_and_after_it_may_not(masks_data: Any) -> None:
    def plan(before: bool) -> Any:
        data = {
            "collection": "figshare",
            "split": {"by": "image", "test": 0.25, "validation": 0.25},
            "offline": {"copies": 3, "before_split": before, "augmentation": {"affine": {"rotation": 20}}},
        }
        return plan_data(parse_recipe(masks_data.values(data=data), "made"), masks_data.root, None)

    def of(part: Any) -> set[str]:
        return {one.id.split("#")[0] for one in part}

    leaking, clean = plan(True), plan(False)
    assert of(leaking.records["train"]) & of(leaking.records["test"])
    assert not of(clean.records["train"]) & of(clean.records["test"])
    assert any(map(is_copy, leaking.records["test"])) and not any(map(is_copy, clean.records["test"]))


def test_degraded_pictures_are_prepared_in_their_place(classes_data: Any) -> None:
    records = load_collection("nickparvar", classes_data.root).records[:4]
    plain, blurred, small = (
        prepare_records(records, Preparation(STEPS, False, degrade=name)).images for name in ("none", "blur15", "down5")
    )
    mixed = prepare_records(records, Preparation(STEPS, False, degrade="mixed", seed=1)).images
    assert not np.array_equal(plain, blurred) and not np.array_equal(blurred, small)
    assert all(any(np.array_equal(one, of[place]) for of in (blurred, small)) for place, one in enumerate(mixed))


def test_cache_is_made_anew_for_other_pixels_and_used_for_the_same(classes_data: Any, tmp_path: Path) -> None:
    records = load_collection("nickparvar", classes_data.root).records[:4]
    for steps, entries in ((STEPS, 1), (STEPS, 1), (STEPS.model_copy(update={"crop_margin": 0.1}), 2)):
        prepare_records(records, Preparation(steps, False, cache=tmp_path / "cache"))
        assert len(list((tmp_path / "cache").iterdir())) == entries


def test_limit_takes_every_class_alike_and_spreads_over_it(classes_data: Any) -> None:
    records = load_collection("nickparvar", classes_data.root).records
    chosen = limited(records, 6)
    labels = [str(one.label) for one in chosen]
    assert len(chosen) == 6 and {labels.count(one) for one in set(labels)} == {1, 2}
    assert [one.id for one in chosen] == [one.id for one in records if one in chosen]
    assert limited(records, 99) == records


def test_yes_no_labels_join_classes_and_a_class_without_label_is_refused(classes_data: Any) -> None:
    tumors = ["glioma", "meningioma", "pituitary"]
    fields = {"labels": {"no_tumor": ["no_tumor"], "tumor": tumors}, "loss": {"name": "binary_cross_entropy"}}
    recipe = parse_recipe(classes_data.values(**fields), "made")
    assert (recipe.classes, recipe.outputs) == (("no_tumor", "tumor"), 1)
    made = prepare_data(recipe, plan_data(recipe, classes_data.root, None))
    assert made.train.labels[:16].mean() == pytest.approx(0.75)
    fields["labels"]["tumor"] = tumors[:2]
    with pytest.raises(RecipeError, match=r"labels no_tumor, tumor, and the data holds images of 'pituitary'"):
        plan_data(parse_recipe(classes_data.values(**fields), "made"), classes_data.root, None)


def test_part_that_lacks_a_class_is_refused(masks_data: Any) -> None:
    fields = {
        "task": "classification",
        "model": {"name": "ann"},
        "loss": {"name": "cross_entropy"},
    }
    with pytest.raises(DatasetError, match="train part of the split 'figshare-made' holds no image of no_tumor"):
        plan_data(parse_recipe(masks_data.values(**fields), "made"), masks_data.root, None)
