"""``durn-superres evidence``: the page of evidence and its pictures, from the data."""

from __future__ import annotations

import argparse
import logging

from ..core.options import SCALES


def evidence(options: argparse.Namespace) -> None:
    """Measure everything and write the page.

    Raises:
        OSError: data that are not there, or a folder that cannot be made or written.
    """
    if options.output.exists() and not options.output.is_dir():
        raise NotADirectoryError(f"the output {options.output} is a file; the evidence needs a folder")
    options.output.mkdir(parents=True, exist_ok=True)  # measuring takes hours, so ahead of it
    from ..evaluation.evidence import gather
    from ..evaluation.evidence_page import write_page

    if not options.verbose:
        logging.getLogger(__package__.partition(".")[0]).setLevel(logging.WARNING)  # not a line for each slice
    scales = tuple(options.scale or SCALES)
    told = (lambda _: None) if options.quiet else print
    for path in write_page(gather(options.data, scales, options.every, told), options.output):
        told(path)
