"""The bounded queue, and the bounded memory of what came out of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path

from tumorlens.request import PLAIN, AnalysisRequest
from tumorlens.web.findings import Correction, Entry, Pictures, now
from tumorlens.web.problems import Problem, problem
from tumorlens.web.scratch import remove
from tumorlens.web.settings import Settings

MAX_BATCH = 8
_DOCUMENT_BYTES = 16_384
_FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Task:
    """One scan to be analyzed.

    Attributes:
        name: name to show.
        path: temporary file, removed once it is answered or dropped.
        size: bytes of the file.
        request: what is asked about it.
        keep_name: whether the document may carry the name.
    """

    name: str
    path: Path
    size: int
    request: AnalysisRequest = PLAIN
    keep_name: bool = True


@dataclass(eq=False)
class Job:
    """A task on its way; fields change under the lock of :class:`Jobs` alone."""

    task: Task
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    created: str = field(default_factory=now)
    status: str = "queued"
    started: float = 0.0
    error: Problem | None = None
    document_json: str | None = None
    pictures: Pictures | None = None
    correction: Correction | None = None

    @property
    def nbytes(self) -> int:
        """Memory that its result takes, about."""
        return 0 if self.pictures is None else self.pictures.nbytes + _DOCUMENT_BYTES


class Jobs:
    """Jobs by id: those that wait, those that run, and the last that ended. Safe to use from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._changed = threading.Condition()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: deque[Job] = deque()
        self._kept: OrderedDict[str, Job] = OrderedDict()
        self._kept_bytes = 0
        self._closed = False
        self._rate = 1.0

    def is_full(self) -> bool:
        """Whether not even one small scan would be taken."""
        with self._changed:
            return not self._fits(0)

    def retry_after_s(self) -> int:
        """Seconds until there is room again, judged by how long the last scans took."""
        with self._changed:
            return max(1, round(len(self._waiting) * self._rate / self.settings.jobs / 4))

    def submit(self, task: Task) -> Job | None:
        """Queue a task, or nothing if there is no room."""
        with self._changed:
            if not self._fits(task.size):
                return None
            job = Job(task)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify()
            return job

    def take(self) -> list[Job]:
        """The next batch to work on, once there is one: a fair share of what waits. Empty once closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return []
            share = -(-len(self._waiting) // self.settings.jobs)
            batch = [self._waiting.popleft() for _ in range(min(share, MAX_BATCH))]
            for job in batch:
                job.status, job.started = "running", time.monotonic()
            return batch

    def is_wanted(self, job: Job) -> bool:
        """Whether a job that is worked on was neither cancelled nor given up."""
        with self._changed:
            self._expire(job)
            return job.status == "running"

    def finish(self, job: Job, document_json: str, pictures: Pictures) -> None:
        """Keep the answer, unless it is no longer wanted."""
        with self._changed:
            if job.status == "running":
                self._rate += 0.1 * (time.monotonic() - job.started - self._rate)
                job.document_json, job.pictures = document_json, pictures
                self._end(job, "done")

    def fail(self, job: Job, error: Problem) -> None:
        """Say why there is no answer, unless it is no longer wanted."""
        with self._changed:
            if job.status == "running":
                job.error = error
                self._end(job, "failed")

    def release(self, job: Job) -> None:
        """Forget a job that a database keeps now."""
        with self._changed:
            self._drop(job)

    def entry(self, id_: str) -> Entry | None:
        """What is known of a job, or ``None`` if there is none of that id."""
        with self._changed:
            job = self._jobs.get(id_)
            if job is None:
                return None
            self._expire(job)
            position = self._waiting.index(job) + 1 if job.status == "queued" else None
            pictures = job.pictures
            return Entry(
                id=job.id,
                name=job.task.name,
                created=job.created,
                status=job.status,
                position=position,
                error=None if job.error is None else replace_instance(job.error, job.id),
                document_json=job.document_json,
                load=None if pictures is None else lambda: pictures,
                correction=job.correction,
                has_activation=pictures is not None and pictures.activation is not None,
            )

    def correct(self, id_: str, correction: Correction | None) -> None:
        """Set or remove the corrected mask of a finished job."""
        with self._changed:
            job = self._jobs.get(id_)
            if job is not None and job.status == "done":
                job.correction = correction

    def forget(self, id_: str) -> bool:
        """Cancel a job if it waits or runs, and forget it; whether there was one."""
        with self._changed:
            job = self._jobs.get(id_)
            if job is None:
                return False
            if job.status == "queued":
                self._waiting.remove(job)
                remove(job.task.path)
            if job.status not in _FINAL:
                job.status = "cancelled"
            self._drop(job)
            return True

    def close(self) -> tuple[int, int]:
        """Take no more and drop what waits: how many were dropped, and how many still run."""
        with self._changed:
            self._closed = True
            dropped = list(self._waiting)
            self._waiting.clear()
            for job in dropped:
                job.status = "cancelled"
                remove(job.task.path)
            self._changed.notify_all()
            return len(dropped), sum(job.status == "running" for job in self._jobs.values())

    def gauges(self) -> dict[str, float]:
        """Present counts, for metrics."""
        with self._changed:
            return {
                "tumorlens_queue_length": len(self._waiting),
                "tumorlens_queue_limit": self.settings.queue,
                "tumorlens_queue_bytes": sum(job.task.size for job in self._waiting),
                "tumorlens_running": sum(job.status == "running" for job in self._jobs.values()),
                "tumorlens_results": len(self._kept),
                "tumorlens_results_bytes": self._kept_bytes,
            }

    def _fits(self, size: int) -> bool:
        waiting = sum(job.task.size for job in self._waiting)
        has_place = len(self._waiting) < self.settings.queue
        # A file larger than all of the bound passes if it is alone: it is within its own limit.
        return not self._closed and has_place and (not waiting or waiting + size <= self.settings.queue_bytes)

    def _is_overdue(self, job: Job) -> bool:
        return time.monotonic() - job.started > self.settings.time_limit_s

    def _expire(self, job: Job) -> None:
        if job.status == "running" and self._is_overdue(job):
            job.error = problem(
                "slow", f"The work on this scan exceeded {self.settings.time_limit_s:g} s: crop or shrink it."
            )
            self._end(job, "failed")

    def _end(self, job: Job, status: str) -> None:
        job.status = status
        self._kept[job.id] = job
        self._kept_bytes += job.nbytes
        while len(self._kept) > self.settings.results or (
            self._kept_bytes > self.settings.result_bytes and len(self._kept) > 1
        ):
            self._drop(next(iter(self._kept.values())))

    def _drop(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        if self._kept.pop(job.id, None) is not None:
            self._kept_bytes -= job.nbytes


def replace_instance(error: Problem, id_: str) -> Problem:
    """The problem of one analysis, which says which."""
    return error.model_copy(update={"instance": f"/api/v1/analyses/{id_}"})
