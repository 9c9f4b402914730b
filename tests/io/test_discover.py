from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid
from scan_files import dicom_bytes, dicom_dataset, pillow_bytes, ramp

from tumorlens.errors import InputError, TumorlensError, UsageError
from tumorlens.io import discover, read_scan

PNG = pillow_bytes(ramp(), "PNG")
DICOM = dicom_bytes(dicom_dataset(ramp(dtype=np.uint16)))
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets not everybody make links")


def put(folder: Path, *names: str, content: bytes = PNG) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def names(*inputs: object, **options: object) -> list[str]:
    return [item.name for item in discover([str(given) for given in inputs], **options)]  # type: ignore[arg-type]


def test_file_folder_and_glob(tmp_path: Path) -> None:
    put(tmp_path, "a/b.png", "a/c d/ä.png", "b.png", "a/z.jpg")
    assert names(tmp_path / "a/b.png") == ["b.png"]
    assert names(tmp_path) == ["a/b.png", "a/c d/ä.png", "a/z.jpg", "b.png"]
    assert names(f"{tmp_path}/a/*.png") == ["b.png"]
    assert names(f"{tmp_path}/**/*.png") == ["a/b.png", "a/c d/ä.png", "b.png"]
    assert names(f"{tmp_path}/*/c*") == ["a/c d/ä.png"]
    assert discover([str(tmp_path / "b.png")])[0].path == tmp_path / "b.png"


def test_relative_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/b.png", "c.png")
    monkeypatch.chdir(tmp_path)
    assert names(".") == ["a/b.png", "c.png"]
    assert names("a") == names("a/") == ["b.png"]
    assert names("*/*.png") == ["a/b.png"]
    assert names("*.png", "c.png", tmp_path / "c.png") == ["c.png"]


def test_in_folders_content_or_suffix_decides(tmp_path: Path) -> None:
    put(tmp_path, "IM0001", content=DICOM)
    put(tmp_path, "empty.png", "cut.dcm", content=b"")
    put(tmp_path, "note.png", "README.md", "table.csv", content=b"some text")
    put(tmp_path, ".hidden.png", ".git/x.png", "__MACOSX/x.png", "DICOMDIR", "picture.dat")
    assert names(tmp_path) == ["IM0001", "cut.dcm", "empty.png", "note.png", "picture.dat"]
    # What a user names is taken as it is.
    assert names(tmp_path / "README.md") == ["README.md"]
    assert names(f"{tmp_path}/*.md", tmp_path / "IM0001")[1] == "IM0001"
    assert names(f"{tmp_path}/.hid*") == [".hidden.png"]


def test_name_with_brackets_is_no_glob_if_it_exists(tmp_path: Path) -> None:
    put(tmp_path, "scan[1].png", "scan1.png")
    assert names(tmp_path / "scan[1].png") == ["scan[1].png"]


def test_own_outputs_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "a.png.overlay.png", "a.png.mask.png", "b.mask.png", "out/c.png")
    put(tmp_path, "a.png.json", content=b"{}")
    assert names(tmp_path, exclude=[tmp_path / "out"]) == ["a.png", "b.mask.png"]
    assert "out/c.png" in names(tmp_path)


@pytest.mark.parametrize("given", ["none.png", "none/", "empty", "*.tif", "text", "te*"])
def test_one_input_without_scans_is_an_error(tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path, "text/a.txt", content=b"text")
    with pytest.raises(InputError) as caught:
        names(f"{tmp_path}/{given}")
    assert str(tmp_path) in str(caught.value)


def test_of_several_inputs_the_empty_one_is_listed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path, "a.png")
    given = [str(tmp_path / "none.png"), str(tmp_path / "empty"), f"{tmp_path}/*.tif", str(tmp_path / "a.png")]
    found = discover(given)
    assert found[3].error is None
    for item, words in zip(found, ("does not exist", "holds no scan", "No scan matches"), strict=False):
        assert words in str(item.error)
    for item in found[:3]:
        with pytest.raises(TumorlensError):
            read_scan(item.path)


def test_no_input_and_twice_the_same_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no input"):
        discover([])
    put(tmp_path, "a/x.png", "b/x.png")
    with pytest.raises(UsageError, match=r"would both be called 'x\.png'"):
        names(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path / "a", tmp_path / "a/x.png", f"{tmp_path}/a/*") == ["x.png"]


@needs_links
def test_loops_of_links_end(tmp_path: Path) -> None:
    put(tmp_path, "a/one.png", "b/two.png")
    for link in ("a/up", "a/again", "b/up", "b/side"):
        (tmp_path / link).symlink_to(tmp_path / ("a" if link == "b/side" else "."), target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    expected = ["a/one.png", "b/two.png", "self", "self.png"]
    assert names(tmp_path) == expected
    assert set(names(f"{tmp_path}/**/*.png")) >= {"a/one.png", "b/two.png"}
    with pytest.raises(TumorlensError, match="cannot be read"):
        read_scan(tmp_path / "self.png")


@needs_links
def test_linked_folders_are_followed_after_real_ones(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/x.png", "in/real/y.png")
    (tmp_path / "in/a_link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in/b_link").symlink_to(tmp_path / "in/real", target_is_directory=True)
    assert names(tmp_path / "in") == ["a_link/x.png", "real/y.png"]


@needs_links
def test_broken_links_are_reported_if_they_may_be_scans(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    for name in ("gone.png", "IM0002", "latest.log"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    assert names(tmp_path) == ["IM0002", "a.png", "gone.png"]


@needs_links
def test_folder_that_may_not_be_listed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", "locked/b.png")
    scandir = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)  # root, who runs some tests, may list everything
    assert names(tmp_path) == ["a.png", "locked"]


@needs_links
def test_pipes_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path) == ["a.png"]


def test_the_files_of_a_series_are_one_input_at_any_depth(tmp_path: Path) -> None:
    uid, other = generate_uid(), generate_uid()
    for index in range(4):
        for name, series in (("DICOM/a", uid), ("DICOM/b", uid), ("DICOM/c", other)):
            lies = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, index]}
            dataset = dicom_dataset(ramp(), SeriesInstanceUID=series, SeriesNumber=2, InstanceNumber=index, **lies)
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / name / f"IM{index}").write_bytes(dicom_bytes(dataset))
    (tmp_path / "DICOM/DICOMDIR").write_bytes(b"x")
    (tmp_path / "DICOM/single.dcm").write_bytes(dicom_bytes(dicom_dataset(ramp())))
    (tmp_path / "p.png").write_bytes(pillow_bytes(ramp(), "png"))
    found = discover([tmp_path])
    names = [re.sub("-[0-9a-f]{8}$", "-#", one.name) for one in found]
    assert names == ["DICOM/c/series-2-#", "DICOM/series-2-#", "DICOM/single.dcm", "p.png"]
    assert [len(one.content) for one in found] == [4, 8, 1, 1]
    assert found[1].path == tmp_path / found[1].name
    assert [one.name for one in discover([str(tmp_path / "DICOM/*")])] == [
        one.name.removeprefix("DICOM/") for one in found[:3]
    ]
    assert [one.name for one in discover([tmp_path / "DICOM/a/IM0"])] == ["IM0"]
