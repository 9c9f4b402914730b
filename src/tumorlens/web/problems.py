"""Errors as RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from tumorlens.errors import LimitError, TumorlensError

MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:tumorlens:problem:"

KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is malformed"),
    "no-token": (401, "A token is needed"),
    "cross-site": (403, "The request comes from another site"),
    "not-found": (404, "Not found"),
    "method": (405, "Method not allowed"),
    "timeout": (408, "The upload stalled"),
    "conflict": (409, "Not possible now"),
    "too-large": (413, "Too large"),
    "unsupported": (415, "Not a format that is read"),
    "wrong-host": (421, "Wrong host name"),
    "invalid": (422, "Not valid"),
    "unreadable": (422, "The scan cannot be read"),
    "queue-full": (429, "The queue is full"),
    "internal": (500, "The server failed"),
    "not-ready": (503, "Not ready"),
    "slow": (504, "The analysis took too long"),
}


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="URN of the kind of problem.", examples=["urn:tumorlens:problem:not-found"])
    title: str = Field(description="The kind in words.", examples=["Not found"])
    status: int = Field(description="HTTP status.", ge=400, le=599, examples=[404])
    detail: str = Field(description="One sentence fit for a user.", examples=["There is no such analysis."])
    instance: str | None = Field(default=None, description="Path of what the problem is about.")


def problem(kind: str, detail: str, instance: str | None = None) -> Problem:
    """A problem of one of the :data:`KINDS`."""
    status, title = KINDS[kind]
    return Problem(type=_PREFIX + kind, title=title, status=status, detail=detail, instance=instance)


def of_error(error: TumorlensError, instance: str | None = None) -> Problem:
    """The problem that a deliberate error of the package is."""
    return problem("too-large" if isinstance(error, LimitError) else "unreadable", str(error), instance)


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        kind: one of :data:`KINDS`.
        detail: one sentence fit for a user.
        headers: headers of the response.
    """

    def __init__(self, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = problem(kind, detail)
        self.headers = headers or {}


def response(found: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The problem as an HTTP response."""
    return JSONResponse(found.model_dump(), found.status, headers=headers, media_type=MEDIA_TYPE)


def documented(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for the kinds of problem that an operation may end in, beside those that any may."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in (*kinds, "bad-request", "no-token", "wrong-host", "invalid"):
        status, title = KINDS[kind]
        example = problem(kind, title + ".").model_dump()
        found[status] = {
            "description": title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
        }
    return found
