from __future__ import annotations

import builtins
import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tumorlens.cli.health import DECODERS, SYNTAXES, machine_checks, total_memory


def _checks(document: dict, part: str = "machine") -> dict[str, tuple[str, str]]:
    checks = document["machine"] if part == "machine" else document["file"]["checks"]
    return {check["name"]: (check["verdict"], check["detail"]) for check in checks}


def test_a_machine_with_everything_installed_is_fit(call) -> None:
    result = call("doctor", "--json")
    (document,) = result.documents
    assert (result.code, document["fit"], document["file"]) == (0, True, None)
    checks = _checks(document)
    for package in DECODERS.values():
        assert checks[package][0] == "ok"
    assert checks["compressed DICOM"] == ("ok", f"{len(SYNTAXES)} of {len(SYNTAXES)} compressions can be decoded")
    assert "CPUExecutionProvider" in checks["onnxruntime"][1]
    assert {name for name in checks if name.startswith("model ")} >= {
        "model classifier-small",
        "model gate-small",
        "model segmenter-small",
    }
    assert "gate, version" in checks["model gate-small"][1]
    assert all("sha256" in detail for name, (_, detail) in checks.items() if name.startswith("model "))


def test_the_table_says_the_same(call) -> None:
    result = call("doctor")
    assert (result.code, "All is fit." in result.out) == (0, True)
    assert "not a medical device" in result.out


def test_tampered_weights_are_unfit(call, weights) -> None:
    weights(tampered=True)
    result = call("doctor", "--json")
    verdict, detail = _checks(result.documents[0])["model classifier-small"]
    assert (result.code, verdict, "was altered or damaged" in detail) == (1, "unfit", True)


@pytest.mark.parametrize("name", ["joined", "classifier-small"])
def test_an_ensemble_is_verified_with_its_members(call, weights, voted, tmp_path: Path, name: str) -> None:
    folder = weights() / name
    manifest = voted(tmp_path / "made")
    shutil.rmtree(folder, ignore_errors=True)
    (tmp_path / "made").rename(folder)
    result = call("doctor", "--json")
    verdict, detail = _checks(result.documents[0])[f"model {name}"]
    assert (result.code, verdict) == (0, "ok")
    assert f"classification, version 1, sha256 {manifest.sha256} verified" in detail
    assert "ensemble of 2 (sure 0.250, less-sure 0.750) by weighted mean" in detail
    (folder / manifest.members[1].folder / "model.onnx").write_bytes(b"other")
    result = call("doctor", "--json")
    verdict, detail = _checks(result.documents[0])[f"model {name}"]
    assert (result.code, verdict, "altered or damaged" in detail) == (1, "unfit", True)


def test_missing_weights_are_unfit(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUMORLENS_WEIGHTS", str(tmp_path))
    result = call("doctor")
    assert (result.code, "Unfit: model classifier-small, model gate-small, model segmenter-small" in result.out) == (
        1,
        True,
    )


def test_a_missing_decoder_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without_gdcm(name: str, package: str | None = None) -> object:
        if name == "gdcm":
            raise ImportError(name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without_gdcm)
    (check,) = (one for one in machine_checks() if one.name == "python-gdcm")
    assert (check.verdict, check.detail) == ("unfit", "not installed: run pip install python-gdcm")


def test_a_missing_runtime_is_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    from tumorlens.cli import health

    real = builtins.__import__

    def without_runtime(name: str, *arguments: object, **options: object) -> object:
        if name == "onnxruntime":
            raise ImportError(name=name)
        return real(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_runtime)
    check = health._runtime()
    assert check.verdict == "unfit"


def test_little_memory_is_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    from tumorlens.cli import health

    assert (total_memory() or 0) > 2**28
    monkeypatch.setattr(health, "total_memory", lambda: 2**29)
    assert health._memory().verdict == "unfit"
    monkeypatch.setattr(health, "total_memory", lambda: None)
    assert health._memory().verdict == "warning"


def test_a_picture_has_no_spacing_but_a_head(call, save) -> None:
    result = call("doctor", save("a b.png"), "--json")
    checks = _checks(result.documents[0], "file")
    assert (result.code, checks["format"][1][:4]) == (0, "png,")
    assert checks["spacing"][0] == "warning"
    assert checks["head"][0] == "ok"
    assert checks["stored values"][1].startswith("L, ")
    assert "orientation" not in checks


def test_a_volume_tells_its_orientation_as_stored_and_as_read(call, tmp_path: Path) -> None:
    import nibabel

    volume = np.random.default_rng(0).integers(0, 99, (40, 30, 20)).astype(np.int16)
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "v.nii.gz")
    result = call("doctor", tmp_path / "v.nii.gz", "--json")
    checks = _checks(result.documents[0], "file")
    assert checks["stored values"][1] == "int16, axes LAS (sform code 2, qform code 0)"
    assert checks["orientation"][1] == "as read: slices to superior, rows to posterior, columns to left"
    assert checks["spacing"] == ("ok", "3 x 2 x 1 mm (slice x row x column), from: nifti")
    assert checks["shape"][1] == "20 x 30 x 40 (slices x rows x columns)"
    assert checks["head"] == (
        "warning",
        "in the middle slice no outline of a head stands out, so the whole picture is used",
    )


def test_a_dicom_tells_nothing_of_its_patient(call, dicom) -> None:
    path = dicom("x.dcm", PatientName="DOE^JANE", PatientID="ID4711", PixelSpacing=[0.5, 0.7])
    for options in ((), ("--json",)):
        result = call("doctor", path, *options)
        assert result.code == 0
        assert "DOE" not in result.out
        assert "ID4711" not in result.out
    checks = _checks(result.documents[0], "file")
    assert checks["spacing"][1] == "0.5 x 0.7 mm (row x column), from: dicom"
    assert checks["stored values"][1] == "8 bits unsigned, MONOCHROME2, Explicit VR Little Endian"


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_a_bad_file_is_unfit_in_one_sentence(call, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    result = call("doctor", path, "--json")
    document = json.loads(result.out)
    assert (result.code, document["fit"], [one["verdict"] for one in document["file"]["checks"]]) == (
        1,
        False,
        ["unfit"],
    )
