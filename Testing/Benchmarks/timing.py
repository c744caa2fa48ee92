"""Timing on a shared machine: everything that is compared runs in turns, and the best turn of each counts."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from typing import Any


def best_seconds(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The shortest time of each action over ``rounds`` turns, after one turn that is not counted."""
    best = dict.fromkeys(actions, float("inf"))
    for turn in range(rounds + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its first column left-aligned and the others right-aligned."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def hand_out(figures: dict[str, Any], text: str, options: argparse.Namespace) -> None:
    """Print a report, and write figures and report to the files of ``--json`` and ``--output``."""
    print(text)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
