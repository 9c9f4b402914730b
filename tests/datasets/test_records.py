from pathlib import Path

import pytest

from tumorlens.datasets.records import Collection, Record
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass


def collection() -> Collection:
    parts = ("Training", "Training", "Testing")
    records = tuple(
        Record(f"{part}/{index}.png", Path(f"{index}.png"), TumorClass.GLIOMA, part) for index, part in enumerate(parts)
    )
    return Collection("made", Path("root"), records)


def test_collection_is_iterated_in_order_and_divided_by_part() -> None:
    made = collection()
    assert len(made) == 3
    assert [one.id for one in made] == ["Training/0.png", "Training/1.png", "Testing/2.png"]
    assert [one.id for one in made.part("Training")] == ["Training/0.png", "Training/1.png"]
    assert made.part("Validation") == ()


def test_select_keeps_the_order_asked_for() -> None:
    chosen = collection().select(["Testing/2.png", "Training/0.png"])
    assert [one.id for one in chosen] == ["Testing/2.png", "Training/0.png"]


def test_select_counts_and_names_what_is_missing() -> None:
    with pytest.raises(DatasetError, match=r"2 of 3 images .* missing below root, the first being a\.png.*'made'"):
        collection().select(["a.png", "Training/0.png", "b.png"])
