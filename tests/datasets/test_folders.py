from pathlib import Path

import pytest

from tumorlens.datasets.faults import Fault
from tumorlens.datasets.folders import load_folders
from tumorlens.errors import DatasetError
from tumorlens.labels import CLASSES, FOLDER_ALIASES, TumorClass, UnknownTumor


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def test_parts_and_class_folders_are_read_in_a_fixed_order(tmp_path: Path) -> None:
    make(tmp_path, "Testing/notumor/1.png", "Training/pituitary/b.JPG", "Training/pituitary/a.jpg", "Training/x.txt")
    made = load_folders("nickparvar", tmp_path)
    assert [one.id for one in made] == ["Training/pituitary/a.jpg", "Training/pituitary/b.JPG", "Testing/notumor/1.png"]
    assert [one.label for one in made] == [TumorClass.PITUITARY, TumorClass.PITUITARY, TumorClass.NO_TUMOR]
    assert [one.part for one in made] == ["Training", "Training", "Testing"]
    assert all(one.path.is_file() and one.mask is None and one.group is None for one in made)


def test_class_folders_without_parts_are_read(tmp_path: Path) -> None:
    made = load_folders("any", make(tmp_path, "glioma/1.png", "meningioma/1.png"))
    assert [(one.id, one.part) for one in made] == [("glioma/1.png", ""), ("meningioma/1.png", "")]


@pytest.mark.parametrize(("alias", "label"), sorted(FOLDER_ALIASES.items()))
def test_every_alias_is_a_class_folder(tmp_path: Path, alias: str, label: TumorClass) -> None:
    (record,) = load_folders("any", make(tmp_path, f"{alias.replace('_', ' ').title()}/1.png"))
    assert record.label is label


def test_other_files_are_left_out(tmp_path: Path) -> None:
    made = load_folders("any", make(tmp_path, "glioma/1.png", "glioma/Thumbs.db", "glioma/readme.md"))
    assert [one.id for one in made] == ["glioma/1.png"]


def test_unknown_class_folder_lists_the_known_ones(tmp_path: Path) -> None:
    make(tmp_path, "glioma/1.png", "lymphoma/1.png")
    with pytest.raises(DatasetError, match=r"'lymphoma'.*not known.*glioma_tumor.*notumor.*pituitary_tumor"):
        load_folders("any", tmp_path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"There is no folder .*nowhere"):
        load_folders("any", tmp_path / "nowhere")


def test_folder_without_images_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no image below"):
        load_folders("any", make(tmp_path, "glioma/readme.md"))


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("TRAIN", "Testing"), ("training", "val")])
def test_parts_go_by_their_published_names(tmp_path: Path, train: str, test: str) -> None:
    made = load_folders("any", make(tmp_path, f"{train}/glioma/1.png", f"{test}/no/1.png"))
    assert [one.part for one in made] == ["Training", "Validation" if test == "val" else "Testing"]
    assert next(iter(made)).id == f"{train}/glioma/1.png"


def test_yes_and_no_are_a_tumor_of_unknown_type_and_none(tmp_path: Path) -> None:
    no, yes = load_folders("br35h", make(tmp_path, "yes/y1.jpg", "no/n1.jpg"))
    assert (no.label, no.is_tumor) == (TumorClass.NO_TUMOR, False)
    assert (yes.label, yes.is_tumor) == (UnknownTumor.TUMOR, True)
    assert yes.label not in CLASSES and yes.label.title_text == "Tumor of unknown type"


def test_folders_that_an_archive_wraps_around_are_passed_through(tmp_path: Path) -> None:
    made = load_folders("any", make(tmp_path, "archive/dataset/train/glioma/1.png", "__MACOSX/x/y.png", ".git/a/b"))
    assert [one.id for one in made] == ["train/glioma/1.png"]


def test_a_folder_beside_the_parts_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "train/glioma/1.png", "extra/glioma/1.png")
    with pytest.raises(DatasetError, match=r"'extra' in .* stands beside parts but is none of test, .*: move it away"):
        load_folders("any", tmp_path)


def test_faults_can_be_gathered(tmp_path: Path) -> None:
    faults: list[Fault] = []
    made = load_folders("any", make(tmp_path, "glioma/1.png", "lymphoma/1.png", "glyoma/1.png"), faults.append)
    assert [one.id for one in made] == ["glioma/1.png"]
    assert [(one.kind, one.path) for one in faults] == [("unknown folder", "glyoma"), ("unknown folder", "lymphoma")]
