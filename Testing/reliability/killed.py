"""Runs the command line again and again, kills it at a chosen moment of each run, and says what is left of the output.

    python -m reliability.killed MOMENTS... -- ARGUMENTS... [-- ARGUMENTS...]

Each moment is a run in a child process: ``eN`` kills it (SIGKILL) at its Nth step that opens, makes, links, renames or
removes a file in the folder of the output, ``bN`` ends it in the midst of a write (SIGXFSZ) when a file of its would
grow past N bytes. Before each run the output is made what it was at the start. Prints a line of JSON for each: the
output, the moment, the exit code (below 0: killed), what the output is afterwards (``earlier``, ``absent``, or its
digest), and the names and modes of other things in the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import pydicom

import DURNSuperResLib.scene.dicom.derived
import DURNSuperResLib.scene.sequence_storage  # noqa: F401  (all that a run needs is loaded once, before the children)
from DURNSuperResLib.cli import main

STEPS = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree")


def kill_at_step(number: int, folder: Path) -> None:
    """Kill this process at its ``number``-th step in a folder."""
    left = [number]

    def watch(event: str, arguments: tuple) -> None:
        if event in STEPS and str(arguments[0]).startswith(str(folder)):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def kill_past_size(size: int) -> None:
    """Let the system end this process when a file of its grows past a size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def killed_run(moment: str, arguments: list[str], folder: Path) -> int:
    """Do one run in a child process; returns its exit code, or -N if signal N ended it."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    kill_at_step(int(moment[1:]), folder) if moment[0] == "e" else kill_past_size(int(moment[1:]))
    code = 99
    with contextlib.suppress(BaseException):
        code = main(arguments)
    os._exit(code)


def digest(output: Path) -> str:
    """What an output is: of a file its hash, of a DICOM folder how many whole images of how many series."""
    if not output.exists():
        return "absent"
    if output.is_file():
        return hashlib.sha256(output.read_bytes()).hexdigest()
    images = [pydicom.dcmread(path) for path in sorted(output.iterdir())]
    assert all(len(image.PixelData) == 2 * image.Rows * image.Columns for image in images)
    return f"{len(images)} images of {len({image.SeriesInstanceUID for image in images})} series"


def content(output: Path) -> dict[str, bytes]:
    """All bytes of a file or of a folder's files."""
    paths = sorted(output.iterdir()) if output.is_dir() else [output] if output.exists() else []
    return {path.name: path.read_bytes() for path in paths}


def restore(output: Path, safe: Path) -> None:
    """Make the output what it was at the start."""
    if output.is_dir():
        shutil.rmtree(output)
    output.unlink(missing_ok=True)
    if safe.is_dir():
        shutil.copytree(safe, output)
    elif safe.exists():
        shutil.copy(safe, output)


def report(moments: list[str], arguments: list[str]) -> None:
    """Do all runs."""
    output = Path(arguments[arguments.index("-o") + 1])
    safe = output.parent.parent / f"safe {output.parent.name}"
    if output.exists():
        output.rename(safe)
    for moment in moments:
        restore(output, safe)
        before = content(output)
        code = killed_run(moment, arguments, output.parent)
        after = "earlier" if before and content(output) == before else digest(output)
        others = [path for path in output.parent.iterdir() if path != output]
        left = [[path.name, path.stat().st_mode & 0o777] for path in others]
        sys.stdout.write(json.dumps([str(output), moment, code, after, left]) + "\n")
        for path in others:
            shutil.rmtree(path)


if __name__ == "__main__":
    moments, *runs = (list(words) for dashes, words in itertools.groupby(sys.argv[1:], "--".__eq__) if not dashes)
    for run in runs:
        report(moments, run)
