"""Files over HTTP: resumed where a connection was cut, and taken only with the right checksum."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tumorlens._version import __version__
from tumorlens.errors import DatasetError, OutputError

TIMEOUT_SECONDS = 30.0
ATTEMPTS = 5
CHUNK_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 1 << 22
Progress = Callable[[int, int | None], None]


class DownloadError(DatasetError):
    """A file could not be had; the sentence says why and not what the server answered."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        url: ``https`` or ``http`` address.
        name: plain file name on disk.
        size: bytes, or ``None`` where not published.
        md5: hex digest, or ``None`` where not published.
        sha256: hex digest, or ``None`` where not published.
    """

    url: str
    name: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None


def fetch_json(url: str) -> Any:
    """A JSON document.

    Raises:
        DownloadError: it cannot be had, or is no JSON.
    """
    with _open(url, {}) as answer:
        try:
            return json.loads(answer.read(MAX_DOCUMENT_BYTES))
        except (ValueError, OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{_shown(url)} answered with something that is no JSON: try again later.") from error


def fetch(
    file: RemoteFile,
    folder: Path,
    progress: Progress = lambda done, total: None,
    *,
    max_bytes: int = 1 << 34,
    pause: float = 1.0,
) -> Path:
    """Download a file into ``folder``; what an earlier try has left in ``<name>.part`` is gone on from.

    A cut connection is taken up again where it broke, up to five times in a row without a new byte. A server that
    does not answer ranges, or whose file has changed meanwhile (``ETag``, ``Last-Modified``), starts from zero.

    Args:
        file: what to fetch.
        folder: where to put it.
        progress: called with the bytes there are, and with the total if known.
        max_bytes: largest size taken.
        pause: seconds before the first retry; doubled with each.

    Returns:
        The file, whole and with the right checksum.

    Raises:
        DownloadError: out of reach, refused, too large, or another content than the checksum says.
        OutputError: it cannot be written.
    """
    target, part, note = (folder / f"{file.name}{ending}" for ending in ("", ".part", ".part.json"))
    try:
        if target.is_file() and _mismatch(target, file) is None:
            return target
        failures = 0
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                _go_on(file, part, note, progress, max_bytes)
                break
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno is not None and not _is_network(error):
                    raise
                failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
                if failures >= ATTEMPTS:
                    raise DownloadError(
                        f"The connection to {urlsplit(file.url).hostname} breaks again and again: run the same command "
                        "later, and it goes on from where it stopped."
                    ) from error
                time.sleep(pause * 2**failures if failures else 0)
        wrong = _mismatch(part, file)
        if wrong is not None:
            part.unlink()
            note.unlink(missing_ok=True)
            raise DownloadError(f"{file.name} from {_shown(file.url)} has {wrong}: it was removed, try again.")
        part.replace(target)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"'{part}' cannot be written ({error.strerror or error}): free some space, or choose another folder."
        ) from error
    return target


def _go_on(file: RemoteFile, part: Path, note: Path, progress: Progress, max_bytes: int) -> None:
    """One connection: appends to what is there, or starts again where that is of no use."""
    have = part.stat().st_size if part.exists() else 0
    mark = _mark(note, file.url) if have else None
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if have and mark else {}
    if not headers:
        have = 0
    try:
        answer = _open(file.url, headers)
    except _RangeRefusedError:
        part.unlink()
        return _go_on(file, part, note, progress, max_bytes)
    with answer:
        if answer.status == 206 and _start(answer) != have:
            part.unlink()
            return _go_on(file, part, note, progress, max_bytes)
        if answer.status != 206:
            have = 0
            mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            note.write_text(json.dumps({"url": file.url, "mark": mark}), encoding="utf-8")
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else file.size
        _check_size(file, max(total or 0, have), max_bytes)
        with part.open("ab" if have else "wb") as stream:
            while chunk := answer.read(CHUNK_BYTES):
                have += len(chunk)
                _check_size(file, have, max_bytes)
                stream.write(chunk)
                stream.flush()
                progress(have, total)
        if total is not None and have < total:
            raise http.client.IncompleteRead(b"", total - have)
    return None


class _RangeRefusedError(Exception):
    """The server has no such range: what is there already is not the beginning of its file."""


def _open(url: str, headers: dict[str, str]) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{_shown(url)} is no http or https address, and no other is fetched.")
    request = urllib.request.Request(url, headers={"User-Agent": f"tumorlens/{__version__}", **headers})
    try:
        # An opener of its own: the one that urlopen shares keeps the proxies of its first call for good.
        return urllib.request.build_opener().open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and headers:
            raise _RangeRefusedError from None
        if error.code in (429, 500, 502, 503, 504) and headers:
            raise ConnectionResetError from None
        raise DownloadError(f"{_shown(url)} answers {error.code} ({error.reason}).") from None
    except urllib.error.URLError as error:
        raise DownloadError(f"{urlsplit(url).hostname} cannot be reached from this machine.") from error


def _shown(url: str) -> str:
    """An address without query and user, either of which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _start(answer: Any) -> int | None:
    unit, _, span = (answer.headers.get("Content-Range") or "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _mark(note: Path, url: str) -> str | None:
    try:
        stated = json.loads(note.read_text(encoding="utf-8"))
        # A weak tag promises no equal bytes, and must not be used with a range (RFC 9110, section 13.1.5).
        mark = stated["mark"] if stated["url"] == url else None
        return mark if isinstance(mark, str) and not mark.startswith("W/") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_size(file: RemoteFile, size: int, limit: int) -> None:
    if size > limit:
        raise DownloadError(f"{file.name} is larger than the limit of {limit / 1e9:,.1f} GB: it is not fetched.")


def _is_network(error: OSError) -> bool:
    return isinstance(error, ConnectionError | TimeoutError)


def _mismatch(path: Path, file: RemoteFile) -> str | None:
    """In what way a file is not the published one, or ``None``."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"{size:,} bytes instead of {file.size:,}"
    for name, stated in (("md5", file.md5), ("sha256", file.sha256)):
        if stated is not None:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, name).hexdigest()
            if found != stated.lower():
                return f"the {name} {found} instead of {stated}"
    return None
