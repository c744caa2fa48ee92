"""Cohorts of small files: what a file costs as they become more, to do it and to find that it is done."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.Benchmarks.timing import table

SLICES, SIZE = 2, 32
BATCH = """
import json, logging, sys, time
from pathlib import Path
from DURNSuperResLib import cli
from DURNSuperResLib.cohort.jobs import find_jobs
logging.disable(logging.WARNING)  # so small an image is outside the model's domain, of each file anew

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

def seconds(act):  # of the CPU, which another process that takes the cores for a while does not change
    start = time.process_time()
    act()
    return time.process_time() - start

def batch(source, output):
    how = ["--recursive", "--quiet", "--device", "cpu", "--method", method]
    assert cli.main(["upscale", source, "-o", output, *how]) == 0

method, warm, source, output = sys.argv[1:]
batch(warm, output + "-warm")  # imports, and the model is loaded
before = peak()
figures = {
    "list": seconds(lambda: find_jobs(Path(source), Path(output))),
    "do": seconds(lambda: batch(source, output)),
    "beyond": peak() - before,
    "look up": seconds(lambda: batch(source, output)),
}
jobs = json.loads((Path(output) / "report.json").read_text())["jobs"]
assert {job["state"] for job in jobs} == {"skipped"}
print(json.dumps(figures))
"""


def missing() -> str:
    """Why there is nothing to measure with; empty, since it needs no more than the library itself."""
    return ""


def measure(*, quick: bool) -> dict[str, Any]:
    """CPU seconds of listing, doing and looking up all files, and MiB of peak memory beyond a batch of a few."""
    counts = (2, 4) if quick else (50, 200, 1000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm = _write_cohort(folder / "warm", 2 if quick else 10)
        cohorts = {count: _write_cohort(folder / f"in{count}", count) for count in counts}
        return {
            method: {count: _batch(method, warm, cohort) for count, cohort in cohorts.items()}
            for method in ("bicubic", "durn")
        }


def _write_cohort(folder: Path, count: int) -> Path:
    """Files in folders of ten, as the patients of a study."""
    voxels = np.random.default_rng(count).integers(0, 900, (count, SLICES, SIZE, SIZE)).astype(np.int16)
    for number, volume in enumerate(voxels):
        path = folder / f"p{number // 10:03d}" / f"{number}.nrrd"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = sitk.GetImageFromArray(volume)
        image.SetSpacing((1.4, 1.4, 8.0))
        sitk.WriteImage(image, str(path))
    return folder


def _batch(method: str, warm: Path, cohort: Path) -> dict[str, float]:
    output = cohort.with_name(f"{cohort.name}-{method}")
    command = [sys.executable, "-c", BATCH, method, *map(str, (warm, cohort, output))]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(words.splitlines()[-1])


def report(figures: dict[str, Any]) -> str:
    """The table as Markdown."""
    rows = []
    for method, cohorts in figures.items():
        fewest = min(cohorts)
        for count, entry in cohorts.items():
            cells = []
            for what in ("list", "do", "look up"):
                each, least = entry[what] / count, cohorts[fewest][what] / fewest
                cells += [f"{1000 * each:.1f}", f"{each / least:.2f}"]
            rows.append([f"{method}, {count} files", *cells, f"{entry['beyond']:.0f}"])
    header = [
        "",
        "list, ms",
        "of flat",
        "do, ms",
        "of flat",
        "look up, ms",
        "of flat",
        "MiB beyond",
    ]
    return (
        f"## The batch\n\n`durn-superres upscale --recursive` of files of {SLICES} slices of {SIZE} x {SIZE}, each "
        "count in a process of its own after a batch of a few files that is not counted: milliseconds of CPU time a "
        "file to find the files, to do them, and to look up in the ledger that all are done, each beside what the "
        "smallest count takes (1.00 is flat), and peak memory beyond that of the uncounted batch.\n\n"
        + table(header, rows)
    )
