"""One run at a time on the panel's worker thread, while the window lives; the panel may go away meanwhile.

Events come through a nested event loop of Qt's, not through ``processEvents``: when Slicer is told to end, Qt ends all
event loops, so that the run learns of it and stops within one batch in place of holding Slicer up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import qt

from ..core.monitor import Cancelled
from ..worker import Worker
from .status import RunStatus

IDLE_MILLISECONDS = 500  # after the panel was entered, when it has been drawn
OUR_OWN_END = 5201  # what the nested loop returns if nobody else has ended it


class Runner:
    """Runs what the panel asks for.

    Args:
        show: called about every 30 ms during a run with its status, as long as the panel is there.
    """

    def __init__(self, show: Callable[[RunStatus], None]) -> None:
        self._show = show
        self._worker = Worker(self._let_events_through)
        self._cancelled = threading.Event()
        self._prepared = False
        self.status: RunStatus | None = None
        self.closed = False

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.status is not None

    @property
    def cancelling(self) -> bool:
        """Whether the run has been asked to stop."""
        return self._cancelled.is_set()

    def prepare_when_idle(self, prepare: Callable[[], None]) -> None:
        """Once in the panel's life, and when the window has time for it: ``prepare()`` on the worker's thread."""
        if not self._prepared:
            self._prepared = True
            qt.QTimer.singleShot(IDLE_MILLISECONDS, lambda: None if self.closed else self._worker.prepare(prepare))

    def begin(self) -> RunStatus:
        """A new run begins."""
        self._cancelled.clear()
        self.status = RunStatus()
        return self.status

    def end(self) -> None:
        """The run is over, however it ended."""
        self.status = None

    def call(self, compute: Callable[[], Any]) -> Any:
        """Result of ``compute()`` from the worker's thread.

        Raises:
            Cancelled: the panel is gone.
            RuntimeError: another computation is under way.
        """
        if self.closed:
            raise Cancelled("the panel was closed")
        return self._worker.run(compute)

    def options(self) -> dict[str, Any]:
        """The keywords with which ``process`` reports to this run, asks whether to stop, and computes."""
        assert self.status is not None
        return {
            "progress": self.status.report,
            "announce": self.status.announce,
            "cancelled": self._cancelled.is_set,
            "run": self.call,
        }

    def cancel(self) -> None:
        """Stop within one batch."""
        self._cancelled.set()

    def close(self) -> None:
        """The panel goes away: stop, and show nothing from now on."""
        self.closed = True
        self.cancel()
        self._worker.close()

    def _let_events_through(self) -> None:
        loop = qt.QEventLoop()
        qt.QTimer.singleShot(0, lambda: loop.exit(OUR_OWN_END))
        if loop.exec_() != OUR_OWN_END:  # Slicer ends
            self.cancel()
        elif self.status is not None and not self.closed:
            self._show(self.status)
