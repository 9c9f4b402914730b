"""The page's files: read once, served from memory, so that no path from a request ever reaches the disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tumorlens.measurement import measures
from tumorlens.web.problems import ProblemError

FOLDER = Path(__file__).parent / "static"
INDEX = "index.html"
MEASURES = "js/measures.js"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


def read_assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """The files of known types below a folder, by path below it, and the table of measurements as a module."""
    table = f"export const MEASURES = {json.dumps(measures.for_page())};\n".encode()
    found = {MEASURES: _asset(table, TYPES[".js"])}
    for path in sorted(folder.rglob("*")):
        media_type = TYPES.get(path.suffix)
        if media_type is not None and path.is_file():
            found[path.relative_to(folder).as_posix()] = _asset(path.read_bytes(), media_type)
    return found


def _asset(content: bytes, media_type: str) -> Asset:
    return Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')


def page_router(assets: dict[str, Asset]) -> APIRouter:
    """Routes of the page: ``/`` and ``/static/...``."""
    router = APIRouter(include_in_schema=False)

    def index(request: Request) -> Response:
        return _answer(request, assets.get(INDEX))

    def static(request: Request, path: str) -> Response:
        return _answer(request, assets.get(path))

    router.add_api_route("/", index, methods=["GET", "HEAD"])
    router.add_api_route("/static/{path:path}", static, methods=["GET", "HEAD"])
    return router


def _answer(request: Request, asset: Asset | None) -> Response:
    if asset is None:
        raise ProblemError("not-found", "There is no such file.")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if asset.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
