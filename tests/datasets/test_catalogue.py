from collections.abc import Callable
from pathlib import Path

import pytest

from tumorlens.datasets.catalogue import CATALOGUE, Entry, load_collection, recognize
from tumorlens.errors import DatasetError

NICKPARVAR = ("glioma", "meningioma", "notumor", "pituitary")
SLICES = ("brats", "more", "healthy", "ms")
SARTAJ = ("glioma_tumor", "meningioma_tumor", "no_tumor", "pituitary_tumor")


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda one: one.name)
def test_every_entry_says_what_it_is_and_whom_to_cite(entry: Entry) -> None:
    assert CATALOGUE[entry.name] is entry
    assert entry.licence and entry.title and entry.folder and entry.layout
    if entry.name == "folders":
        assert entry.published is None and entry.kaggle is None and entry.figshare is None
        return
    if entry.name in SLICES:
        assert entry.published is None and entry.citation
        return
    assert entry.url.startswith("https://")
    assert "doi:" in entry.citation
    assert entry.published is not None
    assert sum(entry.published.images.values()) == sum(entry.published.classes.values())
    assert (entry.kaggle is None) != (entry.figshare is None)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("TCGA_A_1_2/x.tif",), "lgg"),
        (("kaggle_3m/TCGA_A_1_2/x.tif",), "lgg"),
        (("metadata.csv",), "figshare"),
        (("part/12.mat",), "figshare"),
        ([f"{part}/{label}/1.png" for part in ("Training", "Testing") for label in NICKPARVAR], "nickparvar"),
        ([f"{part}/{label}/1.png" for part in ("Training", "Testing") for label in SARTAJ], "sartaj"),
        ([f"{part}/{label}/1.png" for part in ("train", "test") for label in NICKPARVAR], "folders"),
        (("yes/1.png", "no/1.png"), "folders"),
    ],
)
def test_a_layout_is_recognized(tmp_path: Path, names: tuple[str, ...], expected: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert recognize(tmp_path) == expected


def test_a_folder_of_several_collections_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "lgg").mkdir()
    (tmp_path / "nickparvar-224").mkdir()
    with pytest.raises(DatasetError, match=r"holds several collections \(nickparvar, lgg\): pass the folder of one"):
        recognize(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "folder", "images", "groups"),
    [
        ("nickparvar", "nickparvar-224", {"Training": 5708, "Testing": 1311}, None),
        ("sartaj", "sartaj-256", {"Training": 2870, "Testing": 394}, None),
        ("figshare", "figshare-256", {"": 2477}, 185),
        ("lgg", "lgg-256", {"": 2625}, 72),
    ],
)
def test_reduced_copies_are_read_whole(
    real_data: Callable[[str], Path], name: str, folder: str, images: dict[str, int], groups: int | None
) -> None:
    root = real_data(folder)
    assert recognize(root) == name
    collection = load_collection(name, root.parent)
    assert {part: len(collection.part(part)) for part in images} == images
    assert len(collection) == sum(images.values()) == len({record.id for record in collection})
    found = {record.group for record in collection if record.group is not None}
    assert len(found) == (groups or 0)
    if name == "lgg":
        assert sum(record.is_tumor for record in collection) == 908


@pytest.mark.parametrize("inner", ["", "nickparvar-224"])
def test_root_is_the_collection_or_holds_it(tmp_path: Path, inner: str) -> None:
    folder = tmp_path / inner / "Training" / "glioma"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"")
    made = load_collection("nickparvar", tmp_path)
    assert made.name == "nickparvar"
    assert [one.id for one in made] == ["Training/glioma/1.png"]


def test_unknown_collection_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'abide' is not known; known are nickparvar, sartaj, figshare"):
        load_collection("abide", tmp_path)
