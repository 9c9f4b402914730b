from pathlib import Path

import h5py
import numpy as np
import pytest

from tumorlens.datasets.catalogue import load_collection
from tumorlens.datasets.faults import Fault
from tumorlens.datasets.figshare import group_of_pid, load_figshare
from tumorlens.datasets.reading import content_hash, grey_picture, read_record, read_record_mask
from tumorlens.errors import DatasetError
from tumorlens.labels import TumorClass


def mat(path: Path, label: int = 1, pid: str = "100360", side: int = 64) -> Path:
    """A file as MATLAB writes it: 512 bytes of its own, then HDF5 with every matrix transposed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.arange(side * side, dtype=np.int16).reshape(side, side)
    mask = np.zeros((side, side), np.uint8)
    mask[10:20, 30:34] = 1
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("cjdata")
        group["label"] = np.array([[float(label)]])
        group["PID"] = np.array([[ord(one)] for one in pid], np.uint16)
        group["image"], group["tumorMask"] = image.T, mask.T
        group["tumorBorder"] = np.array([[30.0, 10.0, 33.0, 19.0]])
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: made".ljust(124) + b"\x00\x02IM")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, label, pid in ((10, 2, "A1"), (9, 1, "A1"), (700, 3, "MR055"), (2, 1, "7")):
        mat(tmp_path / f"brainTumorDataPublic_{number // 100}" / f"{number}.mat", label, pid)
    (tmp_path / "cvind.mat").write_bytes(b"no record")
    return tmp_path


def test_published_files_come_by_number_with_label_and_patient(root: Path) -> None:
    made = load_figshare(root)
    assert [record.path.name for record in made] == ["2.mat", "9.mat", "10.mat", "700.mat"]
    labels = [record.label for record in made]
    assert labels == [TumorClass.MENINGIOMA, TumorClass.MENINGIOMA, TumorClass.GLIOMA, TumorClass.PITUITARY]
    groups = [record.group for record in made]
    assert groups[1] == groups[2] and len(set(groups)) == 3
    assert made.records[3].id == "brainTumorDataPublic_7/700.mat"
    assert load_collection("figshare", root).records == made.records


def test_the_patient_id_gets_nowhere(root: Path) -> None:
    assert "MR055" not in repr(load_figshare(root))
    assert group_of_pid("MR055") == group_of_pid("MR055") != group_of_pid("MR056")


def test_image_and_mask_are_read_upright(root: Path) -> None:
    record = load_figshare(root).records[0]
    scan = read_record(record)
    np.testing.assert_array_equal(scan.pixels[0, :3], [0, 1, 2])
    mask = read_record_mask(record, scan.shape)
    assert mask.sum() == 40 and mask[10, 30] and not mask[30, 10]
    assert grey_picture(record).max() == 255
    with pytest.raises(DatasetError, match=r"has shape \(64, 64\), and its image has shape \(32, 32\)"):
        read_record_mask(record, (32, 32))


def test_spacing_is_stated_for_the_published_size_alone(tmp_path: Path) -> None:
    mat(tmp_path / "1.mat", side=512)
    mat(tmp_path / "2.mat", side=256)
    large, small = load_figshare(tmp_path)
    assert read_record(large).spacing_mm == (0.49, 0.49)
    assert small.spacing_mm is None and read_record(small).spacing_mm is None


def test_damaged_files_and_odd_labels_are_named(root: Path) -> None:
    mat(root / "3.mat", label=4)
    (root / "4.mat").write_bytes(b"MATLAB 7.3 MAT-file and no more")
    faults: list[Fault] = []
    assert len(load_figshare(root, faults.append)) == 4
    assert [(one.kind, one.path) for one in faults] == [("bad table", "3.mat"), ("unreadable image", "4.mat")]
    with pytest.raises(DatasetError, match=r"3\.mat has the label 4; known are 1, 2 and 3"):
        load_figshare(root)


def test_content_decides_the_hash(root: Path) -> None:
    made = load_figshare(root)
    before = content_hash(made, with_masks=True)
    assert before == content_hash(load_figshare(root), with_masks=True)
    assert before != content_hash(made.records[1:], with_masks=True)
    mat(made.records[0].path, pid="other")
    assert content_hash(load_figshare(root), with_masks=True) != before


def test_folder_with_neither_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cvind.mat").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"no metadata\.csv in .*no numbered \.mat file"):
        load_figshare(tmp_path)
