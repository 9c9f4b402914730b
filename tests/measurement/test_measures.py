"""A measurement added to the table is seen on every surface."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tumorlens.measurement import Body, measures

DOCS = Path(__file__).parents[2] / "docs"
ADDED = """
import csv, json
import numpy as np
from tumorlens.measurement import measures
made_up = measures.Measure(
    "girth", "length", "Made-up girth", "Twice the root of the area.",
    function=lambda shape, spacing: 2 * (shape.area_px * spacing[0] * spacing[1]) ** 0.5,
)
measures.MEASURES = (*measures.MEASURES, made_up)

import tumorlens
from rich.console import Console
from tumorlens.cli.report import _regions
from tumorlens.phantoms import demo_phantoms
from tumorlens.inference.document import json_schema, read_document
from tumorlens.inference.table import summary_csv, summary_row
from tumorlens.web.page import MEASURES, read_assets
from tumorlens.web.report import _measurements

phantom = next(one for one in demo_phantoms() if one.mask.any())
region = tumorlens.measurement.measure_mask(phantom.mask, (2.0, 0.5))[0]
stored = json.loads(open(GOLDEN).read())
stored["regions"], stored["spacing_mm"], stored["spacing_source"] = [region.to_dict()], [2.0, 0.5], "user"
stored["area_interval"] = None
document = read_document(json.dumps(stored))
console = Console(width=200, record=True, file=open("/dev/null", "w"))
console.print(_regions(document))
print(json.dumps({
    "document": json.loads(document.model_dump_json())["regions"][0],
    "schema": json_schema()["$defs"]["RegionDocument"]["properties"],
    "csv": list(csv.reader(summary_csv([summary_row("a.png", "ok", document)]).decode().splitlines())),
    "terminal": console.export_text(),
    "html": _measurements(document),
    "page": read_assets()[MEASURES].content.decode(),
    "docs": measures.markdown(),
}))
"""


def test_a_made_up_measure_is_seen_on_every_surface() -> None:
    pytest.importorskip("fastapi")
    golden = Path(__file__).parents[1] / "inference/documents/3.0.json"
    code = f"GOLDEN = {str(golden)!r}\n" + ADDED
    seen = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    value = seen["document"]["girth_mm"]
    assert value == pytest.approx(seen["document"]["girth_px"])  # a pixel of 2 by 0.5 mm has the area of one of 1 by 1
    assert seen["schema"]["girth_px"]["description"] == "Twice the root of the area."
    head, row = seen["csv"]
    assert float(row[head.index("girth_mm")]) == pytest.approx(value, abs=1e-6)
    assert "made-up girth" in seen["terminal"] and f"{value:.1f}" in seen["terminal"]
    assert "<th>Made-up girth</th>" in seen["html"] and f"<td>{value:.1f} mm</td>" in seen["html"]
    assert '"title": "Made-up girth"' in seen["page"] and '"mm": "girth_mm"' in seen["page"]
    assert "| `girth_px`, `girth_mm` | Made-up girth |" in seen["docs"]


def test_the_docs_have_the_table_of_today() -> None:
    found = re.findall(r"<!-- (\S+) -->\n(.*?)<!-- \1 -->", (DOCS / "measurements.md").read_text(), re.DOTALL)
    assert found == [("tumorlens.measurement.measures.markdown()", measures.markdown())]


def test_the_table_of_bodies_names_every_field() -> None:
    assert {one.name for one in measures.BODY_MEASURES} == {one.name for one in fields(Body)} - {"region"}


def test_names_are_told_apart() -> None:
    names = [name for measure in measures.MEASURES for name in measure.fields]
    assert len(names) == len(set(names))
