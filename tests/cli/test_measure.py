from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tumorlens.cli.measure import measure
from tumorlens.errors import InputError, LimitError, UnreadableFileError, UsageError


def _bar() -> np.ndarray:
    mask = np.zeros((20, 30), np.uint8)
    mask[10, 8:21] = 255
    return mask


def _saved(folder: Path, pixels: np.ndarray, name: str = "mask.png") -> Path:
    path = folder / name
    assert cv2.imwrite(str(path), pixels)
    return path


def test_json_is_one_document_with_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _saved(tmp_path, _bar())
    measure(path, spacing="0.2646,0.2646", json=True)
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert printed.count("\n") == 1
    assert (document["path"], document["shape"]) == (str(path), [20, 30])
    assert (document["spacing_mm"], document["spacing_source"]) == ([0.2646, 0.2646], "user")
    assert document["regions"][0]["width_mm"] == document["summary"]["width_mm"] == 3.4398
    assert document["regions"][0]["bbox"] == [10, 8, 11, 21]
    assert document["notice"] == "Research use, not a medical device."


def test_a_picture_has_no_millimeters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure(_saved(tmp_path, _bar()), spacing=None, json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["spacing_mm"], document["spacing_source"]) == (None, "none")
    assert document["regions"][0]["width_mm"] is None
    assert document["regions"][0]["width_px"] == 13


@pytest.mark.parametrize(("spacing", "unit"), [(None, "px"), ("0.5,2", "mm")])
def test_the_table_names_its_unit_and_the_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, spacing: str | None, unit: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    measure(_saved(tmp_path, _bar(), "a [b] ü.png"), spacing=spacing, json=False)
    printed = capsys.readouterr().out
    assert f"lengths in {unit}" in printed
    assert "a [b] ü.png: 1 region" in printed
    assert ("26.00" if unit == "mm" else "13") in printed
    assert "Research use, not a medical device" in printed


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (7, 9)])
def test_the_higher_of_two_values_is_the_region(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], values: tuple[int, int]
) -> None:
    measure(_saved(tmp_path, np.where(_bar() > 0, values[1], values[0]).astype(np.uint8)), spacing=None, json=True)
    assert json.loads(capsys.readouterr().out)["summary"]["area_px"] == 13


@pytest.mark.parametrize("value", [0, 255])
def test_refuses_a_mask_of_one_value(tmp_path: Path, value: int) -> None:
    with pytest.raises(InputError, match="one value throughout"):
        measure(_saved(tmp_path, np.full((20, 30), value, np.uint8)), spacing=None, json=False)


def test_refuses_more_than_two_values(tmp_path: Path) -> None:
    pixels = _bar()
    pixels[0, 0] = 128
    with pytest.raises(InputError, match="has 3 values, and a mask has exactly two"):
        measure(_saved(tmp_path, pixels), spacing=None, json=False)


@pytest.mark.parametrize("spacing", ["0.5", "0.5,0.5,0.5", "a,b", "0,1", "1,-1", "nan,1", "inf,1", ""])
def test_refuses_a_spacing_that_is_none(tmp_path: Path, spacing: str) -> None:
    with pytest.raises(UsageError, match="spacing"):
        measure(_saved(tmp_path, _bar()), spacing=spacing, json=False)


def test_a_missing_file_keeps_the_readers_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        measure(tmp_path / "none.png", spacing=None, json=False)


def test_a_volume_is_measured_in_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import nibabel

    volume = np.zeros((24, 24, 6), np.uint8)
    volume[8:12, 8:12, 1:4] = 1
    volume[18:20, 18:20, 2] = 1
    path = tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([0.5, 0.5, 3.0, 1.0])), path)
    measure(path, spacing=None, json=True)
    document = json.loads(capsys.readouterr().out)
    assert [one["voxels"] for one in document["lesions"]] == [48, 4]
    assert document["lesions"][0]["volume_ml"] == pytest.approx(48 * 0.75 / 1000)
    assert document["slice_mm"] == 3.0
    measure(path, spacing=None)
    shown = capsys.readouterr().out
    assert "2 bodies in 6 slices" in shown and "Research use" in shown


def test_a_volume_with_several_values_is_no_mask(tmp_path: Path) -> None:
    import nibabel

    volume = np.arange(24 * 24 * 3, dtype=np.int16).reshape(24, 24, 3)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match="a mask has exactly two"):
        measure(tmp_path / "scan.nii.gz", spacing=None)


def test_a_mask_drawn_black_on_white_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure(_saved(tmp_path, 255 - _bar()), spacing=None, json=True)
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert "black on white" in warning
    measure(_saved(tmp_path, 255 - _bar()), spacing=None)
    assert "black on white" in capsys.readouterr().err
    corner = _bar()
    corner[:12, :15] = 255
    measure(_saved(tmp_path, corner), spacing=None, json=True)
    assert json.loads(capsys.readouterr().out)["warnings"] == []


def test_one_volume_of_a_mask_is_measured_within_the_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import nibabel

    masks = np.zeros((20, 20, 1, 2), np.uint8)
    masks[5:9, 5:9, 0, 0] = 1
    masks[5:7, 5:7, 0, 1] = 1
    path = tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(masks, np.eye(4)), path)
    for volume, area in ((None, 16), (0, 16), (1, 4)):
        measure(path, spacing=None, json=True, volume=volume)
        document = json.loads(capsys.readouterr().out)
        assert document["regions"][0]["area_px"] == area
        assert any("2 volumes" in warning for warning in document["warnings"]) == (volume is None)
    with pytest.raises(LimitError, match="--memory"):
        measure(path, spacing=None, memory=0.0000001)
