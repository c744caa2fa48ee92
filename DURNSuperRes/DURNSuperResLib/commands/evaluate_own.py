"""``durn-superres evaluate`` on volumes of one's own with an outline or a report: borders, areas, invention, a page."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import Any

from ..evaluation.findings import examine
from ..evaluation.methods import compared
from ..evaluation.outlined import Outlined
from ..evaluation.own_page import Own, page, plain, tables
from ..report import page_of, write_json

logger = logging.getLogger(__name__)


def evaluate_own(
    options: argparse.Namespace, slices: Sequence[Outlined], scales: Sequence[int], degradations: Sequence[str]
) -> dict[str, Any]:
    """Print the tables, write the report if asked for, and return the figures by degradation and scale."""
    owns = [_examined(slices, scale, degradation, options.model) for degradation in degradations for scale in scales]
    for name in _unmeasured(owns) if options.segmentation else ():
        logger.warning("%s: its outline shows no border to measure (too small, or no edge in the image along it)", name)
    for own in owns:
        print(own.title)
        for rows in tables(own):
            _print(rows)
        if own.note:
            print(own.note)
    figures = {f"{own.degradation} x{own.scale}": plain(own) for own in owns}
    if options.report:
        write_json(options.report, figures)
        page_of(options.report).write_text(page(owns), encoding="utf-8")
    return figures


def _examined(slices: Sequence[Outlined], scale: int, degradation: str, model: str) -> Own:
    found = examine(slices, scale, degradation, compared(scale, model), None)
    return Own(tuple(slices), scale, degradation, model, found)


def _unmeasured(owns: Sequence[Own]) -> list[str]:
    """The volumes of which no slice has a border."""
    found = [one for own in owns for findings in own.found.values() for one in findings]
    measured = {one.patient for one in found if one.border is not None}
    return [name for name in dict.fromkeys(one.patient for one in found) if name not in measured]


def _print(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
