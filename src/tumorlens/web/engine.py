"""Worker threads that turn queued jobs into answers, in small batches."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tumorlens.errors import TumorlensError
from tumorlens.request import AnalysisRequest
from tumorlens.web.findings import Pictures
from tumorlens.web.jobs import Job, Jobs
from tumorlens.web.metrics import Metrics
from tumorlens.web.problems import Problem, of_error, problem
from tumorlens.web.scratch import remove

if TYPE_CHECKING:
    from tumorlens.inference import Analysis, Analyzer
    from tumorlens.scan import Slice
    from tumorlens.web.store import Store

BATCH_PIXELS = 2**22
"""Pixels from which a batch is closed, so that large pictures are not held side by side."""

REFUSED = "refused"
"""Stands for the label of what the gate refused, where a search or a count wants a word."""

_log = logging.getLogger("tumorlens.web")


@dataclass(frozen=True, eq=False)
class _Opened:
    job: Job
    scan: Slice
    index: int | None
    count: int
    reading_s: float


class Engine:
    """Works on the jobs of one queue until it is closed.

    ONNX Runtime and OpenCV let go of the interpreter's lock while they compute, so that threads are enough to keep
    the server answering.
    """

    def __init__(self, analyzer: Analyzer, jobs: Jobs, metrics: Metrics, store: Store | None = None) -> None:
        self._analyzer, self._jobs, self._metrics, self._store = analyzer, jobs, metrics, store
        self._threads: list[threading.Thread] = []
        self._step_began: dict[int, float] = {}

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._jobs.settings.jobs):
            thread = threading.Thread(target=self._work, name=f"analysis-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def is_alive(self) -> bool:
        """Whether the threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def is_stuck(self) -> bool:
        """Whether some thread has been at one step for longer than a scan may take."""
        limit = time.monotonic() - self._jobs.settings.time_limit_s
        return any(began < limit for began in list(self._step_began.values()))

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads to end, after the queue was closed; whether they did."""
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while batch := self._jobs.take():
            opened: list[_Opened] = []
            for job in batch:
                one = self._open(job)
                if one is not None:
                    opened.append(one)
                if sum(item.scan.pixels.size for item in opened) >= BATCH_PIXELS:
                    self._answer(opened)
                    opened = []
            if opened:
                self._answer(opened)
            self._step_began.pop(threading.get_ident(), None)

    def _open(self, job: Job) -> _Opened | None:
        """Read a job's file, and remove it."""
        from tumorlens.inference.scans import open_slice
        from tumorlens.io import read_scan
        from tumorlens.io.request import ReadRequest

        self._step_began[threading.get_ident()] = time.monotonic()
        started = time.perf_counter()
        task = job.task
        try:
            if not self._jobs.is_wanted(job):
                return None
            read = read_scan(task.path, ReadRequest(memory=self._jobs.settings.scan_bytes))
            found = open_slice(read, task.request)
            source = replace(found.scan.source, path=task.name if task.keep_name else None)
            scan = found.scan.with_source(source)
        except Exception as error:  # one bad scan must not end the thread that serves all others
            self._fail(job, error)
            return None
        finally:
            remove(task.path)
        return _Opened(job, scan, found.index, found.count, time.perf_counter() - started)

    def _answer(self, opened: list[_Opened]) -> None:
        """Analyze a batch; if that fails, each of its scans alone, so that one cannot spoil the others."""
        for gate in (True, False):
            wanted = [one for one in opened if one.job.task.request.gate == gate and self._jobs.is_wanted(one.job)]
            if wanted:
                self._answer_alike(wanted, gate)

    def _answer_alike(self, wanted: list[_Opened], gate: bool) -> None:
        from tumorlens.inference import Failure

        self._step_began[threading.get_ident()] = time.monotonic()
        self._metrics.count("tumorlens_batches_total")
        started = time.perf_counter()
        try:
            answers = list(self._analyzer.analyze_many([one.scan for one in wanted], AnalysisRequest(gate=gate)))
        except Exception as error:  # see _open
            if len(wanted) == 1:
                self._fail(wanted[0].job, error)
            else:
                for one in wanted:
                    self._answer([one])
            return
        took = (time.perf_counter() - started) / len(wanted)
        for one, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Failure):
                self._fail(one.job, answer.error)
            else:
                self._metrics.time("tumorlens_analysis_seconds", took + one.reading_s)
                self._keep(one, answer)

    def _keep(self, opened: _Opened, analysis: Analysis) -> None:
        job = opened.job
        try:
            timings = {**(analysis.timings or {}), "read": opened.reading_s}
            complete = replace(analysis, slice_index=opened.index, slice_count=opened.count, timings=timings)
            document, pictures = complete.to_json(), Pictures.of(complete)
            if not self._jobs.is_wanted(job):
                return
            if self._store is not None:
                self._store.add(job.id, job.task.name, job.created, complete.label or REFUSED, document, pictures)
        except Exception as error:  # see _open
            self._fail(job, error)
            return
        self._jobs.finish(job, document, pictures)
        self._metrics.count("tumorlens_analyses_total", status="done" if complete.label else REFUSED)
        if self._store is not None:
            # Whoever cancelled it in the meantime does not want it kept.
            if job.status == "done":
                self._jobs.release(job)
            else:
                self._store.delete(job.id)

    def _fail(self, job: Job, error: Exception) -> None:
        self._metrics.count("tumorlens_analyses_total", status="failed")
        self._jobs.fail(job, _problem_of(error))


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, TumorlensError):
        return of_error(error)
    # The message is left out of log and answer: it may quote what a file holds about a patient.
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("An analysis failed unforeseen with %s:\n%s", type(error).__name__, places)
    if isinstance(error, MemoryError):
        return problem("internal", "The server has not enough memory for this scan: crop or shrink it.")
    return problem("internal", f"The work on this scan failed unforeseen ({type(error).__name__}): report it.")
