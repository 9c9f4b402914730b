import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.labels import CLASSES
from tumorlens.phantoms import random_phantom

NOTICE = "Research use, not a medical device."


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three heads of each class in class folders, within two parts."""
    root = tmp_path / "mine"
    for index in range(24):
        label = CLASSES[index % 4]
        path = (
            root / ("test" if index < 8 else "train") / ("notumor" if label == "no_tumor" else label) / f"{index}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random_phantom(np.random.default_rng(index), label, 96).pixels.astype(np.uint8)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return root


def test_list_names_every_collection_with_its_licence_and_page(call: Callable) -> None:
    result = call("data", "list")
    assert result.code == 0 and NOTICE in result.out
    for text in (
        "nickparvar",
        "5,712 Training + 1,311 Testing",
        "3,064 of 233 patients",
        "CC-BY-NC-SA-4.0",
        "kaggle_3m",
    ):
        assert text in result.out


def test_list_as_json_is_one_document(call: Callable) -> None:
    document = json.loads(call("data", "list", "--json").out)
    names = ["nickparvar", "sartaj", "figshare", "lgg", "brats", "more", "healthy", "ms", "folders"]
    assert [one["name"] for one in document] == names
    assert document[3]["published"]["groups"] == 110


def test_help_lists_the_subcommands_and_the_notice(call: Callable) -> None:
    result = call("data", "--help")
    assert result.code == 0
    for text in ("list", "get", "check", "show", "tumorlens data get figshare datasets", NOTICE):
        assert text in result.out
    assert "List, fetch, check and show" in call("--help").out


def test_check_counts_and_passes(call: Callable, folders: Path) -> None:
    result = call("data", "check", folders)
    assert result.code == 0
    assert "folders: 24 images." in result.out and "No fault." in result.out and NOTICE in result.out
    assert "Training" in result.out and "Testing" in result.out


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_check_of_broken_images_ends_with_1_and_writes_all(
    call: Callable, folders: Path, tmp_path: Path, suffix: str
) -> None:
    for number in (9, 13):
        (folders / "train" / "meningioma" / f"{number}.png").write_bytes(b"broken")
    out = tmp_path / "new" / f"faults{suffix}"
    result = call("data", "check", folders, "--out", out)
    assert result.code == 1
    assert "Fault: unreadable image: " in result.out and "2 faults." in result.out
    if suffix == ".json":
        document = json.loads(out.read_text())
        assert [one["path"] for one in document["faults"]] == ["train/meningioma/13.png", "train/meningioma/9.png"]
        assert document["parts"]["Training"]["glioma"] == 4
    else:
        rows = list(csv.DictReader(out.open()))
        assert [row["kind"] for row in rows] == ["unreadable image"] * 2


def test_strict_makes_other_counts_a_fault(call: Callable, folders: Path) -> None:
    assert call("data", "check", folders, "--collection", "nickparvar").code == 0
    strict = call("data", "check", folders, "--collection", "nickparvar", "--strict")
    assert strict.code == 1 and "Fault: Images of part Training: 16, published 5,712" in strict.out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("check", "nowhere"), 1, "There is no folder nowhere: pass the folder that holds a collection."),
        (("check", ".", "--out", "x.txt"), 2, "give the name of a .json or .csv file"),
        (("check", ".", "--collection", "bratz"), 1, "The collection 'bratz' is not known; known are nickparvar"),
        (("get", "bratz", "data"), 1, "The collection 'bratz' is not known; known are nickparvar"),
        (("get", "brats", "data"), 1, "The collection 'brats' is not published anywhere: those to get are nickparvar"),
        (("get", "folders", "data"), 1, "not published anywhere"),
    ],
)
def test_errors_are_one_line(
    call: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("data", *arguments)
    assert result.code == code
    assert sentence in result.err and len(result.err.splitlines()) == 1


def test_get_from_a_closed_network_names_page_and_folder(
    call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    result = call("data", "get", "figshare", tmp_path / "data")
    assert result.code == 1 and len(result.err.splitlines()) == 1
    assert (
        "cannot be reached from this machine; to fetch 'figshare' by hand, download it from https://fig" in result.err
    )
    assert str(tmp_path / "data" / "figshare") in result.err


@pytest.mark.extra_eval
def test_show_draws_what_there_is_and_says_what_not(call: Callable, folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    result = call("data", "show", folders, "--out", out)
    assert result.code == 0 and NOTICE in result.out
    names = {path.name for path in out.iterdir()}
    assert names >= {"examples.png", "class-counts.png", "t-sne.png"} and "masks.png" not in names
    assert "Left out bad-crops.png: In each of 24 pictures a head can be found" in result.out
    rows = list(csv.DictReader((out / "images.csv").open()))
    assert len(rows) == 24 and rows[0]["image"].endswith(".png") and rows[0]["mask"] == ""
    assert {row["tumor"] for row in rows if row["label"] == "no_tumor"} == {"0"}
    assert "Left out masks.png: No image has a mask" in result.out
    assert ("augmented.png" in names) or "needs the train extra" in result.out
    for path in out.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None and picture.std() > 10


@pytest.mark.extra_train
def test_show_of_a_recipe_draws_its_parts_and_what_it_makes_of_pictures(
    call: Callable, folders: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        """
        name: mine
        title: Made
        task: classification
        data:
          collection: folders
          split: {by: image, test: 0.25, validation: 0.25, stratified: true}
          offline: {per_class: 9, augmentation: {affine: {rotation: 20}}}
        preprocessing: {size: [64, 64], intensities: [0, 255]}
        augmentation: {elastic: {alpha: [5, 5], sigma: 2, per_channel: true}}
        model: {name: ann}
        loss: {name: cross_entropy}
        epochs: 1
        batch_size: 4
        """
    )
    out = tmp_path / "pictures"
    result = call("data", "show", folders, "--recipe", recipe, "--out", out)
    assert result.code == 0 and NOTICE in result.out
    assert {path.name for path in out.iterdir()} == {
        "class-counts.png",
        "augmented.png",
        "copies.png",
        "t-sne-balancing.png",
    }
    other = call("data", "show", folders, "--recipe", "c-unet.published", "--out", tmp_path / "x")
    assert other.code == 1 and len(other.err.splitlines()) == 1
    both = call("data", "show", folders, "--recipe", recipe, "--split", "x", "--out", tmp_path / "x")
    assert both.code == 2 and "leave out --collection and --split" in both.err
