from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tumorlens.audit.items import list_items, natural_key
from tumorlens.errors import DatasetError

pytestmark = pytest.mark.extra_eval


def test_parts_classes_and_natural_order(faulty: Path) -> None:
    listing = list_items(faulty)
    assert (listing.train, listing.test, listing.name, len(listing)) == ("Training", "Testing", "faulty", 64)
    names = [item.id for item in listing.items if item.part == "Training" and item.label == "glioma"]
    assert names[:3] == ["Training/glioma/image(0).png", "Training/glioma/image(4).png", "Training/glioma/image(8).png"]
    assert {item.label for item in listing.items} == {"glioma", "meningioma", "pituitary", "no_tumor"}


def test_named_parts_are_the_only_ones(faulty: Path) -> None:
    listing = list_items(faulty, "Testing", "Training")
    assert (listing.train, listing.test) == ("Testing", "Training") and len(listing) == 64


@pytest.mark.parametrize(
    ("train", "test", "words"), [("Trainin", None, "there are: Testing, Training"), ("Training", "Training", "two")]
)
def test_wrong_parts(faulty: Path, train: str, test: str | None, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        list_items(faulty, train, test)


def test_plain_folder_masks_and_foreign_files(tmp_path: Path, write: Callable[..., None]) -> None:
    for name in ("b.png", "a.png", "a_mask.png", "masks/c.png", ".hidden/d.png"):
        write(tmp_path / name, np.zeros((8, 8), np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    assert [(item.id, item.label, item.part) for item in list_items(tmp_path).items] == [
        ("a.png", "", ""),
        ("b.png", "", ""),
    ]


def test_nothing_to_audit(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no image below"):
        list_items(tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        list_items(tmp_path / "missing")


def test_natural_key_counts() -> None:
    names = ["p (10).jpg", "p (9).jpg", "image.jpg", "9.jpg", "10.jpg"]
    assert sorted(names, key=natural_key) == ["9.jpg", "10.jpg", "image.jpg", "p (9).jpg", "p (10).jpg"]
