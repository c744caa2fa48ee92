"""What users wait for outside the network: the viewer in a browser, the panel around the engine, batches of many files.

    python -m Testing.Benchmarks.waits [--quick] [--json FILE] [--output Testing/Benchmarks/WAITS.md]

Times hold for the machine and the moment; run it on a quiet one. The viewer needs Chromium, the panel PySide6; a part
whose needs are missing says so in place of its tables.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path
from typing import Any

from Testing.Benchmarks import batch_waits, panel_waits, viewer_waits
from Testing.Benchmarks.timing import hand_out

PARTS = {"viewer": viewer_waits, "panel": panel_waits, "batch": batch_waits}


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Measure what users wait for outside the network.")
    parser.add_argument("--quick", action="store_true", help="small images and few of them: only a trial")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=[*PARTS], help="parts to measure")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--output", type=Path, help="write the tables to this file")
    options = parser.parse_args(arguments)
    figures = measure(options.only, quick=options.quick)
    hand_out(figures, report(figures), options)


def measure(parts: list[str], *, quick: bool) -> dict[str, Any]:
    """The figures of each part, or why there are none."""
    figures: dict[str, Any] = {}
    for name in parts:
        reason = PARTS[name].missing()
        figures[name] = {"missing": reason} if reason else PARTS[name].measure(quick=quick)
    return figures


def report(figures: dict[str, Any]) -> str:
    """The tables as Markdown."""
    heading = (
        "# What users wait for\n\n`python -m Testing.Benchmarks.waits --output Testing/Benchmarks/WAITS.md` on "
        f"{platform.machine()}, {os.cpu_count()} cores. Compare ratios; times are those of this machine."
    )
    return "\n\n".join([heading, *(_section(name, entry) for name, entry in figures.items())])


def _section(name: str, figures: dict[str, Any]) -> str:
    if "missing" in figures:
        return f"## The {name}\n\nNot measured: {figures['missing']}."
    return PARTS[name].report(figures)


if __name__ == "__main__":
    main()
