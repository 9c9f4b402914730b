from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scan_files import ramp, write_cjdata

from tumorlens.errors import InputError, UnreadableFileError
from tumorlens.io import read_cjdata, read_scan

IMAGE = ramp(dtype=np.int16)


def test_scan_has_the_image_and_nothing_of_the_patient(tmp_path: Path) -> None:
    scan = read_scan(write_cjdata(tmp_path / "1.mat", IMAGE, pid="MR040241B"))
    assert np.array_equal(scan.slice().pixels, IMAGE)
    assert (scan.spacing_mm, scan.modality, scan.source.format) == (None, "MR", "matlab")
    assert "MR040241B" not in repr(scan)


def test_all_fields(tmp_path: Path) -> None:
    mask = np.zeros(IMAGE.shape, np.uint8)
    mask[3:6, 10:20] = 1
    record = read_cjdata(write_cjdata(tmp_path / "1.mat", IMAGE, pid="100360", label=3.0, mask=mask))
    assert (record.label, record.pid) == (3, "100360")
    assert np.array_equal(record.image, IMAGE)
    assert np.array_equal(record.tumor_mask, mask.astype(bool))
    assert record.tumor_border.tolist() == [[10, 20], [30, 40]]


def test_other_hdf5_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = IMAGE
    with pytest.raises(UnreadableFileError, match="without the figshare struct 'cjdata'"):
        read_scan(tmp_path / "other.h5")
    with h5py.File(tmp_path / "half.mat", "w") as file:
        file.create_group("cjdata")["label"] = 1
    with pytest.raises(UnreadableFileError, match="no field 'image'"):
        read_scan(tmp_path / "half.mat")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    write_cjdata(tmp_path / "target.mat", IMAGE)
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file["cjdata"] = h5py.ExternalLink(str(tmp_path / "target.mat"), "/cjdata")
    with pytest.raises(UnreadableFileError, match="without the figshare struct"):
        read_scan(tmp_path / "link.mat")


def test_truncated_file(tmp_path: Path) -> None:
    path = write_cjdata(tmp_path / "1.mat", IMAGE)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(UnreadableFileError, match="truncated"):
        read_scan(path)


def test_not_matlab_and_constant(tmp_path: Path) -> None:
    (tmp_path / "5.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b" " * 600)
    for reader in (read_scan, read_cjdata):
        with pytest.raises(UnreadableFileError, match=r"-v7\.3"):
            reader(tmp_path / "5.mat")
    with pytest.raises(InputError, match="same value"):
        read_scan(write_cjdata(tmp_path / "1.mat", np.full((20, 20), 3, np.int16)))
    with pytest.raises(UnreadableFileError, match="does not exist"):
        read_cjdata(tmp_path / "none.mat")
    with pytest.raises(UnreadableFileError, match="must be alike"):
        read_cjdata(write_cjdata(tmp_path / "2.mat", IMAGE, mask=np.zeros((20, 20), np.uint8)))
