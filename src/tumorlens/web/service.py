"""``Service``: what the routes work with, started and stopped as one."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tumorlens.web.archives import ArchiveLimits, Unpacker
from tumorlens.web.content import check_content, is_zip
from tumorlens.web.engine import Engine
from tumorlens.web.findings import Correction, Entry, corrected
from tumorlens.web.forms import Upload
from tumorlens.web.jobs import Job, Jobs, Task
from tumorlens.web.metrics import Metrics, resident_bytes
from tumorlens.web.problems import Problem, ProblemError, problem
from tumorlens.web.render import Finished, decode_mask
from tumorlens.web.scratch import Scratch, remove
from tumorlens.web.settings import Settings
from tumorlens.web.store import Store

if TYPE_CHECKING:
    from tumorlens.inference import Analyzer, Manifest

_log = logging.getLogger("tumorlens.web")


class Service:
    """Queue, workers, results and database of one server.

    Args:
        settings: bounds and paths.
        analyzer: the models; ``None`` for those that ship.

    Raises:
        WeightsError: a model is missing or altered.
        OutputError: the database cannot be used.
    """

    def __init__(self, settings: Settings, analyzer: Analyzer | None = None) -> None:
        from tumorlens.inference import Analyzer

        self.settings = settings
        self.analyzer = analyzer or Analyzer(threads=1)
        self.metrics = Metrics()
        self.store = None if settings.store is None else Store(settings.store)
        self.jobs = Jobs(settings)
        self.engine = Engine(self.analyzer, self.jobs, self.metrics, self.store)
        self.uploading = 0
        self._scratch: Scratch | None = None

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """Manifests of the models."""
        return self.analyzer.manifests

    @property
    def scratch(self) -> Scratch:
        """The folder of temporary files, once started."""
        if self._scratch is None:
            raise ProblemError("not-ready", "The server is not started, or is stopping: try again in a moment.")
        return self._scratch

    def start(self) -> None:
        """Sweep what crashed servers left, and start the workers."""
        self._scratch = Scratch()
        self.engine.start()

    def stop(self) -> None:
        """Drop what waits, finish what runs, and remove every temporary file; says so in the log."""
        dropped, running = self.jobs.close()
        if dropped or running:
            _log.warning("Stopping: %d running scan(s) are finished, %d waiting are dropped.", running, dropped)
        if not self.engine.join(self.settings.time_limit_s):
            _log.warning("A scan was still running after %g s, and was dropped.", self.settings.time_limit_s)
        elif self.store is not None:
            self.store.close()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def is_ready(self) -> bool:
        """Whether a scan that comes now would be worked on."""
        return self._scratch is not None and self.engine.is_alive() and not self.engine.is_stuck()

    def find(self, id_: str) -> Entry | None:
        """An analysis, wherever it is kept."""
        found = self.jobs.entry(id_)
        # A finished one leaves memory only after it has reached the database, so nothing is missed in between.
        if found is None and self.store is not None:
            return self.store.get(id_)
        return found

    def entry(self, id_: str) -> Entry:
        """An analysis, wherever it is kept.

        Raises:
            ProblemError: there is none of that id.
        """
        found = self.find(id_)
        if found is None:
            raise ProblemError("not-found", "There is no such analysis: it was deleted, forgotten, or never made.")
        return found

    def finished(self, id_: str, original: bool = False) -> Finished:
        """A finished analysis with its pictures.

        Args:
            id_: its identifier.
            original: leave out the correction.

        Raises:
            ProblemError: there is none, or it is not finished.
        """
        entry = self.entry(id_)
        document = entry.current(original)
        if document is None or entry.load is None:
            raise ProblemError("conflict", f"This analysis is {entry.status}, so it has no pictures.")
        try:
            return Finished(entry, document, entry.load())
        except LookupError:
            raise ProblemError("not-found", "There is no such analysis: it was deleted in this moment.") from None

    def correct(self, id_: str, png: bytes | None, author: str = "", action: str = "edit") -> Entry:
        """Set the corrected mask of a finished analysis, or remove it for ``None``.

        Raises:
            ProblemError: there is no such analysis, it is not finished, or the mask is not one.
        """

        def change(entry: Entry) -> Correction | None:
            document = entry.document
            if document is None:
                raise ProblemError("conflict", f"This analysis is {entry.status}: its mask cannot be changed.")
            if png is None:
                return None
            if document.status == "refused":
                raise ProblemError("conflict", "The gate refused this scan, so it has no outline: read it first.")
            return corrected(entry, decode_mask(png, document.shape), author, action)

        if self.store is not None:
            found = self.store.correct(id_, change)
            if found is not None:
                return found
        self.jobs.correct(id_, change(self.entry(id_)))
        return self.entry(id_)

    def note(self, id_: str, note: str) -> Entry:
        """Set the note of a stored analysis.

        Raises:
            ProblemError: there is no database or no such analysis, or it is not stored.
        """
        if self.store is None:
            raise ProblemError("conflict", "This server keeps nothing, so no notes: start it with --store FILE.")
        entry = self.entry(id_)
        if not entry.stored:
            raise ProblemError("conflict", f"This analysis is {entry.status}: a note can be set once it is stored.")
        self.store.set_note(id_, note)
        return replace(entry, note=note)

    def forget(self, id_: str) -> None:
        """Cancel an analysis that waits or runs, and forget it everywhere.

        Raises:
            ProblemError: there is none.
        """
        known = self.jobs.forget(id_)
        stored = self.store is not None and self.store.delete(id_)
        if not (known or stored):
            raise ProblemError("not-found", "There is no such analysis: it was deleted, forgotten, or never made.")

    def admit(self, upload: Upload) -> tuple[list[Upload], list[tuple[str, Problem]]]:
        """The scans that an upload holds (itself, or members of an archive), and those refused by their content."""
        refused: list[tuple[str, Problem]] = []
        found = [upload]
        try:
            if is_zip(upload.path):
                limits = ArchiveLimits(
                    self.settings.max_files, self.settings.max_file_bytes, self.settings.max_body_bytes
                )
                unpacker = Unpacker(upload.path, self.scratch, limits)
                try:
                    unpacker.run()
                finally:
                    remove(upload.path)
                found = [Upload(one.name, one.path, one.size) for one in unpacker.members]
                refused += unpacker.refused
        except ProblemError as error:
            remove(upload.path)
            return [], [(upload.name, error.problem)]
        good = []
        for one in found:
            try:
                check_content(one.path)
                good.append(one)
            except ProblemError as error:
                remove(one.path)
                refused.append((one.name, error.problem))
        return good, refused

    def submit(self, tasks: list[Task]) -> tuple[list[Job], list[tuple[str, Problem]]]:
        """Queue as many tasks as there is room for; the others are refused, and their files removed."""
        jobs: list[Job] = []
        refused: list[tuple[str, Problem]] = []
        for task in tasks:
            job = self.jobs.submit(task)
            if job is None:
                remove(task.path)
                refused.append((task.name, self.queue_full()))
            else:
                jobs.append(job)
        return jobs, refused

    def queue_full(self) -> Problem:
        """The problem of a full queue."""
        seconds = self.jobs.retry_after_s()
        return problem("queue-full", f"The queue is full: send this file again in about {seconds} s.")

    def gauges(self) -> dict[str, float]:
        """Present values, for metrics."""
        return {
            **self.jobs.gauges(),
            "tumorlens_uploading": self.uploading,
            "tumorlens_ready": float(self.is_ready()),
            "process_resident_memory_bytes": resident_bytes(),
        }
