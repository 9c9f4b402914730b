from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.faults import Fault
from tumorlens.datasets.lgg import FLAIR, load_lgg, patient_ages
from tumorlens.datasets.reading import read_record, read_record_mask
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass

PATIENTS = {"TCGA_CS_0001_19990101": 12, "TCGA_DU_0002_20000202": 3}
TABLE = "Patient,gender,age_at_initial_pathologic\nTCGA_CS_0001,2,67\nTCGA_DU_0002,1,\nTCGA_DU_0003,1,30\n"


def tif(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".tif", picture)[1].tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Slices whose red, green and blue are 10, 20 + slice and 30; even slices have a tumor."""
    for patient, slices in PATIENTS.items():
        for number in range(1, slices + 1):
            stem = tmp_path / "kaggle_3m" / patient / f"{patient}_{number}"
            picture = np.zeros((32, 40, 3), np.uint8)
            picture[:, :] = (30, 20 + number, 10)
            picture[8:24, 8:24] += 100
            mask = np.zeros((32, 40), np.uint8)
            mask[10:14, 10:14] = 255 * (number % 2 == 0)
            tif(stem.with_name(stem.name + ".tif"), picture)
            tif(stem.with_name(stem.name + "_mask.tif"), mask)
    (tmp_path / "kaggle_3m" / "data.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("below", ["", "kaggle_3m"])
def test_slices_come_by_patient_and_number(root: Path, below: str) -> None:
    made = load_lgg(root / below)
    assert len(made) == 15
    first = [record for record in made if record.group == "TCGA_CS_0001_19990101"]
    names = [record.id.rsplit("_", 1)[1] for record in first]
    assert names == [f"{number}.tif" for number in range(1, 13)]
    assert made.records[0].id == "TCGA_CS_0001_19990101/TCGA_CS_0001_19990101_1.tif"
    expected = [TumorClass.NO_TUMOR, TumorClass.GLIOMA] * 6
    assert [record.label for record in first] == expected
    assert all(record.channel == FLAIR and record.spacing_mm is None for record in made)


def test_the_picture_is_the_flair_channel(root: Path) -> None:
    record = load_lgg(root).records[4]
    scan = read_record(record)
    assert scan.spacing_mm is None
    assert np.unique(scan.pixels).tolist() == [25, 125]
    mask = read_record_mask(record, scan.shape)
    assert mask.dtype == np.bool_ and not mask.any()
    assert read_record_mask(load_lgg(root).records[5], scan.shape).sum() == 16


def test_image_without_mask_and_mask_without_image_are_named(root: Path) -> None:
    folder = root / "kaggle_3m" / "TCGA_DU_0002_20000202"
    (folder / "TCGA_DU_0002_20000202_1_mask.tif").unlink()
    (folder / "TCGA_DU_0002_20000202_2.tif").unlink()
    faults: list[Fault] = []
    assert len(load_lgg(root, faults.append)) == 13
    assert {(one.kind, one.path.rsplit("/")[1]) for one in faults} == {
        ("image without mask", "TCGA_DU_0002_20000202_1.tif"),
        ("mask without image", "TCGA_DU_0002_20000202_2_mask.tif"),
    }
    with pytest.raises(DatasetError, match=r"has no image beside it|has no mask"):
        load_lgg(root)


@pytest.mark.parametrize("content", [b"", b"II*\0 not a picture"])
def test_unreadable_mask_is_named(root: Path, content: bytes) -> None:
    (root / "kaggle_3m/TCGA_DU_0002_20000202/TCGA_DU_0002_20000202_3_mask.tif").write_bytes(content)
    with pytest.raises(DatasetError, match=r"The mask .*_3_mask\.tif cannot be read"):
        load_lgg(root)


def test_folder_without_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"There is no folder TCGA_\* in .* or its kaggle_3m"):
        load_lgg(tmp_path)
    (tmp_path / "TCGA_AA_1_2").mkdir()
    with pytest.raises(DatasetError, match="There is no slice"):
        load_lgg(tmp_path)


def test_ages_are_those_of_the_patients_here(root: Path) -> None:
    made = load_lgg(root)
    assert patient_ages(made) == {"TCGA_CS_0001_19990101": 67}
    (made.root / "data.csv").write_text("Patient,age\nTCGA_CS_0001,67\n")
    with pytest.raises(DatasetError, match="must have the columns Patient and age_at_initial_pathologic"):
        patient_ages(made)
    (made.root / "data.csv").unlink()
    with pytest.raises(DatasetError, match=r"data\.csv cannot be opened"):
        patient_ages(made)


@pytest.mark.data
def test_real_slices_have_the_published_form(real_data: Callable[[str], Path]) -> None:
    made = load_collection("lgg", real_data("lgg-256"))
    assert len(patient_ages(made)) > 60
    for record in made.records[::500]:
        scan = read_record(record)
        assert scan.shape == (256, 256)
        assert read_record_mask(record, scan.shape).any() == record.is_tumor
