"""How far a run has come, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from ..core.monitor import Progress


@contextlib.contextmanager
def progress_bar(*, shown: bool = True, stream: TextIO | None = None) -> Iterator[Progress]:
    """The ``progress`` of an upscaling run, drawn on one line that is gone afterwards; silent where ``stream``
    (standard error by default) is no terminal.
    """
    stream = stream or sys.stderr
    if not (shown and stream.isatty()):
        yield lambda *_: None
        return
    from tqdm import tqdm

    with tqdm(unit=" slices", file=stream, leave=False, dynamic_ncols=True) as bar:

        def report(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        yield report
