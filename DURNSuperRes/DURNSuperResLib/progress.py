"""How far a run has come and how long it still takes: on a terminal, or in words."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class ProgressBar:
    """Draws ``done / total`` on one line of a terminal; silent where the stream is no terminal.

    Use as the ``progress`` of an upscaling run, within a ``with`` block that ends the line.
    """

    WIDTH = 30

    def __init__(self, stream: TextIO | None = None, *, unit: str = "slices", shown: bool = True) -> None:
        self._stream = stream or sys.stderr
        self._unit = unit
        self._shown = shown and self._stream.isatty()
        self._start = time.monotonic()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def __call__(self, done: int, total: int) -> None:
        """Draw ``done`` of ``total``."""
        if not self._shown:
            return
        filled = self.WIDTH * done // total
        left = (time.monotonic() - self._start) * (total - done) / max(1, done)
        bar = "#" * filled + "-" * (self.WIDTH - filled)
        self._stream.write(f"\r[{bar}] {done}/{total} {self._unit}, {left:.0f} s left \033[K")
        self._stream.flush()


class RunStatus:
    """State of a run in words; told by the computing thread, read by another."""

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
