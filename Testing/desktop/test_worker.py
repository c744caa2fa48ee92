"""The panel's thread: one computation at a time, until its result was taken."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from DURNSuperResLib.worker import Worker


def test_no_second_run_starts_before_the_first_ones_result_is_taken() -> None:
    go_on, refused = threading.Event(), []

    def start_another() -> None:
        go_on.set()
        wait([worker._job])  # done, but run() has not returned
        with pytest.raises(RuntimeError, match="under way"):
            worker.run(list)
        refused.append(True)

    worker = Worker(start_another)
    assert worker.run(go_on.wait)
    assert refused
    assert not worker.busy
    assert worker.run(lambda: 5) == 5
    worker.close()


def test_a_failure_is_raised_where_the_result_is_awaited() -> None:
    worker = Worker(lambda: None)
    with pytest.raises(ZeroDivisionError):
        worker.run(lambda: 1 // 0)
    assert not worker.busy
    worker.close()


def test_a_run_waits_for_what_is_prepared_and_is_not_hindered_by_its_failure() -> None:
    order: list[str] = []
    worker = Worker(lambda: None)
    worker.prepare(lambda: order.append("prepared"))
    worker.prepare(lambda: 1 // 0)
    assert not worker.busy
    worker.run(lambda: order.append("run"))
    assert order == ["prepared", "run"]
    worker.close()
