"""Routes that give the pictures and documents of a finished analysis."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tumorlens.web import render
from tumorlens.web.items import BASE
from tumorlens.web.names import content_disposition
from tumorlens.web.problems import documented
from tumorlens.web.report import CSP, report_html
from tumorlens.web.routes_analyses import Id, Original, service_of

router = APIRouter(prefix=BASE + "/{id}", tags=["files"])

_PNG, _BINARY = "image/png", "application/octet-stream"


def _gives(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
    given = {"description": "The file.", "content": {media_type: {"schema": schema}}}
    return {**documented("not-found", "conflict"), 200: given}


def _file(content: bytes, media_type: str, name: str, ending: str, headers: dict[str, str] | None = None) -> Response:
    given = {"Content-Disposition": content_disposition(PurePath(name).name[:100] + ending), **(headers or {})}
    return Response(content, media_type=media_type, headers=given)


@router.get("/image.png", response_class=Response, responses=_gives(_PNG))
def image(request: Request, id: Id) -> Response:
    """The analyzed slice, 8-bit grey, between its 0.1th and 99.9th percentile."""
    found = service_of(request).finished(id)
    return _file(render.display_png(found.pictures), _PNG, found.entry.name, ".image.png")


@router.get("/pixels.bin", response_class=Response, responses=_gives(_BINARY))
def pixels(request: Request, id: Id) -> Response:
    """The analyzed slice as little-endian uint16, row after row; ``X-Min`` and ``X-Max`` are what 0 and 65535 mean."""
    found = service_of(request).finished(id)
    pictures = found.pictures
    rows, cols = pictures.pixels.shape
    headers = {"X-Rows": str(rows), "X-Cols": str(cols), "X-Min": repr(pictures.low), "X-Max": repr(pictures.high)}
    return _file(pictures.pixels.astype("<u2").tobytes(), _BINARY, found.entry.name, ".bin", headers)


@router.get("/activation.png", response_class=Response, responses=_gives(_PNG))
def activation(request: Request, id: Id) -> Response:
    """Where the classifier saw its class, 8-bit grey."""
    found = service_of(request).finished(id)
    return _file(render.activation_png(found.pictures), _PNG, found.entry.name, ".activation.png")


@router.get("/overlay.png", response_class=Response, responses=_gives(_PNG))
def overlay(request: Request, id: Id, original: Original = False) -> Response:
    """The slice with the tumor outlined, and a scale bar where the spacing is known."""
    found = service_of(request).finished(id, original)
    return _file(render.overlay_png(found), _PNG, found.entry.name, ".overlay.png")


@router.get("/mask.png", response_class=Response, responses=_gives(_PNG))
def mask(request: Request, id: Id, original: Original = False) -> Response:
    """The mask, 255 inside and 0 outside."""
    found = service_of(request).finished(id, original)
    return _file(render.mask_file(found), _PNG, found.entry.name, ".mask.png")


@router.get("/mask.nii.gz", response_class=Response, responses=_gives("application/gzip"))
def mask_nifti(request: Request, id: Id, original: Original = False) -> Response:
    """The mask as a volume, where the source is one: all slices but the analyzed one are empty."""
    found = service_of(request).finished(id, original)
    return _file(render.mask_nifti(found), "application/gzip", found.entry.name, ".mask.nii.gz")


@router.get("/analysis.json", response_class=Response, responses=_gives("application/json"))
def document(request: Request, id: Id) -> Response:
    """The analysis exactly as the models made it."""
    found = service_of(request).finished(id, original=True)
    return _file((found.entry.document_json or "").encode(), "application/json", found.entry.name, ".json")


@router.get("/report.html", response_class=Response, responses=_gives("text/html"))
def report(request: Request, id: Id, original: Original = False) -> Response:
    """One page with all of it, self-contained."""
    found = service_of(request).finished(id, original)
    content, headers = report_html(found), {"Content-Security-Policy": CSP}
    return _file(content, "text/html; charset=utf-8", found.entry.name, ".report.html", headers)
