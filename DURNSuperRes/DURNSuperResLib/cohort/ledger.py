"""The ledger of what was done in a folder of outputs.

It is a folder ``.durn-superres`` in the folder of outputs. For each output it holds one record: the content of its
input, options, model and version that it was made with, and its own content. An output counts as done only if all of
these are as they were; nothing is taken from names or dates. Outputs are made in the ledger's ``work`` folder. A record
is written before its output is renamed into place, so a record without its output means that it is to be redone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..version import LEDGER_FOLDER
from .jobs import Job, digest_of

STOPPING_S = 10


class BatchError(RuntimeError):
    """A batch that cannot begin, or some of whose jobs failed."""


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

    def to_do(self, job: Job, wanted: dict[str, Any], *, overwrite: bool) -> str:
        """Why a job is to be done, whose record should be as ``wanted``; empty if it is done.

        Raises:
            FileExistsError: an output that no batch has made is in the way.
        """
        record, output = self._record(job), self._output / job.output
        if record is None:
            if output.exists() and not overwrite:
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
        with tempfile.TemporaryDirectory(prefix=f"{here()}-", dir=self._work) as folder:
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
        return self._records / f"{hashlib.sha256(os.fsencode(job.output.as_posix())).hexdigest()[:32]}.json"

    def _await_workers(self) -> None:
        """After a cancel, jobs on other machines end at their next batch of slices; those that died never do."""
        end = time.monotonic() + STOPPING_S
        while any(self._work.iterdir()) and time.monotonic() < end:
            time.sleep(0.1)

    def _sweep(self) -> None:
        for left in self._work.iterdir():
            shutil.rmtree(left, ignore_errors=True)


def here() -> str:
    """This process, by machine and number."""
    return f"{platform.node()}-{os.getpid()}"


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
