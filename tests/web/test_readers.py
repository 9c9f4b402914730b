"""What the web API, its table, its report and its store say where a reader answers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from made_models import write_reader

from tumorlens.inference import Analyzer
from tumorlens.inference.document import json_schema
from tumorlens.inference.findings import NOT_MEASURED, UNLIKE
from tumorlens.inference.manifest import AreaInterval
from tumorlens.web.findings import Pictures, now
from tumorlens.web.store import Store

DOCUMENTS = Path(__file__).parents[1] / "inference" / "documents"
LOOKED = "The model looked for glioma, meningioma and pituitary tumor in this one slice, and for no other disease."
LOOK = {
    "sequence": "t2",
    "with_tumor": 50,
    "without_tumor": 9,
    "sensitivity": 0.9,
    "sensitivity_interval": (0.8, 0.95),
}
MEASURED = (
    "(T2), of collections that taught it nothing, it found 90 of 100 slices with a tumor (95 % interval 80 to 95)."
)
NONE = {"bias": {"tumor_logit": [-4.0]}, "rules": {"known": [LOOK], "unlike_threshold": 2.0}}
ODD = {"bias": {"tumor_logit": [-4.0], "unlike": [9.0]}, "rules": NONE["rules"]}
KIND = {"bias": {"kind_logits": [1.0, 0.9, 0.2]}}


@pytest.fixture
def reading(client: Any, analyzer: Any, png: bytes, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The finished item of one scan that a made reader has answered."""

    def answered(**made: Any) -> dict[str, Any]:
        write_reader(tmp_path / "reader", **made)
        real = Analyzer(classifier=tmp_path / "reader", gate=False)
        analyzer._answer = lambda scan, gate: real.analyze(scan)
        item: dict[str, Any] = client.done(("head.png", png))
        jsonschema.validate(item["analysis"], json_schema())
        return item

    return answered


def texts(client: Any, item: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The report without its style, and the row of the table."""
    page = client.get(item["links"]["report"]).text
    (row,) = csv.DictReader(io.StringIO(client.get(item["links"]["csv"]).text))
    return page.partition("</style>")[2], row


def test_no_tumor_says_what_was_looked_for(client: Any, reading: Callable[..., dict[str, Any]]) -> None:
    item = reading(**NONE)
    page, row = texts(client, item)
    # Browsers show a meter in green unless they are told another color.
    assert "meter::-webkit-meter-optimum-value { background: #6d8191 }" in client.get(item["links"]["report"]).text
    assert "<h1>No tumor detected</h1>" in page and LOOKED in page and MEASURED in page
    assert "Nothing was outlined" in page and "no proof" in page and "Probability of a tumor 1.8%." in page
    assert (row["answer"], row["unlike"], row["trust"]) == ("no_tumor", "no", "")
    assert row["looked_for"] == item["analysis"]["looked_for"] and MEASURED in row["looked_for"]
    answer = client.get(f"{item['links']['self']}/mask.png")
    assert answer.status_code == 404 and "Nothing was outlined in this scan" in answer.json()["detail"]


def test_an_unlike_scan_is_no_all_clear(client: Any, reading: Callable[..., dict[str, Any]]) -> None:
    page, row = texts(client, reading(**ODD))
    assert "<h1>Cannot tell: this scan is unlike those that the model knows</h1>" in page
    assert UNLIKE in page and NOT_MEASURED in page
    assert "No tumor detected" not in page and MEASURED not in page
    assert (row["answer"], row["unlike"], row["trust"]) == ("not sure (no_tumor)", "yes", UNLIKE)


def test_an_uncertain_kind_is_shown(client: Any, reading: Callable[..., dict[str, Any]]) -> None:
    page, row = texts(client, reading(**KIND))
    assert "<h1>Tumor of uncertain kind suspected</h1>" in page
    assert "The kind of this tumor cannot be told from this slice. Three remain possible" in page
    assert "If there is one: glioma 42.5%, meningioma 38.4%, pituitary tumor 19.1%." in page
    assert "The slice looks like: T2, whole head, as the model judges." in page and LOOKED not in page
    assert (row["answer"], row["label"]) == ("tumor, kind uncertain", "tumor")


def test_an_unsure_outline_is_said_to_be(client: Any, reading: Callable[..., dict[str, Any]]) -> None:
    wide = AreaInterval(coverage=0.9, low=0.1, high=1.5, images=10, data="made")
    item = reading(area_interval=wide)
    assert item["analysis"]["area_interval"]["unsure"]
    assert "This outline is unsure: its true area may be anything from 0.1 to" in texts(client, item)[0]


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
def test_a_store_shows_documents_of_every_version(serve: Callable[..., Any], tmp_path: Path, version: str) -> None:
    text = (DOCUMENTS / f"{version}.json").read_text()
    rows, cols = json.loads(text)["shape"]
    pictures = Pictures(np.arange(rows * cols, dtype=np.uint32).reshape(rows, cols).astype(np.uint16), 0, 1, None, None)
    store = Store(tmp_path / "a.sqlite")
    store.add("i" * 22, "head.png", now(), "meningioma", text, pictures)
    store.close()
    client = serve(store=tmp_path / "a.sqlite")
    (item,) = client.get("/api/v1/analyses", params={"q": "head"}).json()["analyses"]
    jsonschema.validate(item["analysis"], json_schema())
    assert item["analysis"]["label"] == json.loads(text)["label"]
    assert client.get(item["links"]["json"]).json() == json.loads(text)
    page, row = texts(client, item)
    assert item["analysis"]["message"] in page and row["label"] == item["analysis"]["label"]
