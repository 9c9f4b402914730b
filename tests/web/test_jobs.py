from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorlens.web.findings import Pictures
from tumorlens.web.jobs import Jobs, Task
from tumorlens.web.problems import problem
from tumorlens.web.settings import Settings


def pictures(side: int = 10) -> Pictures:
    return Pictures(np.zeros((side, side), np.uint16), 0.0, 1.0, None, None)


@pytest.fixture
def make(tmp_path: Path) -> Any:
    def task(name: str = "a.png", size: int = 10) -> Task:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        path.write_bytes(b"x")
        return Task(name, path, size)

    return task


def test_a_job_goes_from_queued_to_done(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1))
    first, second = jobs.submit(make()), jobs.submit(make())
    assert first is not None and second is not None
    assert [jobs.entry(one.id).position for one in (first, second)] == [1, 2]  # type: ignore[union-attr]
    batch = jobs.take()
    assert batch == [first, second]
    jobs.finish(first, '{"x": 1}', pictures())
    jobs.fail(second, problem("unreadable", "No."))
    done, failed = jobs.entry(first.id), jobs.entry(second.id)
    assert done is not None and failed is not None
    assert (done.status, done.document_json, done.position) == ("done", '{"x": 1}', None)
    assert failed.error is not None
    assert failed.error.instance == f"/api/v1/analyses/{second.id}"


def test_the_queue_is_bounded_by_count_and_by_bytes(make: Any) -> None:
    jobs = Jobs(Settings(queue=2, queue_bytes=100))
    assert jobs.submit(make(size=1000)) is not None
    assert jobs.submit(make(size=1)) is None
    jobs.take()
    assert jobs.submit(make(size=60)) is not None
    assert jobs.submit(make(size=60)) is None
    assert jobs.submit(make(size=40)) is not None
    assert jobs.is_full()
    assert jobs.retry_after_s() >= 1


def test_what_waits_is_shared_among_the_workers(make: Any) -> None:
    jobs = Jobs(Settings(jobs=4))
    for _ in range(40):
        jobs.submit(make())
    assert len(jobs.take()) == 8
    jobs = Jobs(Settings(jobs=4))
    for _ in range(5):
        jobs.submit(make())
    assert [len(jobs.take()) for _ in range(4)] == [2, 1, 1, 1]


def test_the_oldest_results_are_forgotten(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1, results=3))
    ids = []
    for _ in range(5):
        job = jobs.submit(make())
        assert job is not None
        ids.append(job.id)
        jobs.take()
        jobs.finish(job, "{}", pictures())
    assert [jobs.entry(one) is not None for one in ids] == [False, False, True, True, True]


def test_results_are_bounded_in_bytes_too(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1, result_bytes=100_000))
    for _ in range(4):
        job = jobs.submit(make())
        assert job is not None
        jobs.take()
        jobs.finish(job, "{}", pictures(200))
    assert jobs.gauges()["tumorlens_results"] == 1
    assert jobs.gauges()["tumorlens_results_bytes"] <= 100_000


def test_a_waiting_job_can_be_cancelled_and_its_file_goes(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1))
    task = make()
    job = jobs.submit(task)
    assert job is not None
    assert jobs.forget(job.id)
    assert not task.path.exists()
    assert jobs.entry(job.id) is None
    assert not jobs.forget(job.id)
    assert jobs.gauges()["tumorlens_queue_length"] == 0


def test_the_answer_of_a_cancelled_job_is_dropped(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1))
    job = jobs.submit(make())
    assert job is not None
    jobs.take()
    assert jobs.is_wanted(job)
    jobs.forget(job.id)
    assert not jobs.is_wanted(job)
    jobs.finish(job, "{}", pictures())
    assert jobs.entry(job.id) is None
    assert jobs.gauges()["tumorlens_results"] == 0


def test_a_job_that_takes_too_long_fails_and_a_late_answer_is_dropped(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1, time_limit_s=1e-9))
    job = jobs.submit(make())
    assert job is not None
    jobs.take()
    entry = jobs.entry(job.id)
    assert entry is not None and entry.error is not None
    assert (entry.status, entry.error.status) == ("failed", 504)
    jobs.finish(job, "{}", pictures())
    assert jobs.entry(job.id).status == "failed"  # type: ignore[union-attr]


def test_closing_wakes_the_workers_and_says_what_is_dropped(make: Any) -> None:
    jobs = Jobs(Settings(jobs=1))
    answers: list[Any] = []
    worker = threading.Thread(target=lambda: answers.append(jobs.take()))
    worker.start()
    jobs.close()
    worker.join(5)
    assert answers == [[]]
    busy = Jobs(Settings(jobs=1))
    busy.submit(make())
    busy.take()
    task = make()
    busy.submit(task)
    assert busy.close() == (1, 1)
    assert not task.path.exists()
    assert busy.submit(make()) is None
