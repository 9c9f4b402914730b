"""Many scans on several threads, answered in the order they were given in."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tumorlens.cli.outputs import Names, Outputs, Request, existing_answer
from tumorlens.cli.summary import Status
from tumorlens.cli.text import well_formed
from tumorlens.errors import InputError, LimitError, TumorlensError
from tumorlens.io import Found
from tumorlens.io.request import ANY, ReadRequest

if TYPE_CHECKING:
    from tumorlens.inference import Analyzer
    from tumorlens.inference.document import AnalysisDocument
    from tumorlens.io.series import LeftOut
    from tumorlens.scan import Scan

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

LARGE_FILE_BYTES = 2**24
_AHEAD_PER_JOB = 4
_POLL_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """What became of one scan.

    Attributes:
        path: as shown to the user.
        status: in one word.
        document: the answer, if there is one.
        error: why there is none.
        left_out: files of a series that could not be read, as shown to the user, and why.
    """

    path: str
    status: Status
    document: AnalysisDocument | None = None
    error: TumorlensError | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def sentence(self) -> str | None:
        """The error in one sentence that any file can hold, or ``None``."""
        return None if self.error is None else well_formed(str(self.error))


@dataclass(frozen=True)
class Worker:
    """Reads, analyzes and writes one scan at a time; may be called from several threads.

    Every scan is a batch of its own on one thread of ONNX Runtime, so that its answer has the same bytes whatever
    scans and however many threads there are beside it.
    """

    analyzer: Analyzer
    request: Request
    names: Names
    overwrite: bool
    reading: ReadRequest = ANY
    _large: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, found: Found) -> Outcome:
        """The outcome of one scan; an error becomes a failed one."""
        path = self.names.path(found)
        try:
            return self._outcome(found, path)
        except TumorlensError as error:
            shown = type(error)(self.names.redacted(str(error), found))
        except MemoryError:
            shown = LimitError("This scan takes more memory than this machine has free: crop or shrink it.")
        except Exception as error:  # a batch of hours must not end for one scan
            shown = InputError(
                f"This scan met an unforeseen {type(error).__name__} in tumorlens: please report it as a bug."
            )
        return Outcome(path, "failed", error=shown)

    def _outcome(self, found: Found, path: str) -> Outcome:
        if found.error is not None:
            raise found.error
        outputs = self.names.outputs(found)
        if outputs is not None and not self.overwrite and os.path.lexists(outputs.json):
            return Outcome(path, "skipped", self._existing(outputs, found))
        left_out: LeftOut = []
        # Volumes may take a gigabyte each.
        with nullcontext() if sum(_size(one) for one in found.content) < LARGE_FILE_BYTES else self._large:
            document = self._analyze(found, path, outputs, left_out)
        lost = tuple((self._part(found, file), well_formed(str(error))) for file, error in left_out)
        return Outcome(path, "refused" if document.status == "refused" else "ok", document, left_out=lost)

    def _part(self, found: Found, file: Path) -> str:
        """What a file of a series is called before the user; by its number where names are to be hidden."""
        if self.names.anonymous or not file.is_relative_to(found.path.parent):
            return f"{self.names.path(found)} file {found.content.index(file) + 1}"
        return well_formed(str(file))

    def _existing(self, outputs: Outputs, found: Found) -> AnalysisDocument:
        import hashlib

        from tumorlens.io.file_bytes import read_bytes
        from tumorlens.io.series import series_digest

        if len(found.content) > 1:
            return existing_answer(outputs, self.request, series_digest(found.content))
        return existing_answer(outputs, self.request, hashlib.sha256(read_bytes(found.content[0])).hexdigest())

    def _read(self, found: Found, left_out: LeftOut) -> Scan:
        from tumorlens.io import read_scan
        from tumorlens.io.series import read_series

        if len(found.content) > 1:
            return read_series(found.content, self.reading, left_out)
        return read_scan(found.content[0], self.reading)

    def _analyze(self, found: Found, shown: str, outputs: Outputs | None, left_out: LeftOut) -> AnalysisDocument:
        from tumorlens.inference.document import AnalysisDocument

        started = time.perf_counter()
        scan = self._read(found, left_out)
        reading_s = time.perf_counter() - started
        analysis = self.analyzer.analyze(scan, self.request.asked)
        timings = dict(analysis.timings or {})
        timings["read"] = timings.get("read", 0.0) + reading_s
        source = replace(analysis.scan.source, path=shown)
        analysis = replace(analysis, timings=timings, scan=analysis.scan.with_source(source))
        values = analysis.to_dict()
        document = AnalysisDocument.model_validate(values)
        if outputs is not None:
            outputs.write(analysis, document, overwrite=self.overwrite)
        return document


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def in_order(work: Callable[[_Item], _Answer], items: Iterable[_Item], jobs: int) -> Iterator[_Answer]:
    """Answers of ``work`` on ``jobs`` threads, in the order of the items, with few of them under way at a time.

    When the caller stops early, or on Ctrl-C, work that has begun is finished and no other is begun.
    """
    pending: deque[Future[_Answer]] = deque()
    with ThreadPoolExecutor(jobs, thread_name_prefix="tumorlens") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= _AHEAD_PER_JOB * jobs:
                    yield _result(pending.popleft())
            while pending:
                yield _result(pending.popleft())
        finally:
            for one in pending:
                one.cancel()
            if pending:
                _finish(pool)


def _finish(pool: ThreadPoolExecutor) -> None:
    """Waits for the work under way; a second Ctrl-C or SIGTERM does not cut it off."""
    if threading.current_thread() is not threading.main_thread():
        pool.shutdown(wait=True, cancel_futures=True)
        return
    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        pool.shutdown(wait=True, cancel_futures=True)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _result(future: Future[_Answer]) -> _Answer:
    """The answer once it is there; waiting in short steps lets Ctrl-C through on every system."""
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                raise


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
