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
