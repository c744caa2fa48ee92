"""Upscaling the jobs of a cohort one by one: what is to be done, doing it, and what became of it."""

from __future__ import annotations

import argparse
import json
import logging
import platform
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.monitor import Cancelled, IsCancelled
from ..core.network.models import model_for
from ..core.told import warnings_kept
from ..version import LEDGER_FOLDER, __version__
from .jobs import Job, digest_of
from .ledger import BatchError, Ledger, here

DONE, SKIPPED, FAILED, TO_DO = "done", "skipped", "failed", "to do"

_one_job_at_a_time = threading.Lock()  # there is one scene and one network in a process

Work = Callable[[argparse.Namespace], str]
Outcomes = Generator["Outcome", None, None]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its state, result or reason in words, the time it took, and the process that did it."""

    job: Job
    state: str
    text: str
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    worker: str = ""


@dataclass(frozen=True)
class Plan:
    """What all jobs of a batch share, wherever they run.

    Attributes:
        output: the folder of outputs.
        options: of the command ``upscale``, without input, output and whatever does not alter the result.
        model: SHA-256 of the model's weights; empty if none is used.
        overwrite: replace files that are in the way and were not made by a batch.
        quiet: draw no progress bar.
        version: of DURNSuperRes.
    """

    output: Path
    options: dict[str, Any]
    model: str
    overwrite: bool = False
    quiet: bool = False
    version: str = __version__

    @classmethod
    def of(cls, output: Path, options: dict[str, Any], *, overwrite: bool, quiet: bool) -> Plan:
        """The plan for these options, with the model that is bundled here.

        Raises:
            ModelError: no model for the scale.
        """
        return cls(output, options, _model_of(options), overwrite, quiet)

    def wanted(self, job: Job) -> dict[str, Any]:
        """What the record of a job's output must say of how it was made.

        Raises:
            OSError: an input that cannot be read.
        """
        how = {"options": self.options, "model": self.model, "version": self.version}
        return {"input": digest_of(job.files), **json.loads(json.dumps(how))}


def _model_of(options: dict[str, Any]) -> str:
    return "" if options["method"] == "bicubic" else model_for(options["scale"], options["model"]).sha256


def foresee(job: Job, plan: Plan) -> Outcome:
    """What would become of a job, without doing it."""
    try:
        _check_input(job)
        reason = Ledger(plan.output).to_do(job, plan.wanted(job), overwrite=plan.overwrite)
    except (ValueError, OSError) as error:
        return Outcome(job, FAILED, _in_words(error))
    return Outcome(job, TO_DO, reason) if reason else Outcome(job, SKIPPED, "done before")


def run_here(jobs: Iterable[Job], plan: Plan, work: Work) -> Outcomes:
    """Do jobs one after the other in this process."""
    for job in jobs:
        yield run_job(job, plan, work)


def run_job(job: Job, plan: Plan, work: Work, cancelled: IsCancelled | None = None) -> Outcome:
    """Do one job, if it is not done; whatever goes wrong with it is told in the outcome.

    Args:
        job, plan: what to do.
        work: the command ``upscale`` for one input: takes its options, returns the result in words.
        cancelled: asked before each batch of slices.

    Raises:
        Cancelled: ``cancelled`` answered yes; nothing is left of the job.
    """
    start = time.monotonic()
    with _one_job_at_a_time, warnings_kept() as warnings:
        try:
            state, text = _attempt(job, plan, work, cancelled)
        except Cancelled:
            raise
        except Exception as error:  # one bad input must not stop the others
            logging.debug("%s failed:", job.name, exc_info=True)
            state, text = FAILED, _in_words(error)
    return Outcome(job, state, text, tuple(warnings), time.monotonic() - start, here())


def _attempt(job: Job, plan: Plan, work: Work, cancelled: IsCancelled | None) -> tuple[str, str]:
    if cancelled is not None and cancelled():
        raise Cancelled("cancelled")
    _check_input(job)
    _check_place(plan)
    ledger, wanted = Ledger(plan.output), plan.wanted(job)
    if not ledger.to_do(job, wanted, overwrite=plan.overwrite):
        return SKIPPED, "done before"
    with ledger.aside(job) as made:
        given = {"input": job.source, "output": made, "series": job.series or None, "images": job.files}
        how = {"quiet": plan.quiet, "verbose": False, "overwrite": False, "cancelled": cancelled}
        try:
            text = work(argparse.Namespace(**plan.options, **given, **how))
        except OSError as error:  # the place where it was made says nothing to the user
            raise OSError(str(error).replace(str(made), str(plan.output / job.output))) from error
        ledger.put(job, made, wanted)
    return DONE, text


def _check_input(job: Job) -> None:
    if job.refusal:
        raise ValueError(job.refusal)
    if not job.source.exists():
        raise FileNotFoundError(f"{job.source} cannot be seen from {platform.node()}: it is not there")


def _check_place(plan: Plan) -> None:
    """Whether this machine has the software and the folder that the batch is to be done with."""
    here = platform.node()
    if not (plan.output / LEDGER_FOLDER).is_dir():
        raise FileNotFoundError(f"the output folder {plan.output} cannot be seen from {here}")
    if plan.version != __version__:
        raise BatchError(f"{here} has DURNSuperRes {__version__}, and the batch was begun with {plan.version}")
    if plan.model != _model_of(plan.options):
        raise BatchError(f"{here} has another model than the one the batch was begun with")


def _in_words(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is missing on {platform.node()}"
    return " ".join(str(error).split()) or type(error).__name__
