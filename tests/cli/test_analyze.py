from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

from tumorlens.inference.analysis import mask_from_run_lengths
from tumorlens.inference.document import json_schema
from tumorlens.inference.shipped import DEFAULT_SEGMENTER, weights_folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_tumor_leaves_document_overlay_and_mask(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma")
    save("a/b.png")
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out", "--spacing", "0.5,0.8")
    assert (result.code, result.err) == (0, "")
    assert sorted(_files(tmp_path / "out")) == ["a/b.png.json", "a/b.png.mask.png", "a/b.png.overlay.png"]
    document = json.loads((tmp_path / "out/a/b.png.json").read_text())
    jsonschema.validate(document, json_schema())
    assert (document["label"], document["spacing_mm"], document["spacing_source"]) == ("glioma", [0.5, 0.8], "user")
    mask = cv2.imread(str(tmp_path / "out/a/b.png.mask.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) <= {0, 255}
    assert np.array_equal(mask > 0, mask_from_run_lengths(document["mask"]))
    overlay = cv2.imread(str(tmp_path / "out/a/b.png.overlay.png"))
    # 256 columns of 0.8 mm beside rows of 0.5 mm, in square pixels.
    assert overlay.shape == (256, 410, 3)
    assert "not a medical device" in result.out


def test_no_tumor_leaves_no_mask(call, save, weights, tmp_path: Path) -> None:
    weights(says="no_tumor")
    result = call("analyze", save("b.png"), "--out", tmp_path / "out")
    assert result.code == 0
    assert "No tumor detected" in result.out
    assert sorted(_files(tmp_path / "out")) == ["b.png.json", "b.png.overlay.png"]
    document = json.loads((tmp_path / "out/b.png.json").read_text())
    assert (document["mask"], document["regions"], len(document["models"])) == (None, [], 2)


def test_without_out_nothing_is_written(call, save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save("a.png")
    save("b.png", 3)
    monkeypatch.chdir(tmp_path)
    before = _files(tmp_path)
    result = call("analyze", "in")
    assert result.code == 0
    assert "2 scans: 2 ok" in result.out
    assert _files(tmp_path) == before


def test_two_runs_differ_in_timings_alone_however_many_jobs(call, save, weights, tmp_path: Path) -> None:
    weights(says="meningioma")
    for index in range(9):
        save(f"{index}.png", index)
    for name, jobs in (("one", 1), ("four", 4)):
        assert call("analyze", tmp_path / "in", "--out", tmp_path / name, "--jobs", jobs).code == 0
    one, four = _files(tmp_path / "one"), _files(tmp_path / "four")
    assert one.keys() == four.keys()
    for name, content in one.items():
        if name.endswith(".json"):
            first, second = json.loads(content), json.loads(four[name])
            assert first.pop("timings_s").keys() == second.pop("timings_s").keys()
            assert first == second
            assert content.split(b'"timings_s"')[0] == four[name].split(b'"timings_s"')[0]
        else:
            assert content == four[name]


def test_json_prints_valid_documents_in_order_and_nothing_else(call, save, tmp_path: Path) -> None:
    for index in range(5):
        save(f"{index}.png", index)
    save("2b.png", content=b"")
    result = call("analyze", tmp_path / "in", "--json", "--jobs", 3)
    assert result.code == 1
    assert len(result.documents) == 6
    paths = [one["source"]["path"] if "source" in one else one["path"] for one in result.documents]
    assert [Path(path).name for path in paths] == ["0.png", "1.png", "2.png", "2b.png", "3.png", "4.png"]
    failure = result.documents[3]
    assert set(failure) == {"path", "status", "error"}
    assert failure["status"] == "failed"
    assert failure["error"] == "This file is empty (0 bytes): export or download it again."
    for document in result.documents:
        if document is not failure:
            jsonschema.validate(document, json_schema())
    assert result.err.splitlines() == [f"Failed: {failure['path']}: {failure['error']}"]


def test_summary_has_a_row_for_each_scan(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma")
    save("a.png")
    save("broken.png", content=b"not a picture")
    call("analyze", tmp_path / "in", "--out", tmp_path / "out", "--spacing", "0.49,0.49")
    text = (tmp_path / "out/summary.csv").read_text()
    assert text.splitlines()[0] == (
        "path,status,label,confidence,p_glioma,p_meningioma,p_pituitary,p_no_tumor,prediction_set,gate_score,"
        "answer,p_tumor,looks_like,unlike,regions,area_px,area_mm2,perimeter_px,perimeter_mm,width_px,width_mm,"
        "height_px,height_mm,circularity,trust,looked_for,error"
    )
    good, bad = _rows(tmp_path / "out")
    document = json.loads((tmp_path / "out/a.png.json").read_text())
    assert (good["status"], good["label"], good["error"]) == ("ok", "glioma", "")
    assert good["confidence"] == f"{document['confidence']:.6f}"
    assert good["area_px"] == str(sum(region["area_px"] for region in document["regions"]))
    assert (bad["status"], bad["label"], bad["regions"], bad["confidence"]) == ("failed", "", "", "")
    assert bad["error"].startswith("This file is plain text")


def test_a_second_call_skips_and_keeps_its_rows(call, save, tmp_path: Path) -> None:
    save("a.png")
    save("b.png", 5)
    command = ("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert call(*command).code == 0
    first, rows = _files(tmp_path / "out"), _rows(tmp_path / "out")
    result = call(*command, "--json")
    second = _files(tmp_path / "out")
    assert result.code == 0
    assert {one["status"] for one in _rows(tmp_path / "out")} == {"skipped"}
    assert [one | {"status": "ok"} for one in _rows(tmp_path / "out")] == rows
    assert {name for name in first if first[name] != second[name]} == {"summary.csv"}
    assert result.out.encode() == first["a.png.json"] + first["b.png.json"]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--spacing", "1,1"), "another --spacing"),
        (("--slice", "0"), None),
        ((), None),
    ],
)
def test_only_an_answer_to_the_same_question_is_skipped(
    call, save, tmp_path: Path, options: tuple[str, ...], difference: str | None
) -> None:
    picture, out = save("a.png"), tmp_path / "out"
    assert call("analyze", picture, "--out", out).code == 0
    before = _files(out)
    result = call("analyze", picture, "--out", out, *options)
    assert _files(out) == before
    if difference is None:
        assert result.code == 0
        assert "was there already" in result.out
        return
    assert result.code == 1
    assert result.err == (
        f"Error: {picture}: '{out / 'a.png.json'}' exists and is from {difference}: pass --overwrite to replace it, "
        "or choose another --out.\n"
    )
    assert call("analyze", picture, "--out", out, *options, "--overwrite").code == 0
    assert call("analyze", picture, "--out", out, *options).code == 0
    assert json.loads((out / "a.png.json").read_text())["spacing_mm"] == [1, 1]


def test_another_content_and_another_model_are_not_skipped(call, save, weights, tmp_path: Path) -> None:
    picture, out = save("a.png"), tmp_path / "out"
    assert call("analyze", picture, "--out", out).code == 0
    save("a.png", 9)
    assert "another content of the scan" in call("analyze", picture, "--out", out).err
    save("a.png")
    assert call("analyze", picture, "--out", out).code == 0
    weights(version="99")
    result = call("analyze", picture, "--out", out)
    assert (result.code, "is from other models" in result.err) == (1, True)


def test_another_segmenter_answers_and_its_scans_are_not_skipped(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma")
    scan, out = save("a.png"), tmp_path / "out"
    other = tmp_path / "runs" / "deep" / "export"
    shutil.copytree(weights_folder() / DEFAULT_SEGMENTER, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "name": "deep"}))
    assert call("analyze", scan, "--out", out).code == 0
    assert "is from other models" in call("analyze", scan, "--out", out, "--segmenter", other.parent).err
    (found,) = call("analyze", scan, "--json", "--segmenter", other.parent).documents
    assert found["models"][-1]["id"].startswith("deep-")
    wrong = call("analyze", scan, "--segmenter", "classifier-small")
    assert wrong.code == 1 and "one for segmentation is needed" in wrong.err


def test_another_slice_of_a_volume_is_not_skipped(call, tmp_path: Path, head: np.ndarray) -> None:
    import nibabel

    volume = np.stack([np.roll(head, index, axis=1) for index in range(5)], axis=2)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    out = tmp_path / "out"
    assert call("analyze", tmp_path / "v.nii.gz", "--out", out).code == 0
    document = json.loads((out / "v.nii.gz.json").read_text())
    assert document["slice"]["count"] == 5 and len(document["slices"]) == 5
    assert "another --slice" in call("analyze", tmp_path / "v.nii.gz", "--out", out, "--slice", 2).err
    assert call("analyze", tmp_path / "v.nii.gz", "--out", out, "--slice", 3, "--overwrite").code == 0
    assert json.loads((out / "v.nii.gz.json").read_text())["slice"] == {"index": 3, "count": 5}
    assert call("analyze", tmp_path / "v.nii.gz", "--out", out, "--slice", 3).code == 0
    assert "another --slice" in call("analyze", tmp_path / "v.nii.gz", "--out", out).err
    result = call("analyze", tmp_path / "v.nii.gz", "--slice", 5)
    assert (result.code, "numbered 0 to 4" in result.err) == (2, True)


def test_overwriting_a_tumor_by_none_removes_its_mask(call, save, weights, tmp_path: Path) -> None:
    picture, out = save("a.png"), tmp_path / "out"
    weights(says="pituitary")
    call("analyze", picture, "--out", out)
    assert (out / "a.png.mask.png").exists()
    weights(says="no_tumor")
    assert call("analyze", picture, "--out", out, "--overwrite").code == 0
    assert sorted(_files(out)) == ["a.png.json", "a.png.overlay.png"]


def test_existing_outputs_that_are_not_ours_stay(call, save, tmp_path: Path) -> None:
    picture, out = save("a.png"), tmp_path / "out"
    out.mkdir()
    (out / "a.png.json").write_text("{}")
    assert "is no analysis of this version" in call("analyze", picture, "--out", out).err
    (out / "a.png.json").unlink()
    (out / "a.png.overlay.png").write_bytes(b"mine")
    result = call("analyze", picture, "--out", out)
    assert (result.code, "exists and is not from this analysis" in result.err) == (1, True)
    assert _files(out) == {"a.png.overlay.png": b"mine"}


def test_pictures_of_a_killed_run_are_completed(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma")
    picture, out = save("a.png"), tmp_path / "out"
    call("analyze", picture, "--out", out)
    whole = _files(out)
    (out / "a.png.json").unlink()
    (out / "a.png.mask.png").unlink()
    assert call("analyze", picture, "--out", out).code == 0
    assert _files(out).keys() == whole.keys()
    (out / "a.png.mask.png").unlink()
    assert "is missing beside its document" in call("analyze", picture, "--out", out).err


def test_a_summary_is_not_lost_silently(call, save, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("x/a.png", "x/b.png", "y/c.png", "y/d.png"):
        save(name, ord(name[-5]))
    assert call("analyze", tmp_path / "in/x", "--out", out).code == 0
    result = call("analyze", tmp_path / "in/y", "--out", out)
    assert (result.code, "lists 2 scans that this run does not" in result.err) == (1, True)
    assert not (out / "c.png.json").exists()
    assert call("analyze", tmp_path / "in/y", "--out", out, "--overwrite").code == 0
    (out / "summary.csv").write_text("my,own,table\n")
    assert "is no summary" in call("analyze", tmp_path / "in/y", "--out", out).err


def test_outputs_beside_the_scans_are_not_analyzed(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma")
    save("a.png")
    save("b.png", 4)
    for _ in range(2):
        assert call("analyze", tmp_path / "in", "--out", tmp_path / "in").code == 0
        assert [Path(row["path"]).name for row in _rows(tmp_path / "in")] == ["a.png", "b.png"]


def test_a_batch_goes_on_past_bad_files(call, save, tmp_path: Path, head: np.ndarray) -> None:
    save("fine ü α.png")
    save("empty.png", content=b"")
    save("text.png", content=b"hello")
    save("cut.jpg", content=cv2.imencode(".jpg", head)[1].tobytes()[:2000])
    save("tiny.png", content=cv2.imencode(".png", head[:1, :1])[1].tobytes())
    save("flat.png", content=cv2.imencode(".png", np.full((64, 64), 7, np.uint8))[1].tobytes())
    (tmp_path / "in/self.png").symlink_to(tmp_path / "in/self.png")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in", target_is_directory=True)
    result = call("analyze", tmp_path / "in", tmp_path / "missing.png", "--out", tmp_path / "out")
    assert result.code == 1
    rows = {Path(row["path"]).name: row for row in _rows(tmp_path / "out")}
    assert {name for name, row in rows.items() if row["status"] == "ok"} == {"fine ü α.png"}
    bad = {"empty.png", "text.png", "cut.jpg", "tiny.png", "flat.png", "self.png", "missing.png"}
    assert {name for name, row in rows.items() if row["status"] == "failed"} == bad
    assert len(result.err.splitlines()) == len(bad)
    for row in (rows[name] for name in bad):
        assert row["error"].endswith(".")
        assert "\n" not in row["error"]
    assert (tmp_path / "out/fine ü α.png.json").exists()
    assert "Traceback" not in result.err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_missing_path_is_one_line(call, tmp_path: Path, as_json: bool) -> None:
    path = tmp_path / "none.png"
    result = call("analyze", path, "--out", tmp_path / "out", *(("--json",) if as_json else ()))
    assert (result.code, result.err) == (1, f"Error: '{path}' does not exist: check the path.\n")
    assert len(result.documents if as_json else result.out.splitlines()) == int(as_json)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_scans_is_one_line(call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    result = call("analyze", tmp_path)
    assert (result.code, len(result.err.splitlines()), "holds no scan" in result.err) == (1, 1, True)


def test_an_output_folder_that_is_a_file_is_one_line(call, save, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    for target in (tmp_path / "out", tmp_path / "out/below"):
        result = call("analyze", save("a.png"), "--out", target)
        assert (result.code, len(result.err.splitlines())) == (1, 1)
        assert "a file of that name is in the way" in result.err


def test_a_full_disk_fails_one_scan_and_leaves_nothing_of_it(
    call, save, weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    weights(says="glioma")
    save("a.png")
    save("b.png", 7)
    calls, real = [], os.fsync

    def full_at_first(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_first)
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out", "--jobs", 1)
    assert (result.code, "the disk is full" in result.err) == (1, True)
    assert not (tmp_path / "out/a.png.json").exists()
    assert (tmp_path / "out/b.png.json").exists()
    assert not [name for name in _files(tmp_path / "out") if name.endswith(".tmp")]
    monkeypatch.setattr(os, "fsync", real)
    assert call("analyze", tmp_path / "in", "--out", tmp_path / "out").code == 0


def test_tampered_weights_are_refused_in_one_line(call, save, weights, tmp_path: Path) -> None:
    weights(tampered=True)
    result = call("analyze", save("a.png"), "--out", tmp_path / "out")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "sha256" in result.err
    assert _files(tmp_path / "out") == {}


@pytest.mark.parametrize("spacing", ["1", "0,1", "a,b", "1,-1", "nan,1"])
def test_a_spacing_that_is_none_is_a_usage_error(call, save, spacing: str) -> None:
    result = call("analyze", save("a.png"), "--spacing", spacing)
    assert (result.code, result.err.startswith("Error: The spacing is")) == (2, True)


@pytest.mark.parametrize("arguments", [(), ("x.png", "--jobs", "0"), ("x.png", "--slice", "-1"), ("x.png", "--no")])
def test_wrong_usage_ends_with_2(call, arguments: tuple[str, ...]) -> None:
    assert call("analyze", *arguments).code == 2


def test_two_scans_of_one_name_are_refused(call, save) -> None:
    result = call("analyze", save("x/a.png"), save("y/a.png", 2))
    assert (result.code, "would both be called 'a.png'" in result.err) == (2, True)


def test_no_output_identifies_a_patient(call, dicom, tmp_path: Path) -> None:
    secrets = {"PatientName": "DOE^JANE", "PatientID": "ID4711", "PatientBirthDate": "19700101"}
    dicom("in/one.dcm", PixelSpacing=[0.5, 0.5], **secrets)
    dicom("in/two.dcm", WindowCenter=1, WindowWidth=-4, **secrets)
    dicom("in/bad.dcm", Rows=7000, **secrets)
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert (result.code, _rows(tmp_path / "out")[1]["status"]) == (1, "ok")
    everything = b"".join(_files(tmp_path / "out").values()) + result.out.encode() + result.err.encode()
    for secret in ("DOE", "JANE", "ID4711", "19700101"):
        assert secret.encode() not in everything
    document = json.loads((tmp_path / "out/one.dcm.json").read_text())
    assert (document["spacing_mm"], document["spacing_source"]) == ([0.5, 0.5], "dicom")


def test_anonymous_hides_every_path(call, save, tmp_path: Path) -> None:
    for index, name in enumerate(("Doe/Jane Doe.png", "Doe/Jane.Doe", "Doe/Doe.nii.gz")):
        save(name, index, content=b"broken" if name.endswith("gz") else None)
    inputs, out = tmp_path / "in", tmp_path / "Doe out"
    result = call("analyze", inputs, tmp_path / "Jane Doe missing.png", "--out", out, "--anonymous", "--json")
    table = call("analyze", inputs, tmp_path / "Jane Doe missing.png", "--anonymous")
    names = " ".join(_files(out))
    everything = b"".join(_files(out).values()).decode("latin1") + names
    everything += result.out + result.err + table.out + table.err
    assert "Doe" not in everything
    assert "Jane" not in everything
    rows = _rows(out)
    assert [row["status"] for row in rows] == ["failed", "ok", "ok", "failed"]
    assert [Path(row["path"]).suffix for row in rows] == [".gz", ".png", "", ".png"]
    for row in rows[1:3]:
        document = json.loads((out / f"{row['path']}.json").read_text())
        assert document["source"]["path"] == row["path"]
    again = call("analyze", inputs, "--out", tmp_path / "other", "--anonymous", "--json")
    assert [one.get("sha256") for one in again.documents] == [one.get("sha256") for one in result.documents[:3]]
    assert call("analyze", inputs / "Doe/Jane Doe.png", "--anonymous", "--out", tmp_path / "in/Doe/a.png/x").code == 0


@pytest.mark.parametrize("name", ["a\nb.png", "[red]a[x].png", "=1+1.png", "\x1b[31mred.png"])
def test_odd_names_are_shown_and_not_obeyed(call, save, tmp_path: Path, name: str) -> None:
    save(name)
    save("z.png", 3)
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert [row["status"] for row in _rows(tmp_path / "out")] == ["ok", "ok"]
    assert str(tmp_path / "in" / name) in [row["path"] for row in _rows(tmp_path / "out")]
    assert (tmp_path / "out" / f"{name}.json").exists()


def test_a_name_that_is_no_utf8_is_analyzed(call, save, tmp_path: Path) -> None:
    save(b"\xff\xfe.png".decode("utf-8", "surrogateescape"))
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert result.code == 0
    assert result.documents[0]["source"]["path"].endswith("/\ufffd\ufffd.png")
    assert len(_files(tmp_path / "out")) >= 2


def test_a_long_table_is_cut_and_counted(call, save, tmp_path: Path) -> None:
    for index in range(43):
        save(f"{index:02}.png", content=b"" if index % 2 else b"text")
    result = call("analyze", tmp_path / "in")
    assert "and 3 more" in result.out
    assert "43 scans: 43 failed" in result.out


def test_a_color_picture_is_flagged(call, save, tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    path = save("photo.png", content=cv2.imencode(".png", colors)[1].tobytes())
    assert "The picture is in color" in call("analyze", path).out


def test_the_table_names_the_folder_once(call, save, tmp_path: Path) -> None:
    save("x/a.png")
    save("y/b.png", 2)
    out = call("analyze", tmp_path / "in").out
    assert out.count(str(tmp_path)) == 1
    assert f"Scans in {tmp_path / 'in'}/" in out
    assert " x/a.png " in out


def test_a_summary_that_cannot_be_written_does_not_hide_the_answers(
    call, save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tumorlens.cli import summary

    save("a.png")
    save("b.png", 2)
    monkeypatch.setattr(summary, "SUMMARY_FILE", "no/summary.csv")
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert (result.code, "2 scans: 2 ok" in result.out) == (1, True)
    assert "its folder does not exist" in result.err


def test_volumes_of_a_file_are_answered_side_by_side_and_memory_is_bounded(call, weights, tmp_path: Path) -> None:
    import nibabel

    weights(says="no_tumor")
    values = np.random.default_rng(1).integers(0, 200, (64, 64, 3, 2)).astype(np.int16)
    path = tmp_path / "four.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 5.0, 1.0])), path)
    out = tmp_path / "out"
    assert call("analyze", path, "--out", out, "--no-gate").code == 0
    assert call("analyze", path, "--out", out, "--volume", "1", "--no-gate").code == 0
    assert {"four.nii.gz.json", "four.nii.gz.volume-1.json"} <= set(_files(out))
    first, second = (json.loads((out / f"four.nii.gz{end}.json").read_text()) for end in ("", ".volume-1"))
    assert any("2 volumes" in one for one in first["warnings"])
    assert not any("2 volumes" in one for one in second["warnings"])
    assert "numbered 0 to 1" in call("analyze", path, "--volume", "2").err
    assert "--memory" in call("analyze", path, "--memory", "0.00001").err


def test_no_file_of_a_volume_holds_the_name_that_is_to_be_hidden(call, tmp_path: Path, head: np.ndarray) -> None:
    import nibabel

    volume = np.stack([head] * 7, axis=2)
    path = tmp_path / "Doe Jane" / "Doe^Jane 1970.nii.gz"
    path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.0, 1.0, 4.0, 1.0])), path)
    out = tmp_path / "out"
    assert call("analyze", path, "--out", out, "--anonymous").code == 0
    written = [one for one in out.rglob("*") if one.is_file()]
    assert any(one.suffix == ".html" for one in written)
    for one in written:
        assert "Doe" not in one.name and b"Doe" not in one.read_bytes()
