"""Routes about the server itself: examples, models, limits, health and metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from tumorlens._version import __version__
from tumorlens.notice import NOTICE
from tumorlens.request import AnalysisRequest
from tumorlens.web import examples, items, metrics
from tumorlens.web.jobs import Task
from tumorlens.web.problems import ProblemError, documented
from tumorlens.web.routes_analyses import accepted, service_of

Name = Annotated[str, Path(pattern="^[a-z-]{1,40}$", examples=["phantom-glioma"])]
_Responses = dict[int | str, dict[str, Any]]
_PICTURE: _Responses = {200: {"description": "The picture.", "content": {"image/png": {"schema": {"type": "string"}}}}}
_TEXT: _Responses = {200: {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}}

router = APIRouter(tags=["service"])


@router.get(examples.API, response_model=items.Examples, responses=documented())
def list_examples() -> Response:
    """The made scans at hand: phantoms of known geometry, no patients."""
    return JSONResponse({"examples": [one.to_dict() for one in examples.samples().values()]})


@router.get(examples.API + "/{name}.png", response_class=Response, responses={**documented("not-found"), **_PICTURE})
def example_picture(name: Name) -> Response:
    """The picture of a made scan."""
    return Response(_sample(name).png, media_type="image/png")


@router.post(
    examples.API + "/{name}",
    status_code=202,
    response_model=items.Accepted,
    responses=documented("not-found", "queue-full", "cross-site", "not-ready"),
)
def use_example(request: Request, name: Name) -> Response:
    """Queue a made scan, as if it had been uploaded with its spacing."""
    service, sample = service_of(request), _sample(name)
    path = service.scratch.new_file()
    path.write_bytes(sample.png)
    jobs, refused = service.submit(
        [Task(f"{sample.name}.png", path, len(sample.png), AnalysisRequest(sample.spacing_mm))]
    )
    return accepted(service, [job.id for job in jobs], refused)


@router.get("/api/v1/models", response_model=items.Models, responses=documented())
def models(request: Request) -> Response:
    """The models that answer, each with the whole of its manifest; an ensemble's lists its members and the rule."""
    found = service_of(request).manifests
    return JSONResponse({"models": [{"id": one.id, "manifest": one.model_dump(mode="json")} for one in found]})


@router.get("/api/v1/limits", response_model=items.Limits, responses=documented())
def limits(request: Request) -> Response:
    """What the server takes, and what it is."""
    settings = service_of(request).settings
    return JSONResponse(
        {
            "max_file_bytes": settings.max_file_bytes,
            "max_files": settings.max_files,
            "queue": settings.queue,
            "store": settings.store is not None,
            "version": __version__,
            "notice": NOTICE,
            "auth": settings.token is not None,
        }
    )


@router.get("/healthz", response_class=PlainTextResponse, responses={**documented(), **_TEXT})
async def healthz() -> Response:
    """Whether the server answers at all."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", response_class=PlainTextResponse, responses={**documented("not-ready"), **_TEXT})
async def readyz(request: Request) -> Response:
    """Whether a scan that comes now would be worked on."""
    if not service_of(request).is_ready():
        raise ProblemError("not-ready", "The workers do not run, or one is stuck: restart the server.")
    return PlainTextResponse("ok\n")


@router.get("/metrics", response_class=PlainTextResponse, responses={**documented(), **_TEXT})
def prometheus(request: Request) -> Response:
    """Counts, times and sizes, for Prometheus."""
    service = service_of(request)
    return Response(service.metrics.text(service.gauges()), media_type=metrics.MEDIA_TYPE)


def _sample(name: str) -> examples.Sample:
    found = examples.samples().get(name)
    if found is None:
        known = ", ".join(examples.samples())
        raise ProblemError("not-found", f"There is no such example; there are: {known}.")
    return found
