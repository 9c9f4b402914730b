"""Bodies as they come in: streamed, within limits, and given up when they stall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from tumorlens.errors import UsageError
from tumorlens.scan import parse_spacing
from tumorlens.web.forms import Form, FormReader, boundary_of
from tumorlens.web.problems import ProblemError
from tumorlens.web.security import drain
from tumorlens.web.service import Service

PIECE_BYTES = 2**18
FIELDS = frozenset({"spacing", "slice", "keep_name", "gate"})
MAX_SPACING_MM = 1000.0

_FLAGS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


async def pieces(request: Request, max_bytes: int, idle_s: float) -> AsyncIterator[bytes]:
    """The body in pieces of at least :data:`PIECE_BYTES`, but for the last.

    Raises:
        ProblemError: it exceeds ``max_bytes``, or nothing came for ``idle_s`` seconds.
    """
    stated = request.headers.get("content-length", "")
    too_large = ProblemError(
        "too-large", f"The request is larger than {max_bytes:,} bytes: send fewer files at a time."
    )
    if stated.isdigit() and int(stated) > max_bytes:
        await drain(request.scope, request.receive)
        raise too_large
    stream = request.stream().__aiter__()
    buffer, total = bytearray(), 0
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), idle_s)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise ProblemError("timeout", f"Nothing came for {idle_s:g} s, so the upload was given up.") from None
        total += len(chunk)
        if total > max_bytes:
            raise too_large
        buffer += chunk
        if len(buffer) >= PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


async def read_form(request: Request, service: Service) -> Form:
    """The request's form, its files in temporary files; none is left if this fails.

    Raises:
        ProblemError: it is no form, breaks a limit, or stalls.
        ClientDisconnect: the client has gone.
    """
    settings = service.settings
    boundary = boundary_of(request.headers.get("content-type", ""))
    reader = FormReader(boundary, service.scratch, FIELDS, settings.max_files, settings.max_file_bytes)
    try:
        async for piece in pieces(request, settings.max_body_bytes, settings.idle_limit_s):
            # Parsing and writing happen off the event loop, which has others to answer.
            await run_in_threadpool(reader.feed, piece)
        return reader.finish()
    except BaseException:
        reader.discard()
        raise


async def read_body(request: Request, service: Service, max_bytes: int) -> bytes:
    """The whole body, in memory.

    Raises:
        ProblemError: it exceeds ``max_bytes``, or stalls.
    """
    return b"".join([piece async for piece in pieces(request, max_bytes, service.settings.idle_limit_s)])


def spacing_of(text: str | None) -> tuple[float, float] | None:
    """The field ``spacing``: ``ROW,COL`` in millimetres; nothing for an empty one.

    Raises:
        ProblemError: it is not two numbers above 0 and at most :data:`MAX_SPACING_MM`.
    """
    if text is None or not text.strip():
        return None
    problem = ProblemError(
        "invalid", f"The spacing must be two numbers above 0 and at most {MAX_SPACING_MM:g} mm, ROW,COL."
    )
    try:
        spacing = parse_spacing(text)
    except UsageError:
        raise problem from None
    if max(spacing) > MAX_SPACING_MM:
        raise problem
    return spacing


def slice_of(text: str | None) -> int | None:
    """The field ``slice``: a number from 0; nothing for an empty one.

    Raises:
        ProblemError: it is not one.
    """
    if text is None or not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 7):
        raise ProblemError("invalid", "The slice must be a whole number, the first being 0.")
    return int(text)


def flag_of(name: str, text: str | None, default: bool) -> bool:
    """A field that is ``true`` or ``false``, or ``on`` or ``off``.

    Raises:
        ProblemError: it is neither.
    """
    if text is None or not text.strip():
        return default
    value = _FLAGS.get(text.strip().lower())
    if value is None:
        raise ProblemError("invalid", f"The field {name} must be true or false.")
    return value
