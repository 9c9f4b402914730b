from __future__ import annotations

import threading
import time

import pytest

from tumorlens.cli.batch import in_order, processors


@pytest.mark.parametrize("jobs", [1, 3, 8])
def test_answers_keep_the_order_of_the_items(jobs: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(40), jobs)) == [item * item for item in range(40)]


def test_no_more_than_the_asked_threads_work_and_few_items_are_taken_ahead() -> None:
    working, most, taken, lock = 0, 0, 0, threading.Lock()

    def items():
        nonlocal taken
        for index in range(200):
            taken += 1
            yield index

    def work(item: int) -> int:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.001)
        with lock:
            working -= 1
        return item

    answers = in_order(work, items(), 3)
    assert next(answers) == 0
    assert taken <= 12
    assert len(list(answers)) == 199
    assert 1 < most <= 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, GeneratorExit])
def test_stopping_finishes_what_was_begun_and_begins_nothing_else(stop: type[BaseException]) -> None:
    begun, ended = [], []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.01)
        ended.append(item)
        return item

    answers = in_order(work, range(100), 2)
    next(answers)
    if stop is GeneratorExit:
        answers.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            answers.throw(KeyboardInterrupt())
    assert begun and sorted(begun) == sorted(ended)
    assert len(begun) < 20
    assert threading.active_count() < 10


def test_an_error_of_the_work_comes_out() -> None:
    def work(item: int) -> int:
        raise TimeoutError("of the work itself")

    with pytest.raises(TimeoutError, match="of the work itself"):
        list(in_order(work, range(3), 2))


def test_there_is_a_processor() -> None:
    assert processors() >= 1
