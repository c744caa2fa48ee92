"""How a run talks with its caller: how far it has come, what runs where, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
IsCancelled = Callable[[], bool]
Announce = Callable[[str], None]


class Cancelled(Exception):
    """The caller's ``cancelled`` answered yes; nothing was produced."""


class Monitor:
    """Tells the caller how far a run has come and asks whether to stop.

    >>> monitor = Monitor(progress=lambda done, total: print(f"{done}/{total}"))
    >>> monitor.of_part(before=10, total=30).report(5, 10)
    15/30

    Args:
        progress: called with (slices done, slices in all) after each batch; slices that are equal count once.
        cancelled: asked before each batch; true stops the run.
        announce: told model, device and precision before the first batch, and again if that changes.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        cancelled: IsCancelled | None = None,
        announce: Announce | None = None,
    ) -> None:
        self._progress, self._cancelled, self._announce = progress, cancelled, announce
        self._last = ""

    def check(self) -> None:
        """Raises Cancelled if the caller wants to stop."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("cancelled")

    def announce(self, what: str) -> None:
        """Tells what runs where, once and not again for each part of a run."""
        if self._announce is not None and what != self._last:
            self._announce(what)
        self._last = what

    def report(self, done: int, total: int) -> None:
        """Tells that ``done`` of ``total`` slices are finished."""
        if self._progress is not None:
            self._progress(done, total)

    def of_pass(self, number: int, passes: int, what: str) -> Monitor:
        """The monitor of one of several equal passes over the same slices, announced as ``what``."""
        return Monitor(
            lambda done, total: self.report(number * total + done, passes * total),
            self._cancelled,
            lambda text: self.announce(f"{text}, {what}"),
        )

    def of_part(self, before: int, total: int) -> Monitor:
        """The monitor of a part, ahead of which ``before`` of ``total`` slices are done."""
        return Monitor(lambda done, _: self.report(before + done, total), self._cancelled, self.announce)
