import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection, recognize
from tumorlens.datasets.faults import Fault
from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.errors import DatasetError

COLUMNS = ["image", "mask", "patient", "sequence", "slice", "tumor_px", "core_px", "pixel_spacing_mm"]


def write(root: Path, rows: list[dict[str, Any]], more: bool = False) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    names = [*COLUMNS, "collection", "licence"] if more else COLUMNS
    with (root / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            picture = np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            if row["tumor_px"]:
                mask[4:8, 4:8], mask[8:12, 4:8] = 2, 4
            cv2.imwrite(str(root / "images" / row["image"]), picture)
            cv2.imwrite(str(root / "masks" / row["mask"]), mask)
            writer.writerow(row)
    return root


def row(number: int, **changes: Any) -> dict[str, Any]:
    values = {
        "image": f"{number}.png",
        "mask": f"m{number}.png",
        "patient": "p1",
        "sequence": "t1ce",
        "slice": number,
        "tumor_px": 32,
        "core_px": 16,
        "pixel_spacing_mm": "1.0",
        "collection": "TCGA-GBM (TCIA)",
        "licence": "CC BY 3.0",
    }
    return {**values, **changes}


def test_brats_has_the_core_on_t1_with_contrast_and_the_whole_tumor_elsewhere(tmp_path: Path) -> None:
    rows = [row(1), row(2, sequence="flair"), row(3, core_px=0), row(4, tumor_px=0, core_px=0)]
    root = write(tmp_path / "brats-slices", rows)
    assert recognize(root) == "brats"
    core, whole, edema, free = load_collection("brats", tmp_path)
    assert (core.sequence, core.group, core.slice_index, core.stripped, core.label) == ("t1c", "p1", 1, True, "glioma")
    areas = [int(read_record_mask(one, read_record(one).pixels.shape[-2:]).sum()) for one in (core, whole, edema)]
    assert areas == [16, 32, 32]
    assert free.label == "no_tumor" and core.spacing_mm == (1.0, 1.0)


def test_more_says_of_each_slice_where_it_comes_from(tmp_path: Path) -> None:
    rows = [
        row(1, sequence="t1c"),
        row(2, collection="Pretreat-MetsToBrain-Masks (TCIA)", sequence="t2", pixel_spacing_mm=""),
        row(3, collection="M4Raw 0.3 T (Zenodo)", patient="", tumor_px=0, sequence="t1", slice=""),
        row(4, collection="Aphasia (OpenNeuro), skull removed here", tumor_px=0, sequence="pd"),
    ]
    root = write(tmp_path / "more-slices", rows, more=True)
    assert recognize(root) == "more"
    first, second, third, fourth = load_collection("more", root)
    assert (first.label, first.source, first.licence) == ("glioma", "TCGA-GBM (TCIA)", "CC BY 3.0")
    assert (second.label, second.spacing_mm, second.stripped) == ("tumor", None, True)
    assert (third.group, third.slice_index) == ("M4Raw 0.3 T (Zenodo)", None)
    assert (fourth.stripped, fourth.sequence) == (True, "pd")


def test_a_missing_file_is_said_and_left_out_where_faults_are_gathered(tmp_path: Path) -> None:
    root = write(tmp_path, [row(1), row(2)])
    (root / "images" / "2.png").unlink()
    with pytest.raises(DatasetError, match=r"2\.png is named"):
        load_collection("brats", root)
    faults: list[Fault] = []
    assert len(load_collection("brats", root, faults.append)) == 1 and faults[0].kind == "missing file"


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("image,mask\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the column patient"):
        load_collection("more", tmp_path)
    with pytest.raises(DatasetError, match="cannot be opened"):
        load_collection("brats", tmp_path / "none")


def test_pictures_without_a_table_are_known_by_their_names(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8)
    for folder, name in (("ms", "patient01_study2_T1W_ax12.jpg"), ("healthy", "NonDemented_non7.jpg")):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / name), picture)
        assert recognize(tmp_path / folder) == folder
    (one,) = load_collection("ms", tmp_path / "ms")
    assert (one.group, one.sequence, one.slice_index, one.label) == ("patient01", "t1", 12, "no_tumor")
    (other,) = load_collection("healthy", tmp_path / "healthy")
    assert (other.stripped, other.sequence) == (True, "t1")
    for name in ("ms", "healthy"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DatasetError, match="There is no picture"):
            load_collection(name, tmp_path / "empty")


@pytest.mark.data
@pytest.mark.parametrize(("name", "slices"), [("brats", 1772), ("more", 2270), ("healthy", 400), ("ms", 86)])
def test_the_real_collections(real_data: Callable[[str], Path], name: str, slices: int) -> None:
    root = real_data(f"{name}-slices")
    assert recognize(root) == name
    assert len(load_collection(name, root)) == slices
