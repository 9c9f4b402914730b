import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.similarity import NEAR_DUPLICATE, nearest, thumbnails
from tumorlens.datasets.splits import FOLDER, Split, load_split
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass

SHIPPED = sorted(path.stem for path in FOLDER.glob("*.json"))
HASHES = {
    "figshare-for-reader": "35763a3cb979",
    "figshare-groups": "378a75d89a01",
    "nickparvar-clusters": "4c20ba034f0d",
    "nickparvar-leak-free": "b82615bd57d4",
}
MADE = Split("made", "any", "by hand", ("a", "b"), ("c",), ("d",), ("e",))


@pytest.mark.parametrize(
    "parts", [(("a", "a"), (), ()), (("a",), ("a",), ()), (("a",), (), ("a",)), ((), ("b",), ("b",))]
)
def test_parts_must_be_disjoint(parts: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(DatasetError, match="'made' names an image twice"):
        Split("made", "any", "by hand", *parts)


def test_left_out_images_are_disjoint_from_the_parts_too() -> None:
    with pytest.raises(DatasetError, match="names an image twice"):
        Split("made", "any", "by hand", ("a",), (), (), left_out=("a",))


def test_file_roundtrip_keeps_the_hash(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    path.write_text(MADE.to_json(), encoding="utf-8")
    again = load_split(str(path))
    assert again == MADE
    assert again.sha256 == MADE.sha256


def test_hash_tells_splits_apart() -> None:
    others = (
        Split("made", "any", "by hand", ("b", "a"), ("c",), ("d",), ("e",)),
        Split("made", "any", "by hand", ("a", "b", "e"), ("c",), ("d",)),
        Split("made", "any", "otherwise", ("a", "b"), ("c",), ("d",), ("e",)),
    )
    assert len({MADE.sha256, *(one.sha256 for one in others)}) == 4


def test_records_come_in_the_order_of_the_split() -> None:
    records = tuple(Record(name, Path(name), TumorClass.GLIOMA) for name in "edcba")
    collection = Collection("any", Path("root"), records)
    assert [one.id for one in MADE.records(collection, "train")] == ["a", "b"]
    assert [one.id for one in MADE.records(collection, "test")] == ["d"]
    with pytest.raises(DatasetError, match="1 of 2 images that the split names are missing"):
        MADE.records(Collection("any", Path("root"), records[:-1]), "train")


def test_unknown_split_lists_those_that_ship() -> None:
    with pytest.raises(DatasetError, match=r"no split 'random'; those that ship are .*figshare-groups.*nickparvar"):
        load_split("random")


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"name": "x", "train": 3})])
def test_what_is_no_split_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"bad\.json is not a split file"):
        load_split(str(path))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_split_is_whole_and_named_after_its_file(name: str) -> None:
    split = load_split(name)
    assert split.name == name
    assert split.train and split.validation and split.test
    assert split.to_json() == (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def test_hashes_of_the_shipped_splits_stand() -> None:
    """Published models name these hashes: a change here makes their figures impossible to check."""
    assert {name: load_split(name).sha256[:12] for name in SHIPPED} == HASHES


@pytest.mark.data
@pytest.mark.parametrize(("name", "folder"), [("nickparvar", "nickparvar-224"), ("figshare", "figshare-256")])
def test_shipped_split_divides_the_whole_collection(real_data: Callable[[str], Path], name: str, folder: str) -> None:
    collection = load_collection(name, real_data(folder))
    found = [one for one in map(load_split, SHIPPED) if one.collection == name]
    assert found
    for split in found:
        ids = {*split.train, *split.validation, *split.test, *split.left_out}
        assert ids == {record.id for record in collection}


@pytest.mark.data
def test_nickparvar_test_part_is_the_published_one_and_teaches_nothing(real_data: Callable[[str], Path]) -> None:
    split = load_split("nickparvar-clusters")
    collection = load_collection("nickparvar", real_data("nickparvar-224"))
    assert split.test == tuple(record.id for record in collection.part("Testing"))
    assert {*split.train, *split.validation} == {record.id for record in collection.part("Training")}


def test_the_leak_free_split_takes_its_test_images_from_the_published_ones() -> None:
    whole, free = load_split("nickparvar-clusters"), load_split("nickparvar-leak-free")
    assert len(free.test) == 241
    assert {*free.test, *free.left_out} == set(whole.test)
    assert {*free.train, *free.validation} == {*whole.train, *whole.validation}


@pytest.mark.data
def test_nickparvar_validation_shares_no_near_duplicate_with_training(real_data: Callable[[str], Path]) -> None:
    split = load_split("nickparvar-clusters")
    collection = load_collection("nickparvar", real_data("nickparvar-224"))
    validation, train = (
        thumbnails([record.path for record in split.records(collection, part)]) for part in ("validation", "train")
    )
    assert nearest(validation, train).max() <= NEAR_DUPLICATE


@pytest.mark.data
def test_no_figshare_image_in_use_resembles_a_test_image(real_data: Callable[[str], Path]) -> None:
    split = load_split("figshare-groups")
    collection = load_collection("figshare", real_data("figshare-256"))
    test = thumbnails([record.path for record in split.records(collection, "test")])
    for part in ("train", "validation"):
        found = nearest(thumbnails([record.path for record in split.records(collection, part)]), test)
        assert found.max() <= NEAR_DUPLICATE, part
    left_out = thumbnails([record.path for record in split.records(collection, "left_out")])
    assert nearest(left_out, test).min() > NEAR_DUPLICATE


@pytest.mark.data
def test_figshare_groups_are_not_divided(real_data: Callable[[str], Path]) -> None:
    split = load_split("figshare-groups")
    collection = load_collection("figshare", real_data("figshare-256"))
    groups = {
        part: {record.group for record in split.records(collection, part)} for part in ("train", "validation", "test")
    }
    assert not groups["train"] & groups["validation"]
    assert not (groups["train"] | groups["validation"]) & groups["test"]
