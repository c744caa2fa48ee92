"""One long-lived thread for computations, while the calling thread keeps its event loop alive.

A network is kept warm by running it always on the same thread, since CUDA's plans and caches belong to the thread. What
runs here must touch neither MRML nodes nor Qt; only the calling thread does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")

PUMP_SECONDS = 0.03  # waiting, not spinning, releases the interpreter to the worker

logger = logging.getLogger(__name__)


class Worker:
    """Runs one computation at a time on its thread.

    Args:
        pump: called about every 30 ms by the waiting thread; lets the application handle its events.
    """

    def __init__(self, pump: Callable[[], None]) -> None:
        self._pump = pump
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="DURNSuperRes")
        self._job: Future[Any] | None = None
        self._waiting = False

    @property
    def busy(self) -> bool:
        """Whether a computation is under way, or done with its result not yet taken."""
        return self._waiting or (self._job is not None and not self._job.done())

    def run(self, compute: Callable[[], T]) -> T:
        """Result of ``compute()`` from the worker's thread; what it raises is raised here.

        Raises:
            RuntimeError: another computation is under way.
        """
        if self.busy:
            raise RuntimeError("another run is under way; wait for it or cancel it")
        self._job = job = self._executor.submit(compute)
        self._waiting = True
        try:
            while not wait([job], timeout=PUMP_SECONDS).done:
                self._pump()
            return job.result()
        finally:
            self._waiting = False

    def prepare(self, compute: Callable[[], None]) -> None:
        """Do ``compute()`` on the worker's thread before the next run, which waits for it; nobody does meanwhile.

        What it raises is only logged.
        """
        self._executor.submit(compute).add_done_callback(_log_failure)

    def close(self) -> None:
        """Take no more computations; one under way ends in its own time."""
        self._executor.shutdown(wait=False)


def _log_failure(job: Future[None]) -> None:
    if error := job.exception():
        logger.debug("preparing failed: %s", error)
