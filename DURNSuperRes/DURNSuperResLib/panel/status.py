"""How far a run has come and how long it still takes; told by the computing thread, read by the panel."""

from __future__ import annotations

import time


class RunStatus:
    """State of one run."""

    def __init__(self) -> None:
        self.what = ""
        self.done = self.total = 0
        self._start = self._begun = time.monotonic()

    def announce(self, what: str) -> None:
        """Which model runs where, from now on."""
        self.what, self._begun = what, time.monotonic()

    def report(self, done: int, total: int) -> None:
        """``done`` of ``total`` slices are finished."""
        self.done, self.total = done, total

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._start

    @property
    def seconds_left(self) -> float:
        """At the pace since the model began to run."""
        return (time.monotonic() - self._begun) * (self.total - self.done) / max(1, self.done)
