"""What is logged while something is done, kept for whoever must pass it on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class _Keeper(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@contextlib.contextmanager
def warnings_kept() -> Iterator[list[str]]:
    """The warnings that are logged within."""
    kept: list[str] = []
    keeper = _Keeper(kept)
    logging.getLogger().addHandler(keeper)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(keeper)
