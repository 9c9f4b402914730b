"""Routes that take scans, say what became of them, and let go of them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from tumorlens.request import AnalysisRequest
from tumorlens.web import problems, receiving
from tumorlens.web.forms import Form
from tumorlens.web.items import BASE, Accepted, Corrected, Item, Items, NoteBody, item
from tumorlens.web.jobs import Task
from tumorlens.web.names import clean_text, content_disposition, decode_name
from tumorlens.web.problems import Problem, ProblemError, documented
from tumorlens.web.render import table_csv
from tumorlens.web.scratch import remove
from tumorlens.web.security import drain
from tumorlens.web.service import Service

MAX_IDS = 256
MAX_MASK_BYTES = 32 * 2**20
MAX_AUTHOR, MAX_ACTION = 80, 40

Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{22}$", examples=["q3fN0m0f1Yw0bqgk0XyRHA"])]
Ids = Annotated[
    str, Query(pattern="^[A-Za-z0-9_,-]{0,6000}$", description=f"Identifiers, comma-separated, at most {MAX_IDS}.")
]
Original = Annotated[bool, Query(description="The model's mask and measurements, though they were corrected.")]

_FILE = {"type": "string", "format": "binary"}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "additionalProperties": False,
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": _FILE,
                            "description": "Scans, or ZIP of them.",
                        },
                        "spacing": {
                            "type": "string",
                            "pattern": r"^[1-9]\.[0-9]{1,3},[1-9]\.[0-9]{1,3}$",
                            "description": "ROW,COL in millimetres, for files that state none.",
                            "example": "0.49,0.49",
                        },
                        "slice": {"type": "integer", "minimum": 0, "maximum": 9_999_999},
                        "keep_name": {"type": "boolean", "default": True},
                        "gate": {
                            "type": "string",
                            "enum": ["on", "off"],
                            "default": "on",
                            "description": "Off reads also what does not look like a brain MRI, with a warning.",
                        },
                    },
                }
            }
        },
    }
}
_PNG_BODY = {"requestBody": {"required": True, "content": {"image/png": {"schema": _FILE}}}}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}

router = APIRouter(tags=["analyses"])


def service_of(request: Request) -> Service:
    """The service that the application was made with."""
    found: Service = request.app.state.service
    return found


@router.post(
    BASE,
    status_code=202,
    response_model=Accepted,
    openapi_extra=_FORM,
    responses=documented("queue-full", "cross-site", "too-large", "unsupported", "timeout", "not-ready"),
)
async def create(request: Request) -> Response:
    """Queue scans: one or many files, also ZIP archives of them. Answers at once, with an identifier for each."""
    service = service_of(request)
    if service.jobs.is_full() or service.uploading >= service.settings.max_uploads:
        await drain(request.scope, request.receive)
        raise queue_full(service)
    service.uploading += 1
    try:
        form = await receiving.read_form(request, service)
        return await run_in_threadpool(_queue, service, form)
    finally:
        service.uploading -= 1


def queue_full(service: Service) -> ProblemError:
    """The refusal of a request for which there is no room."""
    seconds = str(service.jobs.retry_after_s())
    return ProblemError("queue-full", f"The queue is full: try again in about {seconds} s.", {"Retry-After": seconds})


def _queue(service: Service, form: Form) -> Response:
    """Queue what a form holds; its files belong to the queue afterwards, or are gone."""
    pending = list(form.uploads)
    try:
        spacing = receiving.spacing_of(form.fields.get("spacing"))
        index = receiving.slice_of(form.fields.get("slice"))
        keep_name = receiving.flag_of("keep_name", form.fields.get("keep_name"), default=True)
        gate = receiving.flag_of("gate", form.fields.get("gate"), default=True)
        if not (form.uploads or form.refused):
            raise ProblemError("invalid", "The form holds no file: send each scan as a field 'files'.")
        tasks: list[Task] = []
        refused = list(form.refused)
        while pending:
            good, bad = service.admit(pending.pop(0))
            refused += bad
            for one in good:
                name = one.name if keep_name else f"Scan {len(tasks) + 1}"
                tasks.append(Task(name, one.path, one.size, AnalysisRequest(spacing, index, gate), keep_name))
    except BaseException:
        for upload in pending:
            remove(upload.path)
        raise
    most = service.settings.max_files
    jobs, full = service.submit(tasks[:most])
    refused += full
    for task in tasks[most:]:
        remove(task.path)
        problem = problems.problem("too-large", f"A request may bring {most:,} files: send the rest in another.")
        refused.append((task.name, problem))
    if not keep_name:
        refused = [(f"Refused {number}", one) for number, (_, one) in enumerate(refused, 1)]
    return accepted(service, [job.id for job in jobs], refused)


def accepted(service: Service, ids: list[str], refused: list[tuple[str, Problem]]) -> Response:
    """The answer to a request that brought scans; a problem where none was taken."""
    for _, one in refused:
        service.metrics.count("tumorlens_uploads_refused_total", kind=one.type.rpartition(":")[2])
    if not ids:
        first = refused[0][1]
        headers = {"Retry-After": str(service.jobs.retry_after_s())} if first.status == 429 else None
        return problems.response(first, headers)
    entries = [service.find(one) for one in ids]
    content = {
        "analyses": [item(one) for one in entries if one is not None],
        "rejected": [{"name": name, "problem": one.model_dump()} for name, one in refused],
    }
    return JSONResponse(content, 202)


@router.get(BASE, response_model=Items, responses=documented())
def several(
    request: Request,
    ids: Ids = "",
    q: Annotated[str, Query(max_length=200, description="Text in name, note or label (with a database).")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Some analyses by identifier (unknown ones are left out), or a search of the database, the newest first."""
    service = service_of(request)
    if ids:
        found = [entry for entry in map(service.find, _split(ids)) if entry is not None]
        return JSONResponse({"analyses": [item(entry) for entry in found], "total": len(found)})
    if service.store is None:
        return JSONResponse({"analyses": [], "total": 0})
    entries, total = service.store.search(q, limit, offset)
    return JSONResponse({"analyses": [item(entry) for entry in entries], "total": total})


@router.get(f"{BASE}.csv", response_class=Response, responses={**documented(), **_CSV})
def table(request: Request, ids: Ids, original: Original = False) -> Response:
    """The finished and failed ones as a table with the columns of ``summary.csv``."""
    service = service_of(request)
    found = [entry for entry in map(service.find, _split(ids)) if entry is not None]
    headers = {"Content-Disposition": content_disposition("summary.csv", "attachment")}
    return Response(table_csv(found, original), headers=headers, media_type="text/csv; charset=utf-8")


@router.get(BASE + "/{id}", response_model=Item, responses=documented("not-found"))
def one(request: Request, id: Id) -> Response:
    """One analysis and what became of it."""
    return JSONResponse(item(service_of(request).entry(id)))


@router.delete(
    BASE + "/{id}", status_code=204, response_class=Response, responses=documented("not-found", "cross-site")
)
def forget(request: Request, id: Id) -> Response:
    """Cancel an analysis if it waits or runs, and forget it."""
    service_of(request).forget(id)
    return Response(status_code=204)


@router.patch(BASE + "/{id}", response_model=Item, responses=documented("not-found", "conflict", "cross-site"))
def annotate(request: Request, id: Id, body: NoteBody) -> Response:
    """Set the note of an analysis; possible with a database only."""
    return JSONResponse(item(service_of(request).note(id, body.note)))


@router.put(
    BASE + "/{id}/mask",
    response_model=Corrected,
    openapi_extra=_PNG_BODY,
    responses=documented("not-found", "conflict", "cross-site", "too-large", "unsupported", "timeout"),
)
async def correct(request: Request, id: Id) -> Response:
    """Replace the mask by a drawn one (8-bit grey PNG of 0 and 255, of the scan's size), and measure it.

    The headers ``X-Author`` and ``X-Action`` say who did what; both are kept with the correction.
    """
    service = service_of(request)
    await run_in_threadpool(service.entry, id)
    body = await receiving.read_body(request, service, MAX_MASK_BYTES)
    author = _plain(request.headers.get("x-author", ""), MAX_AUTHOR)
    action = _plain(request.headers.get("x-action", ""), MAX_ACTION) or "edit"
    entry = await run_in_threadpool(service.correct, id, body, author, action)
    return JSONResponse(_correction_of(entry.correction))


@router.delete(
    BASE + "/{id}/mask",
    status_code=204,
    response_class=Response,
    responses=documented("not-found", "conflict", "cross-site"),
)
def uncorrect(request: Request, id: Id) -> Response:
    """Remove the drawn mask, so that the model's counts again."""
    service_of(request).correct(id, None)
    return Response(status_code=204)


def _correction_of(correction: Any) -> dict[str, Any]:
    # Another request may have removed it in the meantime.
    if correction is None:
        raise ProblemError("conflict", "The correction was removed in this moment: draw it again.")
    found: dict[str, Any] = correction.to_dict()
    return found


def _plain(text: str, most: int) -> str:
    """The text of a header (percent-encoded or plain UTF-8, which arrives as Latin-1), cleaned."""
    raw = unquote_to_bytes(text.encode("latin-1", "replace"))
    return clean_text(decode_name(raw))[:most]


def _split(ids: str) -> list[str]:
    found = list(dict.fromkeys(one for one in ids.split(",") if one))
    if len(found) > MAX_IDS:
        raise ProblemError("invalid", f"There are {len(found)} identifiers, and the limit is {MAX_IDS}: ask in parts.")
    return found
