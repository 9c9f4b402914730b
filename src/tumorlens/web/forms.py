"""Multipart forms streamed to temporary files, whatever the body claims to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tumorlens.web.names import clean_name, decode_name
from tumorlens.web.problems import Problem, ProblemError
from tumorlens.web.scratch import Scratch, remove

FILES_FIELD = "files"
MAX_FIELD_BYTES = 256
MAX_HEADER_BYTES = 8192
MAX_NAME_BYTES = 1024


@dataclass(frozen=True)
class Upload:
    """One file that came in: its name for show, and the temporary file that holds it."""

    name: str
    path: Path
    size: int


@dataclass
class Form:
    """What a form held: files, other fields by name, and the files that broke a limit."""

    uploads: list[Upload] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, Problem]] = field(default_factory=list)


class FormReader:
    """Takes a multipart body (RFC 7578) in pieces of any size.

    Args:
        boundary: the one that the content type states.
        scratch: where files go.
        allowed: names of the fields beside ``files`` that there may be.
        max_files: most files.
        max_file_bytes: largest file; a larger one is left out, and listed in ``refused``.

    Raises:
        ProblemError: the boundary is none.
    """

    def __init__(
        self, boundary: bytes, scratch: Scratch, allowed: frozenset[str], max_files: int, max_file_bytes: int
    ) -> None:
        self.form = Form()
        self._scratch, self._allowed = scratch, allowed
        self._max_files, self._max_file_bytes = max_files, max_file_bytes
        self._ended = False
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._part: _Part | None = None
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise ProblemError("bad-request", "The form's boundary is longer than a form's may be.") from error

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            ProblemError: the body is no form, or breaks a limit as a whole.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ProblemError("bad-request", "The body is no multipart form: send the files in one.") from error

    def finish(self) -> Form:
        """The form, complete.

        Raises:
            ProblemError: the body ended before the form did.
        """
        if not self._ended:
            raise ProblemError("bad-request", "The body ends before its form does: send it again.")
        return self.form

    def discard(self) -> None:
        """Remove every file of the form."""
        if self._part is not None:
            self._part.abandon()
            self._part = None
        for upload in self.form.uploads:
            remove(upload.path)
        self.form.uploads.clear()

    def _callbacks(self) -> Any:
        def sliced(take: Callable[[bytes], None]) -> Callable[[bytes, int, int], None]:
            return lambda data, start, end: take(data[start:end])

        return {
            "on_part_begin": self._begin,
            "on_header_field": sliced(self._header_name),
            "on_header_value": sliced(self._header_value),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": sliced(self._data),
            "on_part_end": self._end,
            "on_end": self._finished,
        }

    def _begin(self) -> None:
        self._headers, self._name, self._value, self._header_bytes = {}, b"", b"", 0

    def _header_name(self, piece: bytes) -> None:
        self._count_header(piece)
        self._name += piece

    def _header_value(self, piece: bytes) -> None:
        self._count_header(piece)
        self._value += piece

    def _count_header(self, piece: bytes) -> None:
        self._header_bytes += len(piece)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ProblemError("bad-request", f"The headers of a form's part exceed {MAX_HEADER_BYTES:,} bytes.")

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = decode_name(options.get(b"name", b""))
        if kind != b"form-data" or not name:
            raise ProblemError("bad-request", "A part of the form has no name: send each file as the field 'files'.")
        if name == FILES_FIELD:
            self._begin_file(options.get(b"filename", b"")[:MAX_NAME_BYTES])
        elif name not in self._allowed:
            raise ProblemError(
                "invalid", f"There is a field that is not known: send 'files', and of others {sorted(self._allowed)}."
            )
        elif name in self.form.fields:
            raise ProblemError("invalid", f"The field '{name}' comes twice: send it once.")
        else:
            self._part = _FieldPart(name)

    def _begin_file(self, raw_name: bytes) -> None:
        if len(self.form.uploads) + len(self.form.refused) >= self._max_files:
            raise ProblemError("too-large", f"A request may bring {self._max_files:,} files: send the rest in another.")
        self._part = _FilePart(clean_name(decode_name(raw_name)), self._scratch.new_file(), self._max_file_bytes)

    def _data(self, piece: bytes) -> None:
        if self._part is not None:
            self._part.write(piece)

    def _end(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.end(self.form)

    def _finished(self) -> None:
        self._ended = True


class _FilePart:
    def __init__(self, name: str, path: Path, limit: int) -> None:
        self.name, self.path, self.limit = name, path, limit
        self.size = 0
        self._file: BinaryIO = path.open("xb")

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= self.limit:
            self._file.write(piece)

    def end(self, form: Form) -> None:
        self._file.close()
        if self.size <= self.limit:
            form.uploads.append(Upload(self.name, self.path, self.size))
            return
        remove(self.path)
        error = ProblemError(
            "too-large", f"This file is {self.size:,} bytes, and the limit is {self.limit:,}: crop it."
        )
        form.refused.append((self.name, error.problem))

    def abandon(self) -> None:
        self._file.close()
        remove(self.path)


class _FieldPart:
    def __init__(self, name: str) -> None:
        self.name = name
        self._value = bytearray()

    def write(self, piece: bytes) -> None:
        if len(self._value) + len(piece) > MAX_FIELD_BYTES:
            raise ProblemError("invalid", f"The field '{self.name}' is longer than {MAX_FIELD_BYTES} bytes.")
        self._value += piece

    def end(self, form: Form) -> None:
        form.fields[self.name] = decode_name(bytes(self._value))

    def abandon(self) -> None:
        """Nothing to remove."""


_Part = _FilePart | _FieldPart


def boundary_of(content_type: str) -> bytes:
    """The boundary in a ``Content-Type`` header.

    Raises:
        ProblemError: the body is no multipart form, or has no boundary.
    """
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if kind != b"multipart/form-data":
        raise ProblemError("unsupported", "The body must be multipart/form-data, with each scan as a field 'files'.")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise ProblemError("bad-request", "The content type states no boundary of the form.")
    return boundary
