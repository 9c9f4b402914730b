"""What the gate refuses, and how sure the models are, on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema

from tumorlens.inference.analysis import OVERRIDDEN, REFUSED
from tumorlens.inference.document import json_schema


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_refusal_is_an_answer_with_a_reason_and_a_way_round(call, save, weights, tmp_path: Path) -> None:
    weights(refuses=True)
    result = call("analyze", save("a.png"), "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert REFUSED in result.out and "more than 0.9 is needed" in result.out and "--no-gate" in result.out
    assert "confidence" not in result.out and "not a medical device" in result.out
    assert _files(tmp_path / "out") == ["a.png.json"]
    document = json.loads((tmp_path / "out/a.png.json").read_text())
    jsonschema.validate(document, json_schema())
    assert (document["status"], document["label"], document["probabilities"]) == ("refused", None, {})
    assert document["gate_score"] < 0.9


def test_no_gate_reads_it_with_a_warning(call, save, weights) -> None:
    weights(refuses=True)
    (document,) = call("analyze", save("a.png"), "--no-gate", "--json").documents
    assert document["status"] == "answered" and document["label"] is not None
    assert document["warnings"][0].startswith(OVERRIDDEN)
    assert "read all the same" in call("analyze", save("a.png"), "--no-gate").out


def test_a_batch_lists_the_refused_apart_from_the_failed(call, save, weights, tmp_path: Path) -> None:
    weights(refuses=True)
    for name in ("a.png", "b.png"):
        save(name)
    save("broken.png", content=b"no picture")
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert result.code == 1
    assert "2 refused, 1 failed" in result.out
    assert result.out.count("(gate score 0.500)") == 2
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["Failed"]
    with (tmp_path / "out/summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["refused", "refused", "failed"]
    assert [row["label"] for row in rows] == ["", "", ""]
    assert rows[0]["error"].startswith(REFUSED) and rows[0]["gate_score"].startswith("0.5")
    (tmp_path / "in/broken.png").unlink()
    assert call("analyze", tmp_path / "in").code == 0


def test_a_refusal_is_skipped_and_is_no_answer_to_no_gate(call, save, weights, tmp_path: Path) -> None:
    weights(refuses=True)
    path, out = save("a.png"), tmp_path / "out"
    call("analyze", path, "--out", out)
    before = (out / "a.png.json").read_bytes()
    again = call("analyze", path, "--out", out)
    assert (again.code, "there already" in again.out) == (0, True)
    other = call("analyze", path, "--out", out, "--no-gate")
    assert (other.code, "a run without --no-gate" in other.err) == (1, True)
    assert (out / "a.png.json").read_bytes() == before
    assert call("analyze", path, "--out", out, "--no-gate", "--overwrite").code == 0
    assert "a.png.overlay.png" in _files(out)
    back = call("analyze", path, "--out", out)
    assert (back.code, "a run with --no-gate" in back.err) == (1, True)
    assert call("analyze", path, "--out", out, "--overwrite").code == 0
    assert _files(out) == ["a.png.json"]


def test_what_passes_is_skipped_with_and_without_the_gate(call, save, weights, tmp_path: Path) -> None:
    weights()
    path, out = save("a.png"), tmp_path / "out"
    call("analyze", path, "--out", out)
    assert "there already" in call("analyze", path, "--out", out, "--no-gate").out


def test_an_answer_of_an_earlier_version_is_replaced_only_when_asked(call, save, weights, tmp_path: Path) -> None:
    weights()
    path, out = save("a.png"), tmp_path / "out"
    call("analyze", path, "--out", out)
    file = out / "a.png.json"
    assert '"schema_version":"4.0"' in file.read_text()
    file.write_text(file.read_text().replace('"schema_version":"4.0"', '"schema_version":"2.0"'))
    result = call("analyze", path, "--out", out)
    assert (result.code, "no analysis of this version" in result.err) == (1, True)
    assert call("analyze", path, "--out", out, "--overwrite").code == 0


def test_classes_that_remain_possible_and_the_interval_are_told(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma", honest=True)
    path = save("a.png")
    text = call("analyze", path, "--spacing", "0.98,0.98").out
    assert "Note: Four classes remain possible: glioma, " in text and "(at 95 % coverage)." in text
    (document,) = call("analyze", path, "--spacing", "0.98,0.98", "--json").documents
    area = sum(region["area_mm2"] for region in document["regions"]) / 100
    assert f"Area {area:.1f} cm² ({area * 0.5:.1f} to {area * 1.5:.1f}, 90 %)." in text
    assert len(document["prediction_set"]) == 4 and document["trust"].startswith("Four classes")
    listed = call("models").out
    assert "prediction sets at 95 % coverage (100 images: made)" in listed
    assert "true area 0.50 to 1.50 times the measured one at 90 % coverage" in listed


def test_a_measured_mask_has_no_interval(call, save, weights, tmp_path: Path) -> None:
    weights(says="glioma", honest=True)
    call("analyze", save("a.png"), "--out", tmp_path / "out")
    result = call("measure", tmp_path / "out/a.png.mask.png")
    assert result.code == 0 and " to " not in result.out.split("Research")[0].split("Lengths")[0]


def test_a_refused_phantom_is_told_as_the_gates_error(call, weights, tmp_path: Path) -> None:
    weights(refuses=True)
    result = call("demo", "--out", tmp_path / "demo")
    assert result.code == 0
    assert result.out.count("refused (wrong)") == 4
    page = (tmp_path / "demo/index.html").read_text()
    assert page.count("The gate was wrong: it refused this phantom.") == 4
    assert "Lets brain MRI in" in page
