"""What the command line says where nothing was found, where a scan is unlike those known, and where a kind is open."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.extra_train

LOOK = {
    "sequence": "t2",
    "stripped": False,
    "with_tumor": 1200,
    "without_tumor": 0,
    "sensitivity": 0.9,
    "sensitivity_interval": (0.8, 0.95),
    "sources": ("one", "other"),
}
ALL = {"with_tumor": 10, "without_tumor": 20, "specificity": 0.95}
GREEN = "\x1b[32"
LOOKED = "The model looked for glioma, meningioma and pituitary tumor in this one slice, and for no other disease."
MEASURED = (
    "In scans that look like this one (T2, whole head), of collections that taught it nothing, it found 90 of 100 "
    "slices with a tumor (95 % interval 80 to 95)."
)
NOT_MEASURED = "How many tumors it finds in scans like this one was not measured."
UNLIKE = "This scan is unlike those that the model knows, so its answer may mean nothing: every class remains possible."
NONE = {"bias": {"tumor_logit": [-4.0]}, "rules": {"known": [LOOK, ALL], "unlike_threshold": 2.0}}
ODD = {"bias": {"tumor_logit": [-4.0], "unlike": [9.0]}, "rules": NONE["rules"]}
OPEN = {"bias": {"tumor_logit": [-0.5]}, "rules": {"doubt": (0.1, 0.9)}}
KIND = {"bias": {"kind_logits": [1.0, 0.9, 0.2]}}


@pytest.fixture(autouse=True)
def with_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(
    ("reader", "said", "silent"),
    [
        (NONE, ["No tumor detected", LOOKED, MEASURED], ["Note:"]),
        (ODD, ["Cannot tell: this scan is unlike", f"Note: {UNLIKE}", NOT_MEASURED], ["No tumor detected", MEASURED]),
        (OPEN, ["No tumor detected, but one remains possible", "Two classes remain possible", NOT_MEASURED], []),
        (KIND, ["Tumor of uncertain kind suspected", "The kind of this tumor cannot be told"], [LOOKED]),
    ],
)
def test_one_scan(call, save, weights, reader: dict, said: list[str], silent: list[str]) -> None:
    weights(reader=reader)
    result = call("analyze", save("a.png"))
    shown = plain(result.out)
    assert result.code == 0
    for sentence in said:
        assert sentence in shown
    for sentence in silent:
        assert sentence not in shown
    # Green is what an all-clear would be shown in.
    assert GREEN not in result.out and not {"✓", "✔"} & set(result.out)
    assert ("\x1b[33m" in result.out) == ("Note:" in shown)
    assert ("(confidence " in shown) != (reader is ODD)


@pytest.mark.parametrize(
    ("reader", "answer", "sentence"),
    [
        (NONE, "no_tumor", f"2 of 2 scans: {LOOKED} {MEASURED}"),
        (ODD, "not sure (no_tumor)", f"2 of 2 scans: {UNLIKE}"),
        (OPEN, "no_tumor, unsure", f"2 of 2 scans: {LOOKED} {NOT_MEASURED}"),
        (KIND, "tumor, kind uncertain", "2 of 2 scans: The kind of this tumor cannot be told from this slice."),
    ],
)
def test_many_scans_and_their_table(
    call, save, weights, tmp_path: Path, reader: dict, answer: str, sentence: str
) -> None:
    weights(reader=reader)
    save("a.png")
    save("b.png", 4)
    result = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert f"Answers: 2 {answer}." in plain(result.out) and sentence in plain(result.out)
    assert GREEN not in result.out
    with (tmp_path / "out/summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    document = json.loads((tmp_path / "out/a.png.json").read_text())
    for row in rows:
        assert row["answer"] == answer and row["label"] == document["label"]
        assert (row["trust"], row["looked_for"]) == (document["trust"] or "", document["looked_for"] or "")
        assert row["unlike"] == ("yes" if reader is ODD else "no") and row["looks_like"] == "t2 whole"
        assert float(row["p_tumor"]) == pytest.approx(document["findings"]["tumor_probability"])
    again = call("analyze", tmp_path / "in", "--out", tmp_path / "out")
    assert "2 skipped" in plain(again.out) and f"Answers: 2 {answer}." in plain(again.out)


def test_what_a_reader_answered_is_no_answer_of_the_pair(call, save, weights, tmp_path: Path) -> None:
    weights(reader=KIND)
    path = save("a.png")
    assert call("analyze", path, "--out", tmp_path / "out").code == 0
    weights()
    result = call("analyze", path, "--out", tmp_path / "out")
    assert result.code == 1 and "is from other models" in result.err


def test_the_pair_is_asked_where_it_is_named(call, save, weights) -> None:
    weights(reader=KIND)
    (document,) = call("analyze", save("a.png"), "--json", "--classifier", "classifier-small").documents
    assert document["findings"] is None
    assert [one["task"] for one in document["models"]][:2] == ["gate", "classification"]


def test_the_list_of_models_says_what_a_reader_knows(call, weights) -> None:
    weights(reader=NONE)
    shown = plain(call("models").out)
    assert "a tumor from a probability of 0.50; in doubt from 0.30 to 0.70" in shown
    assert (
        "T2, whole head: tumors found in 90 % (95 % interval 80 to 95) of 1,200 slices with one; none called in slices "
        "without: not measured (one, other)"
    ) in shown
    assert "all sequences together: tumors found in slices with one: not measured; none called in 95 % of 20" in shown


def test_the_doctor_looks_at_a_reader(call, weights) -> None:
    folder = weights(reader=NONE) / "reader-lite0"
    shown = plain(call("doctor").out)
    assert "model reader-lite0" in shown and "reading, version 1" in shown
    (folder / "model.onnx").write_bytes(b"altered")
    result = call("doctor")
    assert result.code == 1 and "Unfit: model reader-lite0." in plain(result.out)


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (NONE, [LOOKED, MEASURED, "How probable a tumor is at each point."]),
        (ODD, [UNLIKE, "Not sure"]),
        (KIND, ["Kind uncertain", "cannot tell its kind", "The kind of this tumor cannot be told from this slice."]),
    ],
)
def test_the_demo(call, weights, tmp_path: Path, reader: dict, said: list[str]) -> None:
    weights(reader=reader)
    result = call("demo", "--out", tmp_path / "demo")
    page = (tmp_path / "demo/index.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert result.code == 0 and GREEN not in result.out
    for sentence in said:
        assert sentence in page
    assert "Finds, names and outlines" in page
    assert ("not sure" in plain(result.out)) == (reader is ODD)
    assert "--good" not in page.partition("</style>")[0].partition(".chip")[2]
