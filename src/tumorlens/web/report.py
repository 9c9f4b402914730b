"""The report: one page that stands alone, to be kept or printed."""

from __future__ import annotations

import base64
import hashlib
from html import escape

import numpy as np
from numpy.typing import NDArray

from tumorlens.inference.areas import area_text
from tumorlens.inference.document import AnalysisDocument, RegionDocument
from tumorlens.inference.findings import look_title
from tumorlens.io import draw_overlay, encode_png
from tumorlens.labels import label_title
from tumorlens.measurement import measures
from tumorlens.notice import NOTICE
from tumorlens.shell import html_document
from tumorlens.web.findings import mask_of
from tumorlens.web.render import Finished, display

_MAX_SIDE = 640
_SPACING_SOURCES = {
    "dicom": "the DICOM file",
    "nifti": "the NIfTI file",
    "mgz": "the MGH file",
    "nrrd": "the NRRD file",
    "metaimage": "the MetaImage file",
    "tiff": "the TIFF file",
    "user": "the user",
    "none": "nobody",
}

STYLE = """
@page { size: A4; margin: 14mm }
body { font: 14px/1.45 system-ui, sans-serif; color: #16202a; background: #fff; max-width: 60rem; margin: 1.5rem auto;
  padding: 0 1rem }
h1 { font-size: 1.35rem; margin: 0 } h2 { font-size: 1rem; margin: 1.2rem 0 .4rem }
.notice { border: 2px solid #a15c00; padding: .4rem .7rem; font-weight: 600; margin: .8rem 0 }
.pictures { display: flex; gap: 1rem; flex-wrap: wrap } figure { margin: 0; flex: 1 1 15rem }
img { width: 100%; background: #000; image-rendering: auto } figcaption { color: #4a5865 }
table { border-collapse: collapse; width: 100% } th, td { text-align: right; padding: .2rem .5rem;
  border-bottom: 1px solid #c9d1d8 } th:first-child, td:first-child { text-align: left }
.trust { border-left: 4px solid #a15c00; padding: .2rem .7rem; margin: .8rem 0 }
small, .meta td { overflow-wrap: anywhere } meter { width: 12rem; height: .9rem }
meter::-webkit-meter-optimum-value { background: #6d8191 }
meter::-moz-meter-bar { background: #6d8191 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; sandbox"
)
"""Content security policy of the page: its own style and its own pictures, and no script at all."""


def report_html(finished: Finished) -> bytes:
    """The page, UTF-8, self-contained: pictures are inside of it, and it asks for nothing."""
    entry, document = finished.entry, finished.document
    if document.status == "refused":
        return _page(entry.name, document.message, _refusal(finished))
    parts = [
        f"<h1>{escape(document.message)}</h1>",
        f"<p>{escape(entry.name)}, asked for {escape(entry.created)}</p>",
        f'<p class="notice" role="note">{escape(NOTICE)} Do not base a diagnosis or treatment on it.</p>',
        _pictures(finished),
        "<h2>Probabilities</h2>" + _probabilities(document),
        "" if document.trust is None else f'<p class="trust">{escape(document.trust)}</p>',
        "" if document.looked_for is None else f'<p class="looked">{escape(document.looked_for)}</p>',
        "<h2>Measurements</h2>" + _measurements(document),
        _warnings(document),
        _correction(finished),
        f"<h2>Note</h2><p>{escape(entry.note)}</p>" if entry.note else "",
        "<h2>Made from</h2>" + _origin(document),
    ]
    return _page(entry.name, document.message, parts)


def _page(name: str, message: str, parts: list[str]) -> bytes:
    body = "\n".join(part for part in parts if part)
    return html_document(f"{name}: {message}", STYLE, body, scheme="light").encode()


def _refusal(finished: Finished) -> list[str]:
    """What there is to say of a scan that the gate refused."""
    entry, document = finished.entry, finished.document
    return [
        f"<h1>{escape(document.message)}</h1>",
        f"<p>{escape(entry.name)}, asked for {escape(entry.created)}</p>",
        f'<p class="notice" role="note">{escape(NOTICE)}</p>',
        f"<p>{escape(document.reason or '')} It has no class, no probabilities and no outline.</p>",
        f'<div class="pictures">{_figure("The slice", _plain(finished))}</div>',
        _warnings(document),
        f"<h2>Note</h2><p>{escape(entry.note)}</p>" if entry.note else "",
        "<h2>Made from</h2>" + _origin(document),
    ]


def _plain(finished: Finished) -> NDArray[np.uint8]:
    return draw_overlay(display(finished.pictures.pixels), None, max_side=_MAX_SIDE)


def _figure(title: str, picture: NDArray[np.uint8]) -> str:
    source = f"data:image/png;base64,{base64.b64encode(encode_png(picture)).decode()}"
    return f'<figure><img alt="{escape(title)}" src="{source}"><figcaption>{escape(title)}</figcaption></figure>'


def _pictures(finished: Finished) -> str:
    document, pictures = finished.document, finished.pictures
    mask = mask_of(document)
    overlay = draw_overlay(pictures.pixels, mask, spacing_mm=document.spacing_mm, max_side=_MAX_SIDE)
    title = "With the outline" if mask is not None else "Nothing was outlined"
    return f'<div class="pictures">{_figure("The slice", _plain(finished))}{_figure(title, overlay)}</div>'


def _probabilities(document: AnalysisDocument) -> str:
    rows = "".join(
        f"<tr><td>{escape(label_title(name))}</td>"
        f'<td><meter min="0" max="1" value="{value:.4f}">{value:.1%}</meter></td><td>{value:.1%}</td></tr>'
        for name, value in sorted(document.probabilities.items(), key=lambda item: -item[1])
    )
    return f"<table>{rows}</table>{_findings(document)}"


def _findings(document: AnalysisDocument) -> str:
    """What a reader says of tumor and kind apart, and what the slice looks like to it."""
    found = document.findings
    if found is None:
        return ""
    kinds = ", ".join(f"{label_title(name).lower()} {value:.1%}" for name, value in found.kind_probabilities.items())
    look = look_title(found.looks_like.sequence, found.looks_like.stripped)
    said = f"Probability of a tumor {found.tumor_probability:.1%}. If there is one: {kinds}."
    return f"<p>{escape(said)} The slice looks like: {escape(look)}, as the model judges.</p>"


def _measurements(document: AnalysisDocument) -> str:
    if not document.regions:
        return "<p>Nothing was outlined, so nothing is measured. That is no proof that there is nothing.</p>"
    unit: measures.Unit = "px" if document.spacing_mm is None else "mm"
    heads = ("Region", *(measure.title for measure in measures.MEASURES))
    rows = "".join(_region_row(number, one, unit) for number, one in enumerate(document.regions, 1))
    where = (
        f"Spacing {document.spacing_mm[0]:g} x {document.spacing_mm[1]:g} mm (row x column), stated by "
        f"{_SPACING_SOURCES[document.spacing_source]}."
        if document.spacing_mm is not None
        else "The file states no spacing, so lengths are in pixels."
    )
    head = "".join(f"<th>{one}</th>" for one in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"{table}{_interval(document)}<p>{escape(where)}</p>"


def _interval(document: AnalysisDocument) -> str:
    """The area of all regions and how far it may be off, where that is known."""
    found = document.area_interval
    if found is None:
        return ""
    px = sum(one.area_px for one in document.regions)
    mm2 = None if found.mm2 is None else sum(one.area_mm2 or 0.0 for one in document.regions)
    text = area_text(px, mm2, found.px, found.mm2, found.coverage)
    return f"<p>Area of the outline: {escape(text)}. The interval says how far it may be from the true area.</p>"


def _region_row(number: int, region: RegionDocument, unit: measures.Unit) -> str:
    values = region.model_dump()
    cells = [str(number), *(_value(one, values.get(one.field(unit)), unit) for one in measures.MEASURES)]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _value(measure: measures.Measure, value: float | None, unit: measures.Unit) -> str:
    if value is None:
        return "-"
    if measure.kind == "area":
        return f"{value:,} px" if unit == "px" else f"{value:,.1f} mm²"
    return f"{value:.{measure.decimals}f}" + ("" if measure.kind == "ratio" else f" {unit}")


def _warnings(document: AnalysisDocument) -> str:
    if not document.warnings:
        return ""
    return "<h2>What to know</h2><ul>" + "".join(f"<li>{escape(one)}</li>" for one in document.warnings) + "</ul>"


def _correction(finished: Finished) -> str:
    correction = finished.entry.correction
    if correction is None:
        return ""
    rows = "".join(
        f"<tr><td>{escape(str(one['at']))}</td><td>{escape(str(one['author']) or 'unnamed')}</td>"
        f"<td>{escape(str(one['action']))}</td><td>{one['pixels']:,} px</td></tr>"
        for one in correction.edits
    )
    return (
        "<h2>Corrected by hand</h2><p>The outline was changed after the analysis; class and probabilities are the "
        f"model's.</p><table><tr><th>When</th><th>Who</th><th>What</th><th>Changed</th></tr>{rows}</table>"
    )


def _origin(document: AnalysisDocument) -> str:
    place = document.slice
    facts = [
        ("Format", document.source.format),
        ("Size", f"{document.shape[0]:,} x {document.shape[1]:,} pixels (rows x columns)"),
        ("Slice", "" if place is None else f"{place.index} of 0 to {place.count - 1}"),
        ("SHA-256", document.source.sha256),
        ("Gate", "" if document.gate_score is None else f"{document.gate_score:.3f} probability of a brain MRI slice"),
        ("Models", ", ".join(one.id for one in document.models)),
        ("tumorlens", document.tumorlens),
    ]
    rows = "".join(f"<tr><td>{name}</td><td>{escape(value)}</td></tr>" for name, value in facts if value)
    return f'<table class="meta">{rows}</table>'
