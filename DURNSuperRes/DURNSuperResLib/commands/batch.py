"""``durn-superres upscale --recursive``: every volume, cine and DICOM study of a folder, here or on a Dask cluster."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..cohort.jobs import Cohort, Job, find_jobs
from ..cohort.ledger import BatchError, Ledger
from ..cohort.running import DONE, FAILED, SKIPPED, Outcome, Outcomes, Plan, foresee, run_here
from ..version import NOTICE
from .batch_options import OF_THE_BATCH

REPORT = "report.json"
NOT_DONE = "not done"
NO_RESULT = ("input", "output", "series", "images", "cancelled", "overwrite", "quiet", "verbose", "run", *OF_THE_BATCH)


def batch(options: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: wrong combination of options.
        BatchError: a job failed, or the folder of outputs is in use.
    """
    plan, folder = _plan(options), Path(os.path.abspath(options.input))
    cohort = find_jobs(folder, plan.output, to_dicom=options.as_dicom, order=options.order)
    for reason, count in cohort.set_aside.items():
        logging.info("set aside: %d %s: %s", count, "file" if count == 1 else "files", reason)
    if not cohort.jobs:
        raise BatchError(f"{folder} holds no volume, cine or DICOM stack")
    if options.dry_run:
        _print_table([foresee(job, plan) for job in cohort.jobs])
        return
    plan.output.mkdir(parents=True, exist_ok=True)
    begun, outcomes = datetime.now(timezone.utc), list[Outcome]()
    with Ledger(plan.output).opened():
        try:
            with contextlib.closing(_run(cohort.jobs, plan, options)) as running:
                for outcome in _told(running, cohort.jobs):
                    outcomes.append(outcome)
        finally:
            missing = set(cohort.jobs) - {outcome.job for outcome in outcomes}
            outcomes += [Outcome(job, NOT_DONE, "the batch ended before") for job in missing]
            outcomes.sort(key=lambda outcome: outcome.job.name)
            _write_report(folder, plan, cohort, outcomes, begun)
            if not options.quiet:
                _print_table(outcomes)
    failed = sum(outcome.state == FAILED for outcome in outcomes)
    if failed:
        raise BatchError(f"{failed} of {len(outcomes)} failed; {plan.output / REPORT} says why")
    logging.info("%s. %s", plan.output, NOTICE)


def _plan(options: argparse.Namespace) -> Plan:
    output = Path(os.path.abspath(options.output))
    if not options.input.is_dir():
        raise ValueError(f"--recursive needs a folder of inputs, and {options.input} is none")
    if options.series is not None:
        raise ValueError("--series chooses one stack, --recursive takes all")
    if options.workers is not None and (options.workers < 1 or options.dask != "local"):
        raise ValueError("--workers says how many to start with --dask local, at least 1")
    if options.dask == "":
        raise ValueError("--dask needs an address, or local")
    if output.resolve() == options.input.resolve():
        raise ValueError("the output folder must be another than the input folder; it may lie in it")
    if output.exists() and not output.is_dir():
        raise ValueError(f"the output {output} is a file; --recursive needs a folder")
    how = deciding(options)
    for name, value in how.items():
        if isinstance(value, Path):
            raise ValueError(f"--{name.replace('_', '-')} names one file and cannot be given with --recursive")
    return Plan.of(output, how, overwrite=options.overwrite, quiet=options.quiet)


def deciding(options: argparse.Namespace) -> dict[str, Any]:
    """Those of the command's options that decide what is made of an input."""
    return {name: value for name, value in vars(options).items() if name not in NO_RESULT}


def _run(jobs: tuple[Job, ...], plan: Plan, options: argparse.Namespace) -> Outcomes:
    if options.dask:
        from ..cohort.cluster import run_on_dask

        return run_on_dask(jobs, plan, work, options.dask, options.workers)
    return run_here(jobs, plan, work)


def work(options: argparse.Namespace) -> str:
    """Upscale one input as ``durn-superres upscale`` does, in a scene of its own."""
    from ..scene.app import scene_of_its_own
    from .upscale import upscale_one

    with scene_of_its_own():
        return upscale_one(options)


def _told(outcomes: Iterator[Outcome], jobs: tuple[Job, ...]) -> Iterator[Outcome]:
    """The outcomes, each with a line as it comes; the time left is told by the voxels that are left."""
    start, done = time.monotonic(), 0
    left = sum(job.voxels for job in jobs)
    for count, outcome in enumerate(outcomes, 1):
        left -= outcome.job.voxels
        done += outcome.job.voxels if outcome.state == DONE else 0
        pace = (time.monotonic() - start) / done if done else 0.0
        rest = f"; about {_duration(pace * left)} left" if done and left else ""
        text = f"{outcome.state}: {outcome.text}" if outcome.state == FAILED else outcome.state
        took = f", {outcome.seconds:.1f} s" if outcome.state == DONE else ""
        logging.info("[%d/%d] %s: %s%s%s", count, len(jobs), outcome.job.name, text, took, rest)
        yield outcome


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _print_table(outcomes: list[Outcome]) -> None:
    rows = [(outcome.job.name, outcome.state, _cell(outcome)) for outcome in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, state, text in rows:
        print(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {text}")
    count = Counter(outcome.state for outcome in outcomes)
    print(", ".join(f"{number} {state}" for state, number in sorted(count.items())))


def _cell(outcome: Outcome) -> str:
    output = outcome.job.output.as_posix()
    if outcome.state in (DONE, SKIPPED):
        return f"{output}{f', {outcome.text}' if outcome.state == DONE else ''}"
    return outcome.text if outcome.state in (FAILED, NOT_DONE) else f"{output} ({outcome.text})"


def _write_report(folder: Path, plan: Plan, cohort: Cohort, outcomes: list[Outcome], begun: datetime) -> None:
    states = Counter(outcome.state for outcome in outcomes)
    report = {
        "notice": NOTICE,
        "version": plan.version,
        "model_sha256": plan.model or None,
        "options": plan.options,
        "input": str(folder),
        "output": str(plan.output),
        "begun": begun.isoformat(timespec="seconds"),
        "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "count": {state: states[state] for state in (DONE, SKIPPED, FAILED, NOT_DONE)},
        "set_aside": cohort.set_aside,
        "jobs": [_entry(outcome) for outcome in outcomes],
    }
    aside = plan.output / f".{REPORT}"
    aside.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    aside.replace(plan.output / REPORT)


def _entry(outcome: Outcome) -> dict[str, Any]:
    return {
        "input": outcome.job.name,
        "series": outcome.job.series or None,
        "output": outcome.job.output.as_posix(),
        "state": outcome.state,
        "text": outcome.text,
        "warnings": list(outcome.warnings),
        "seconds": round(outcome.seconds, 3),
        "worker": outcome.worker or None,
    }
