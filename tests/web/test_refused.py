"""The gate, prediction sets and intervals of areas, through the API and in the store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from tumorlens.inference.analysis import OVERRIDDEN, REFUSED
from tumorlens.inference.document import json_schema
from tumorlens.io import encode_png
from tumorlens.notice import NOTICE
from tumorlens.web.store import Store

NEW = ("status", "reason", "gate_score", "prediction_set", "trust", "area_interval")


def test_a_refused_scan_is_done_with_a_reason_and_nothing_read(client: Any, analyzer: Any, foreign_png: bytes) -> None:
    item = client.done(("photo.png", foreign_png))
    document = item["analysis"]
    jsonschema.validate(document, json_schema())
    assert (document["status"], document["label"], document["reason"]) == ("refused", None, analyzer.reason)
    assert (document["message"], document["mask"], document["regions"]) == (REFUSED, None, [])
    given = {name for name, path in item["links"].items() if path is not None}
    assert given == {"self", "image", "pixels", "json", "report", "csv"}
    assert client.get(item["links"]["image"]).status_code == 200
    for name in ("overlay.png", "mask.png", "activation.png", "mask.nii.gz"):
        assert client.get(f"{item['links']['self']}/{name}").status_code == 404
    (row,) = csv.DictReader(io.StringIO(client.get(item["links"]["csv"]).text))
    assert (row["status"], row["label"], row["gate_score"]) == ("refused", "", "0.010000")
    assert row["error"] == f"{REFUSED} {analyzer.reason}"
    assert 'tumorlens_analyses_total{status="refused"} 1' in client.get("/metrics").text


def test_its_report_says_why_and_shows_the_slice_alone(client: Any, foreign_png: bytes) -> None:
    item = client.done(("photo.png", foreign_png))
    page = client.get(item["links"]["report"]).text
    assert REFUSED in page and "0.010" in page and NOTICE in page
    assert page.count("<img") == 1
    assert "Probabilities" not in page and "Measurements" not in page


def test_it_cannot_be_given_an_outline(client: Any, foreign_png: bytes, scan: np.ndarray) -> None:
    item = client.done(("photo.png", foreign_png))
    mask = encode_png(np.zeros(scan.shape, np.uint8))
    answer = client.put(f"{item['links']['self']}/mask", content=mask, headers={"content-type": "image/png"})
    assert answer.status_code == 409 and "refused" in answer.json()["detail"]


@pytest.mark.parametrize("off", ["off", "false", "0"])
def test_gate_off_reads_it_with_a_warning(client: Any, analyzer: Any, foreign_png: bytes, off: str) -> None:
    document = client.done(("photo.png", foreign_png), gate=off)["analysis"]
    assert (document["status"], document["label"]) == ("answered", "glioma")
    assert document["warnings"] == [OVERRIDDEN] and document["reason"] == analyzer.reason


def test_gate_is_on_or_off(client: Any, foreign_png: bytes) -> None:
    assert client.done(("photo.png", foreign_png), gate="on")["analysis"]["status"] == "refused"
    answer = client.upload(("photo.png", foreign_png), gate="perhaps")
    assert answer.status_code == 422 and "gate" in answer.json()["detail"]


def test_scans_with_and_without_the_gate_share_a_queue(
    client: Any, analyzer: Any, foreign_png: bytes, png: bytes
) -> None:
    analyzer.gate.clear()
    ids = [
        client.upload(("x.png", content), gate=gate).json()["analyses"][0]["id"]
        for content, gate in [(png, "on"), (foreign_png, "off"), (foreign_png, "on"), (png, "off")] * 2
    ]
    analyzer.gate.set()
    found = [client.wait(one)["analysis"]["status"] for one in ids]
    assert found == ["answered", "answered", "refused", "answered"] * 2


def test_a_store_finds_the_refused(serve: Callable[..., Any], tmp_path: Path, foreign_png: bytes, png: bytes) -> None:
    client = serve(store=tmp_path / "a.sqlite")
    item = client.done(("photo.png", foreign_png))
    client.done(("head.png", png))
    found = client.get("/api/v1/analyses", params={"q": "refused"}).json()
    assert [one["id"] for one in found["analyses"]] == [item["id"]]


def test_report_tells_what_remains_possible_and_the_interval(client: Any, png: bytes) -> None:
    item = client.done(("head.png", png), spacing="2.0,5.0")
    document = item["analysis"]
    assert document["trust"] == "Two classes remain possible: glioma and meningioma (at 95 % coverage)."
    assert document["area_interval"]["mm2"] == [240.0, 720.0]
    page = client.get(item["links"]["report"]).text
    assert document["trust"] in page
    assert "Area of the outline: 4.8 cm² (2.4 to 7.2, 90 %)." in page


def test_an_outline_drawn_by_hand_has_no_interval(client: Any, png: bytes, scan: np.ndarray) -> None:
    item = client.done(("head.png", png))
    drawn = np.zeros(scan.shape, np.uint8)
    drawn[5:9, 5:9] = 255
    content = cv2.imencode(".png", drawn)[1].tobytes()
    client.put(f"{item['links']['self']}/mask", content=content, headers={"content-type": "image/png"})
    assert "Area of the outline" not in client.get(item["links"]["report"]).text
    assert "Area of the outline" in client.get(item["links"]["report"], params={"original": True}).text


def test_analyses_of_version_1_0_are_still_shown(serve: Callable[..., Any], tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "a.sqlite"
    client = serve(store=path)
    item = client.done(("old.png", png))
    document = {name: value for name, value in item["analysis"].items() if name not in NEW} | {"schema_version": "1.0"}
    store = Store(path)
    with store._changing() as database:
        database.execute("UPDATE analyses SET document = ?", (json.dumps(document),))
    store.close()
    shown = client.item(item["id"])["analysis"]
    jsonschema.validate(shown, json_schema())
    assert (shown["status"], shown["trust"], shown["label"]) == ("answered", None, document["label"])
    assert client.get("/api/v1/analyses", params={"q": "old"}).json()["analyses"][0]["analysis"] == shown
    for name in ("overlay", "mask", "report", "csv"):
        assert client.get(item["links"][name]).status_code == 200
    assert client.get(item["links"]["json"]).json() == document
    mask = encode_png(np.zeros((40, 50), np.uint8))
    corrected = client.put(f"{item['links']['self']}/mask", content=mask, headers={"content-type": "image/png"})
    assert corrected.status_code == 200
