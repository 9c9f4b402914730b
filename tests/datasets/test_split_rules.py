import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.records import Collection, Record
from tumorlens.datasets.split_rules import SplitRule, make_split
from tumorlens.datasets.splits import Split, load_split
from tumorlens.errors import DatasetError
from tumorlens.labels import CLASSES, TumorClass
from tumorlens.phantoms import random_phantom

PARTS = ("train", "validation", "test", "left_out")


def collection(
    count: int = 400, groups: int | None = None, testing: float = 0.25, classes: int = 4, name: str = "made"
) -> Collection:
    records = []
    for index in range(count):
        part = "Testing" if index % 100 < testing * 100 else "Training"
        group = None if groups is None else f"g{index * groups // count:03d}"
        label = CLASSES[(index // 7) % classes]
        records.append(Record(f"{part}/{label}/{index}.png", Path("none.png"), label, part, group))
    return Collection(name, Path("root"), tuple(records))


def shares(split: Split, total: int) -> tuple[float, ...]:
    return tuple(len(getattr(split, part)) / total for part in PARTS)


def test_random_split_is_stratified_and_whole() -> None:
    made = collection()
    split = make_split(made, SplitRule(test=0.2, validation=0.25, seed=28))
    assert shares(split, 400) == pytest.approx((0.6, 0.2, 0.2, 0), abs=0.01)
    labels = {record.id: record.label for record in made}
    for part in ("train", "validation", "test"):
        counts = Counter(labels[one] for one in getattr(split, part))
        whole = Counter(labels.values())
        for label, count in counts.items():
            assert count == pytest.approx(whole[label] * len(getattr(split, part)) / 400, abs=1)


def test_published_test_part_stands_and_the_rest_is_divided() -> None:
    made = collection()
    split = make_split(made, SplitRule(test="Testing", validation=0.2))
    assert split.test == tuple(record.id for record in made.part("Testing"))
    assert len(split.validation) == 60 and len(split.train) == 240


def test_validation_may_be_the_test_part_and_says_so() -> None:
    split = make_split(collection(), SplitRule(test=0.3, validation="test"))
    assert split.validation == split.test and split.validation_is_test
    assert len(split.train) == 400 - len(split.test)
    assert "Validation: the test part itself." in split.method


def test_parts_may_not_overlap_without_that_rule() -> None:
    with pytest.raises(DatasetError, match="names an image twice"):
        Split("made", "any", "by hand", ("a",), ("b",), ("b",))
    with pytest.raises(DatasetError, match="names an image twice"):
        Split("made", "any", "by hand", ("a",), ("b",), ("b", "c"), rule={"validation": "test"})


def test_half_of_the_published_test_part_validates() -> None:
    made = collection()
    split = make_split(made, SplitRule(test="Testing", validation="half_of_test", seed=42))
    assert {*split.validation, *split.test} == {record.id for record in made.part("Testing")}
    assert len(split.validation) == pytest.approx(50, abs=2)
    assert len(split.train) == 300


def test_only_parts_in_use_are_divided() -> None:
    made = collection()
    split = make_split(made, SplitRule(use_parts=("Training",), validation=0.1))
    assert not split.test and not split.left_out
    assert {*split.train, *split.validation} == {record.id for record in made.part("Training")}


def test_kept_shares_are_those_of_generators_with_a_validation_split() -> None:
    made = collection(1000)
    split = make_split(
        made, SplitRule(test=0.1, validation=0.2, keep_train=0.85, keep_validation=0.15, stratified=False)
    )
    assert (len(split.test), len(split.train), len(split.validation)) == (100, 612, 27)
    assert len(split.left_out) == 1000 - 100 - 612 - 27


def test_groups_of_test_images_are_left_out_of_a_published_division() -> None:
    records = [
        Record(
            f"{index}", Path("none"), CLASSES[index % 2], "Testing" if index % 10 == 0 else "Training", f"{index // 4}"
        )
        for index in range(200)
    ]
    made = Collection("made", Path("root"), tuple(records))
    rule = SplitRule(by="group", test="Testing", validation=0.2)
    with pytest.raises(DatasetError, match="test part of 'made' would hold no image of meningioma"):
        make_split(made, rule)
    records = [Record(one.id, one.path, CLASSES[int(one.id) // 10 % 2], one.part, one.group) for one in records]
    split = make_split(Collection("made", Path("root"), tuple(records)), rule)
    group = {record.id: record.group for record in records}
    tested = {group[one] for one in split.test}
    assert not tested & {group[one] for one in (*split.train, *split.validation)}
    assert {group[one] for one in split.left_out} <= tested


@settings(max_examples=60)
@given(
    count=st.integers(120, 400),
    groups=st.integers(30, 60),
    by=st.sampled_from(["image", "group"]),
    test=st.sampled_from([0.1, 0.25, 0.4]),
    validation=st.sampled_from([0.15, 0.3, "test", "half_of_test"]),
    seed=st.integers(0, 2**32),
    stratified=st.booleans(),
)
def test_properties(
    count: int, groups: int, by: str, test: float, validation: float | str, seed: int, stratified: bool
) -> None:
    made = collection(count, groups, classes=2)
    rule = SplitRule.model_validate(
        {"by": by, "test": test, "validation": validation, "seed": seed, "stratified": stratified}
    )
    try:
        split = make_split(made, rule)
    except DatasetError as error:
        assert "would hold no image of" in str(error) and not (stratified and by == "image")
        return
    ids = {record.id for record in made}
    parts = [split.train, split.test] + ([] if validation == "test" else [split.validation])
    assert sum(map(len, parts)) == count and set().union(*parts) == ids
    largest = 1.0 if by == "image" else max(Counter(record.group for record in made).values())
    slack = 2 * largest + 2
    tested = count * test * (0.5 if validation == "half_of_test" else 1)
    assert len(split.test) == pytest.approx(tested, abs=slack)
    if isinstance(validation, float):
        assert len(split.validation) == pytest.approx((count - len(split.test)) * validation, abs=slack)
    if by == "group":
        group = {record.id: record.group for record in made}
        found = [{group[one] for one in part} for part in parts]
        assert sum(map(len, found)) == len(set().union(*found))
    shuffled = Collection(made.name, made.root, tuple(reversed(made.records)))
    assert {part: set(getattr(make_split(shuffled, rule), part)) for part in PARTS} == {
        part: set(getattr(split, part)) for part in PARTS
    }


def test_seeds_differ_and_a_seed_repeats_to_the_hash() -> None:
    made = collection()
    first, again, other = (make_split(made, SplitRule(test=0.2, seed=seed)) for seed in (1, 1, 2))
    assert first.sha256 == again.sha256 != other.sha256
    assert set(first.test) != set(other.test)


def test_split_file_keeps_rule_and_hash(tmp_path: Path) -> None:
    for rule in (SplitRule(test=0.2), SplitRule(test=0.2, validation="test", use_parts=("Training",))):
        split = make_split(collection(), rule)
        path = tmp_path / "split.json"
        path.write_text(split.to_json(), encoding="utf-8")
        again = load_split(str(path))
        assert again == split and again.sha256 == split.sha256
        assert SplitRule.model_validate(json.loads(path.read_text())["rule"]) == rule


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"3 groups|hold no image of"):
        make_split(collection(200, 3), SplitRule(by="group", test=0.1, validation=0.1))
    with pytest.raises(DatasetError, match="would be empty: 1 groups are too few"):
        make_split(collection(200, 1), SplitRule(by="group", validation=0.2))


def test_images_without_a_group_cannot_be_split_by_group() -> None:
    with pytest.raises(DatasetError, match=r"400 of 400 images of 'made' belong to no known group.*by cluster"):
        make_split(collection(), SplitRule(by="group"))


def test_a_class_missing_from_a_part_is_refused() -> None:
    records = (*collection(100, classes=2), Record("rare", Path("rare.png"), TumorClass.PITUITARY))
    with pytest.raises(DatasetError, match=r"The validation part of 'made' would hold no image of pituitary"):
        make_split(Collection("made", Path("root"), records), SplitRule(validation=0.2))


@pytest.mark.parametrize("rule", [SplitRule(test="Test"), SplitRule(use_parts=("Training", "Holdout"))])
def test_unknown_part_lists_those_there_are(rule: SplitRule) -> None:
    with pytest.raises(DatasetError, match=r"has no published part '(Test|Holdout)': there are Testing, Training"):
        make_split(collection(), rule)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test": 1.5}, "test 1.5 must be a share"),
        ({"validation": 0.0}, "validation 0.0 must be a share"),
        ({"validation": "test"}, "needs a test part"),
        ({"test": "Testing", "use_parts": ["Training"]}, "is not among use_parts"),
        ({"test": 0.2, "validation": "test", "keep_validation": 0.5}, "keep_validation must be 1"),
        ({"keep_train": 0}, "greater than 0"),
        ({"by": "patient"}, "'image', 'group' or 'cluster'"),
        ({"share": 0.1}, "Extra inputs"),
    ],
)
def test_impossible_rules_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SplitRule.model_validate(fields)


@pytest.fixture
def pictures(tmp_path: Path) -> Collection:
    """Twelve heads, each twice, and one picture without a head for each class."""
    records = []
    for index in range(12):
        label = CLASSES[index % 2]
        pixels = random_phantom(np.random.default_rng(index), label, 96).pixels.astype(np.uint8)
        for copy in ("a", "b"):
            path = tmp_path / f"{index}{copy}.png"
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            records.append(Record(path.name, path, label))
    for index in range(2):
        path = tmp_path / f"bad{index}.png"
        noise = np.zeros((96, 96), np.uint8)
        noise[10 : 14 + index, 20:24] = 255
        path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
        records.append(Record(path.name, path, CLASSES[index]))
    return Collection("made", tmp_path, tuple(records))


def test_near_duplicates_stay_together(pictures: Collection) -> None:
    split = make_split(pictures, SplitRule(by="cluster", test=0.3, validation=0.4, seed=3))
    of = {one: part for part in ("train", "validation", "test") for one in getattr(split, part)}
    assert all(of[f"{index}a.png"] == of[f"{index}b.png"] for index in range(12))


def test_bad_crops_are_set_aside(pictures: Collection) -> None:
    split = make_split(pictures, SplitRule(validation=0.3, set_aside="bad_crops"))
    assert split.left_out == ("bad0.png", "bad1.png")
    assert "whose head cannot be cropped" in split.method


@pytest.mark.data
def test_lgg_is_divided_by_patient(real_data: Callable[[str], Path]) -> None:
    made = load_collection("lgg", real_data("lgg-256"))
    split = make_split(made, SplitRule(by="group", test=0.1, validation=0.2, seed=1))
    groups = [{record.group for record in split.records(made, part)} for part in ("train", "validation", "test")]
    assert sum(map(len, groups)) == 72 and len(set().union(*groups)) == 72
    assert shares(split, len(made)) == pytest.approx((0.72, 0.18, 0.1, 0), abs=0.03)
