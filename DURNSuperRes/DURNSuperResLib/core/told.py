"""What is told: numbers as people write them, and warnings, kept for whoever must pass them on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import numpy as np


def rounded(value: float, digits: int = 2) -> str:
    """A number with so many digits that count, and never as a power of ten.

    >>> [rounded(value) for value in (0.0334, 7.94, 124.0, 1234.5)]
    ['0.033', '7.9', '120', '1200']
    """
    return np.format_float_positional(value, precision=digits, unique=False, fractional=False, trim="-")


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
