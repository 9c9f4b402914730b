"""``create_app``: the whole server as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from tumorlens._version import __version__
from tumorlens.notice import NOTICE
from tumorlens.web import problems, routes_analyses, routes_files, routes_service
from tumorlens.web.page import page_router, read_assets
from tumorlens.web.problems import Problem, ProblemError, problem
from tumorlens.web.security import Guard
from tumorlens.web.service import Service
from tumorlens.web.settings import Settings

if TYPE_CHECKING:
    from tumorlens.inference import Analyzer

TITLE = "tumorlens"
_KIND_OF_STATUS = {400: "bad-request", 404: "not-found", 405: "method", 413: "too-large", 415: "unsupported"}


def create_app(settings: Settings | None = None, analyzer: Analyzer | None = None) -> FastAPI:
    """Make the application; its workers start and stop with its lifespan.

    Args:
        settings: bounds and paths; ``None`` for the defaults.
        analyzer: the models; ``None`` for those that ship.

    Raises:
        WeightsError: a model is missing or altered.
        OutputError: the database cannot be used.
    """
    service = Service(settings or Settings(), analyzer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.stop)

    app = FastAPI(
        title=TITLE,
        version=__version__,
        description=f"Brain-tumor MRI in, class, outline and measurements out. {NOTICE}",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both pages load scripts from other sites
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in (routes_analyses.router, routes_files.router, routes_service.router, page_router(read_assets())):
        app.include_router(router)
    _handle_errors(app)
    app.add_middleware(Guard, settings=service.settings, metrics=service.metrics)
    _describe(app)
    return app


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def deliberate(request: Request, error: ProblemError) -> Response:
        found = error.problem.model_copy(update={"instance": request.url.path})
        return problems.response(found, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        return problems.response(problem("invalid", f"{where}: {first['msg']}.", request.url.path))

    @app.exception_handler(HTTPException)
    async def standard(request: Request, error: HTTPException) -> Response:
        kind = _KIND_OF_STATUS.get(error.status_code)
        detail = f"{HTTPStatus(error.status_code).phrase}: see /api/v1/openapi.json for what there is."
        if kind is None:
            title = HTTPStatus(error.status_code).phrase
            found = Problem(type="about:blank", title=title, status=error.status_code, detail=detail)
        else:
            found = problem(kind, detail, request.url.path)
        return problems.response(found, dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return problems.response(problem("bad-request", "The client went away.", request.url.path))


def _describe(app: FastAPI) -> None:
    """Let the OpenAPI document name the problem's schema, and the ways to show a token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = found.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            if app.state.service.settings.token is not None:
                components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                found["security"] = [{"token": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
