from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.datasets.check import CheckReport, check_collection
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass
from tumorlens.phantoms import random_phantom

HEADER = "image,mask,label,group,pixel_spacing_mm\n"


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four heads with their masks in the figshare layout, of two patients."""
    rows = []
    for index in range(4):
        label = (TumorClass.GLIOMA, TumorClass.MENINGIOMA)[index % 2]
        phantom = random_phantom(np.random.default_rng(index), label, 96)
        save(tmp_path / "images" / f"{index}.png", phantom.pixels.astype(np.uint8))
        save(tmp_path / "masks" / f"{index}.png", phantom.mask.astype(np.uint8) * 255)
        rows.append(f"{index}.png,{index}.png,{label},g{index // 2},0.98\n")
    (tmp_path / "metadata.csv").write_text(HEADER + "".join(rows))
    return tmp_path


def kinds(report: CheckReport) -> list[tuple[str, str]]:
    return [(fault.kind, fault.path) for fault in report.faults]


def test_whole_collection_has_counts_and_no_fault(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = check_collection("figshare", root, lambda done, total: seen.append((done, total)))
    assert report.faults == [] and report.bad_crops == []
    assert (report.images, report.groups) == (4, 2)
    assert report.parts == {"": {"glioma": 2, "meningioma": 2}}
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_other_counts_than_published_fail_only_where_strict(root: Path) -> None:
    report = check_collection("figshare", root)
    assert report.passes(strict=False) and not report.passes(strict=True)
    assert "Images in all: 4, published 3,064 (-3,060)." in report.differences
    assert "Groups (patients): 2, published 233 (-231)." in report.differences
    assert "Images of pituitary: 0, published 930 (-930)." in report.differences


def test_every_kind_of_fault_is_found_in_one_go(root: Path) -> None:
    save(root / "masks" / "0.png", np.zeros((96, 96), np.uint8))
    save(root / "masks" / "1.png", np.full((90, 96), 255, np.uint8))
    (root / "masks" / "2.png").write_bytes(b"broken")
    (root / "images" / "3.png").write_bytes(b"broken")
    save(root / "masks" / "77.png", np.zeros((96, 96), np.uint8))
    with (root / "metadata.csv").open("a") as table:
        table.write("8.png,8.png,glioma,g9,0.98\n3.png,3.png,lymphoma,g9,0.98\n3.png,3.png,glioma,g9,nan\n")
    report = check_collection("figshare", root)
    assert sorted(kinds(report)) == [
        ("bad table", "images/3.png"),
        ("bad table", "images/3.png"),
        ("empty mask", "images/0.png"),
        ("mask without image", "images/8.png"),
        ("mask without image", "masks/77.png"),
        ("shape mismatch", "images/1.png"),
        ("unreadable image", "images/3.png"),
        ("unreadable mask", "images/2.png"),
    ]
    assert not report.passes(strict=False)
    assert all(fault.sentence.endswith(".") and "\n" not in fault.sentence for fault in report.faults)


def test_image_whose_mask_is_missing(root: Path) -> None:
    (root / "masks" / "1.png").unlink()
    assert kinds(check_collection("figshare", root)) == [("image without mask", "images/1.png")]


def test_bad_crops_and_imbalance_are_notes(tmp_path: Path) -> None:
    for index in range(5):
        label = TumorClass.GLIOMA if index else TumorClass.NO_TUMOR
        pixels = random_phantom(np.random.default_rng(index), label, 96).pixels.astype(np.uint8)
        save(tmp_path / ("glioma" if index else "no") / f"{index}.png", pixels)
    speck = np.zeros((96, 96), np.uint8)
    speck[10:13, 10:13] = 255
    save(tmp_path / "glioma" / "speck.png", speck)
    report = check_collection("folders", tmp_path)
    assert report.bad_crops == ["glioma/speck.png"] and report.passes(strict=True)
    assert any("5.0 times the images of the smallest" in note for note in report.notes)
    assert any("In 1 of 6 images (16.7%) no head can be found" in note for note in report.notes)


def test_unknown_class_folders_are_faults(tmp_path: Path) -> None:
    for name in ("glioma/1.png", "lymphoma/1.png"):
        save(tmp_path / name, random_phantom(np.random.default_rng(1), TumorClass.GLIOMA, 96).pixels.astype(np.uint8))
    assert kinds(check_collection("folders", tmp_path)) == [("unknown folder", "lymphoma")]


def test_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder TCGA_"):
        check_collection("lgg", tmp_path)
