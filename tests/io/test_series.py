from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid
from scan_files import SECRET, dicom_bytes, dicom_dataset, ramp

from tumorlens.errors import InputError, LimitError, UnreadableFileError
from tumorlens.io import read_scan
from tumorlens.io.request import ReadRequest
from tumorlens.io.series import LeftOut, read_series, series_digest, series_in

STORED = ramp(64, 64, np.uint16) // 16
TURNS = {"axial": [1, 0, 0, 0, 1, 0], "sagittal": [0, 1, 0, 0, 0, -1], "coronal": [1, 0, 0, 0, 0, -1]}


def write(folder: Path, places: list[float], plane: str = "axial", **elements: object) -> list[Path]:
    """Files of a series whose slices lie at these places; the value of the first pixel tells the file."""
    folder.mkdir(exist_ok=True)
    uid = elements.pop("SeriesInstanceUID", generate_uid())
    normal = np.cross(TURNS[plane][:3], TURNS[plane][3:])
    paths = []
    for number, place in enumerate(places):
        pixels = STORED.copy()
        pixels[0, 0] = 1000 + number
        dataset = dicom_dataset(
            pixels,
            SeriesInstanceUID=uid,
            InstanceNumber=number + 1,
            PixelSpacing=[1.5, 1.25],
            ImageOrientationPatient=TURNS[plane],
            ImagePositionPatient=(normal * place).tolist(),
            **elements,
        )
        paths.append(folder / f"{plane}-{len(list(folder.iterdir())):03}.dcm")
        paths[-1].write_bytes(dicom_bytes(dataset))
    return paths


@pytest.mark.parametrize("plane", TURNS)
def test_slices_are_sorted_along_their_normal(tmp_path: Path, plane: str) -> None:
    scan = read_series(write(tmp_path, [8.0, 0.0, 4.0, 12.0], plane))
    firsts = [int(one[0, 0]) - 1000 for one in scan.pixels]
    assert firsts in ([1, 2, 0, 3], [3, 0, 2, 1])
    assert (scan.shape, scan.spacing_mm, scan.plane) == ((4, 64, 64), (1.5, 1.25), plane)
    assert (scan.slice_mm, scan.warnings) == (pytest.approx(4.0), ())
    assert np.array_equal(scan.pixels[0, 1:], STORED[1:])
    for index, first in enumerate(firsts):
        place = scan.affine @ [index, 0, 0, 1]  # type: ignore[operator]
        normal = np.cross(TURNS[plane][:3], TURNS[plane][3:]) * [-1, -1, 1]
        assert place[:3] == pytest.approx(normal * [8.0, 0.0, 4.0, 12.0][first], abs=1e-6)


@pytest.mark.parametrize(
    ("places", "words", "slices"),
    [
        ([0, 3, 6, 12], r"1 slice\(s\) are missing", 4),
        ([0, 3, 7, 12], "3 to 5 mm apart and not evenly", 4),
        ([0, 3, 3, 6, 9], r"1 frame\(s\) lie at the place of another", 4),
    ],
)
def test_gaps_doubles_and_uneven_steps_are_said(tmp_path: Path, places: list[float], words: str, slices: int) -> None:
    scan = read_series(write(tmp_path, places))
    assert len(scan.pixels) == slices
    assert any(re.search(words, warning) for warning in scan.warnings)


def test_echoes_at_the_same_places_are_volumes(tmp_path: Path) -> None:
    uid = generate_uid()
    paths = write(tmp_path, [0, 3, 6], SeriesInstanceUID=uid, EchoTime=90)
    paths += write(tmp_path, [0, 3, 6], SeriesInstanceUID=uid, EchoTime=15)
    scan = read_series(paths)
    assert (len(scan.pixels), "2 volumes" in scan.warnings[0]) == (3, True)
    assert read_series(paths, ReadRequest(volume=1)).warnings == ()


def test_a_mixed_folder_is_told_apart(tmp_path: Path) -> None:
    uid = generate_uid()
    paths = write(tmp_path, [0, 3, 6], SeriesInstanceUID=uid, SeriesNumber=4)
    paths += write(tmp_path, [0, 3], "sagittal", SeriesInstanceUID=uid, SeriesNumber=4)
    paths += write(tmp_path, [0, 3, 6, 9], SeriesNumber=7)
    paths += write(tmp_path, [0], SeriesNumber=8)
    (tmp_path / "note.dcm").write_text("no scan")
    found = series_in([*reversed(paths), tmp_path / "note.dcm"])
    assert sorted((one.name.rpartition("-")[0], len(one.files)) for one in found) == [
        ("series-4", 2),
        ("series-4", 3),
        ("series-7", 4),
    ]


def test_a_name_is_the_same_wherever_the_files_lie_and_says_nothing_of_the_patient(tmp_path: Path) -> None:
    uid = "1.2.826.0.1.3680043.8.498.1"
    (here,) = series_in(write(tmp_path / "a", [0, 3, 6], SeriesInstanceUID=uid, SeriesNumber=4))
    paths = write(tmp_path / "b", [0, 3], SeriesInstanceUID=uid, SeriesNumber=4)
    paths += write(tmp_path / "c", [6], SeriesInstanceUID=uid, SeriesNumber=4)
    (there,) = series_in(paths)
    assert re.fullmatch("series-4-[0-9a-f]{8}", here.name)
    assert (there.name, len(there.files)) == (here.name, 3)
    others = [write(tmp_path / name, [0, 3], SeriesInstanceUID=uid, PatientID=name) for name in "de"]
    names = [one.name for one in series_in([*others[0], *others[1]])]
    assert len(names) == len(set(names)) == 2


def test_files_that_cannot_be_read_are_left_out_with_their_reason(tmp_path: Path) -> None:
    paths = write(tmp_path, [0, 3, 6, 9, 12])
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    paths[4].write_bytes(paths[4].read_bytes()[:200])
    lost: LeftOut = []
    scan = read_series([*paths, tmp_path / "gone.dcm"], left_out=lost)
    assert [int(one[0, 0]) - 1000 for one in scan.pixels] in ([0, 1, 3], [3, 1, 0])
    assert [path for path, _ in lost] == [paths[2], paths[4], tmp_path / "gone.dcm"]
    assert sum("of the 6 files of this series were left out" in warning for warning in scan.warnings) >= 2
    assert any("1 slice(s) are missing" in warning for warning in scan.warnings)
    assert not any(str(tmp_path) in warning or SECRET in warning for warning in scan.warnings)
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(UnreadableFileError, match="empty"):
        read_series(paths)


def test_copies_of_a_file_are_left_out(tmp_path: Path) -> None:
    paths = write(tmp_path, [0, 3, 6])
    for index, path in enumerate(list(paths)):
        paths.append(tmp_path / f"copy-{index}.dcm")
        paths[-1].write_bytes(path.read_bytes())
    scan = read_series(paths)
    assert (len(scan.pixels), scan.warnings) == (
        3,
        ("3 file(s) are copies of others of this series, and were left out.",),
    )


def test_the_digest_is_that_of_the_scan_whatever_the_names(tmp_path: Path) -> None:
    paths = write(tmp_path, [0, 3, 6])
    digest = read_series(paths).source.sha256
    assert digest == series_digest(paths) == series_digest(reversed(paths))
    paths[0].rename(tmp_path / "z.dcm")
    assert series_digest([*paths[1:], tmp_path / "z.dcm"]) == digest
    assert series_digest(paths) != digest


def test_what_cannot_be_one_scan_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, [0, 3])
    with pytest.raises(LimitError, match="--memory"):
        read_series(paths, ReadRequest(memory=5000))
    other = tmp_path / "nowhere.dcm"
    other.write_bytes(dicom_bytes(dicom_dataset(STORED)))
    with pytest.raises(InputError, match="where it lies"):
        read_series([other])
    assert any("does not say where it lies" in warning for warning in read_series([*paths, other]).warnings)


def test_a_folder_of_one_series_is_a_scan_and_of_several_is_not(tmp_path: Path) -> None:
    write(tmp_path / "one", [0, 3, 6])
    (tmp_path / "one" / "DICOMDIR").write_bytes(b"x")
    assert read_scan(tmp_path / "one").shape == (3, 64, 64)
    write(tmp_path / "one", [0, 3])
    with pytest.raises(InputError, match="holds 2 DICOM series"):
        read_scan(tmp_path / "one")
