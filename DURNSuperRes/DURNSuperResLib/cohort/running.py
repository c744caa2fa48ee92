"""Upscaling the jobs of a cohort one by one: what is to be done, doing it, and the ledger of what was done.

The ledger is a folder ``.durn-superres`` in the folder of outputs. For each output it holds one record: the content of
its input, options, model and version that it was made with, and its own content. An output counts as done only if all
of these are as they were; nothing is taken from names or dates. Outputs are made in the ledger's ``work`` folder. A
record is written before its output is renamed into place, so a record without its output means that it is to be redone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.monitor import Cancelled, IsCancelled
from ..core.network.models import model_for
from ..version import LEDGER_FOLDER, __version__
from .jobs import Job, digest_of

DONE, SKIPPED, FAILED, TO_DO = "done", "skipped", "failed", "to do"
STOPPING_S = 10

_one_job_at_a_time = threading.Lock()  # there is one scene and one network in a process

Work = Callable[[argparse.Namespace], str]
Outcomes = Generator["Outcome", None, None]


class BatchError(RuntimeError):
    """A batch that cannot begin, or some of whose jobs failed."""


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
    return "" if options["method"] == "bicubic" else model_for(options["scale"]).sha256


class Ledger:
    """What was done in a folder of outputs."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._records = output / LEDGER_FOLDER / "records"
        self._work = output / LEDGER_FOLDER / "work"

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """For one batch alone, where the file system can lock; leaves nothing unfinished behind.

        Raises:
            BatchError: another batch writes to the folder.
        """
        for folder in (self._records, self._work):
            folder.mkdir(parents=True, exist_ok=True)
        with (self._records.parent / "lock").open("w") as lock:
            _lock(lock.fileno(), self._output)
            self._sweep()
            try:
                yield
            except BaseException:
                self._await_workers()
                raise
            finally:
                self._sweep()

    def to_do(self, job: Job, plan: Plan, wanted: dict[str, Any]) -> str:
        """Why a job is to be done, whose record should be as ``wanted``; empty if it is done.

        Raises:
            FileExistsError: an output that no batch has made is in the way.
        """
        record, output = self._record(job), self._output / job.output
        if record is None:
            if output.exists() and not plan.overwrite:
                raise FileExistsError(f"the output {output} exists and is of no batch; give --overwrite to replace it")
            return "new"
        for name, what in (("input", "the input has changed"), ("model", "another model"), ("version", "new version")):
            if record.get(name) != wanted[name]:
                return what
        if record.get("options") != wanted["options"]:
            return f"other options: {_difference(record.get('options', {}), wanted['options'])}"
        if not output.exists():
            return "the output is missing"
        return "" if record.get("output") == _digest_of_output(output) else "the output was altered"

    @contextlib.contextmanager
    def aside(self, job: Job) -> Iterator[Path]:
        """A path to make a job's output at; removed at the end with whatever is left there."""
        with tempfile.TemporaryDirectory(prefix=f"{_here()}-", dir=self._work) as folder:
            yield Path(folder) / job.output.name

    def put(self, job: Job, made: Path, record: dict[str, Any]) -> None:
        """Record a finished output, then rename it into place."""
        output = self._output / job.output
        output.parent.mkdir(parents=True, exist_ok=True)
        if made.is_dir():
            from ..scene.dicom.derived import check_folder

            check_folder(output, overwrite=True)  # what is not ours in it is not ours to delete
        text = json.dumps({**record, "output": _digest_of_output(made), "path": job.output.as_posix()}, indent=2)
        page = made.parent / "record.json"
        page.write_text(text + "\n", encoding="utf-8")
        page.replace(self._page(job))
        if made.is_dir() and output.exists():
            output.rename(made.parent / "replaced")
        made.replace(output)

    def _record(self, job: Job) -> dict[str, Any] | None:
        try:
            record = json.loads(self._page(job).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}

    def _page(self, job: Job) -> Path:
        return self._records / f"{hashlib.sha256(job.output.as_posix().encode()).hexdigest()[:32]}.json"

    def _await_workers(self) -> None:
        """After a cancel, jobs on other machines end at their next batch of slices; those that died never do."""
        end = time.monotonic() + STOPPING_S
        while any(self._work.iterdir()) and time.monotonic() < end:
            time.sleep(0.1)

    def _sweep(self) -> None:
        for left in self._work.iterdir():
            shutil.rmtree(left, ignore_errors=True)


def _lock(file: int, output: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BatchError(f"another batch is writing to {output}") from None
    except OSError:  # a file system without locks
        return


def _digest_of_output(path: Path) -> str:
    return digest_of(sorted(path.iterdir()) if path.is_dir() else [path])


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {now.get(name)}, not {before.get(name)}" for name in names)


def foresee(job: Job, plan: Plan) -> Outcome:
    """What would become of a job, without doing it."""
    try:
        _check_input(job)
        reason = Ledger(plan.output).to_do(job, plan, plan.wanted(job))
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
    with _one_job_at_a_time, _warnings_kept() as warnings:
        try:
            state, text = _attempt(job, plan, work, cancelled)
        except Cancelled:
            raise
        except Exception as error:  # one bad input must not stop the others
            logging.debug("%s failed:", job.name, exc_info=True)
            state, text = FAILED, _in_words(error)
    return Outcome(job, state, text, tuple(warnings), time.monotonic() - start, _here())


def _attempt(job: Job, plan: Plan, work: Work, cancelled: IsCancelled | None) -> tuple[str, str]:
    if cancelled is not None and cancelled():
        raise Cancelled("cancelled")
    _check_input(job)
    _check_place(plan)
    ledger, wanted = Ledger(plan.output), plan.wanted(job)
    if not ledger.to_do(job, plan, wanted):
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


def _here() -> str:
    return f"{platform.node()}-{os.getpid()}"


def _in_words(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is missing on {platform.node()}"
    return " ".join(str(error).split()) or type(error).__name__


class _Keeper(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


@contextlib.contextmanager
def _warnings_kept() -> Iterator[list[str]]:
    """The warnings that are logged within."""
    kept: list[str] = []
    keeper = _Keeper(kept)
    logging.getLogger().addHandler(keeper)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(keeper)
