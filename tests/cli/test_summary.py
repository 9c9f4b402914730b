from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorlens.cli.summary import COLUMNS, check_summary, summary_csv, summary_row
from tumorlens.errors import OutputError
from tumorlens.inference.document import AnalysisDocument
from tumorlens.measurement import measure_mask


def _document(spacing: tuple[float, float] | None) -> AnalysisDocument:
    mask = np.zeros((40, 50), bool)
    mask[5:15, 5:25] = True
    mask[30:34, 30:33] = True
    return AnalysisDocument.model_validate(
        {
            "schema_version": "4.0",
            "status": "answered",
            "reason": None,
            "gate_score": 0.9,
            "prediction_set": ["glioma", "meningioma"],
            "trust": None,
            "looked_for": None,
            "findings": None,
            "area_interval": None,
            "notice": "n",
            "tumorlens": "0",
            "source": {"path": "p", "sha256": "0", "format": "png", "modality": "unknown"},
            "slice": None,
            "shape": [40, 50],
            "spacing_mm": spacing,
            "spacing_source": "none" if spacing is None else "user",
            "label": "glioma",
            "message": "m",
            "confidence": 0.7,
            "probabilities": {"glioma": 0.7, "meningioma": 0.1, "pituitary": 0.1, "no_tumor": 0.1},
            "regions": [region.to_dict() for region in measure_mask(mask, spacing)],
            "mask": None,
            "slices": [],
            "volume": None,
            "models": [],
            "warnings": [],
            "timings_s": {},
        }
    )


def test_the_area_is_of_all_regions_and_the_lengths_are_of_the_largest() -> None:
    row = summary_row("a", "ok", _document((0.5, 2.0)))
    assert tuple(row) == COLUMNS
    assert (row["regions"], row["area_px"], row["area_mm2"]) == (2, 212, 212.0)
    assert (row["width_px"], row["width_mm"], row["height_px"], row["height_mm"]) == (20, 40.0, 10, 5.0)
    text = summary_csv([row]).decode()
    assert text.splitlines()[1].startswith(
        "a,ok,glioma,0.700000,0.700000,0.100000,0.100000,0.100000,glioma meningioma,0.900000,glioma,,,,2,212,"
    )


def test_a_refused_scan_says_why_and_has_nothing_measured() -> None:
    asked = {"status": "refused", "label": None, "confidence": None, "probabilities": {}, "prediction_set": []}
    refused = _document(None).model_copy(update={**asked, "message": "Not read.", "reason": "Why.", "regions": []})
    row = summary_row("a", "refused", refused)
    assert (row["status"], row["gate_score"], row["error"]) == ("refused", 0.9, "Not read. Why.")
    assert {name for name, value in row.items() if value is not None} == {"path", "status", "gate_score", "error"}


def test_what_is_unknown_is_an_empty_cell() -> None:
    (row,) = csv.DictReader(io.StringIO(summary_csv([summary_row("a", "ok", _document(None))]).decode()))
    assert {name for name, value in row.items() if value == ""} == {
        *(f"{name}_mm" for name in ("perimeter", "width", "height")),
        "area_mm2",
        "p_tumor",
        "looks_like",
        "unlike",
        "trust",
        "looked_for",
        "error",
    }


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=1))
def test_any_path_and_error_come_back(texts: list[str]) -> None:
    rows = [summary_row(text, "failed", error=text) for text in texts]
    read = list(csv.DictReader(io.StringIO(summary_csv(rows).decode(), newline="")))
    assert [(row["path"], row["error"]) for row in read] == [(text, text) for text in texts]


def test_a_summary_may_be_replaced_by_one_that_covers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "summary.csv"
    check_summary(path, [])
    path.write_bytes(summary_csv([summary_row("x/a", "ok"), summary_row("x/b", "failed")]))
    check_summary(path, ["x/b", str(tmp_path / "x/a"), "x/c"])
    with pytest.raises(OutputError, match="lists 1 scan that this run does not"):
        check_summary(path, ["x/a"])


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe", b"path,status\n"])
def test_another_file_of_that_name_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "summary.csv"
    path.write_bytes(content)
    with pytest.raises(OutputError, match="is no summary"):
        check_summary(path, ["a"])
