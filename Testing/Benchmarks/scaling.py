"""How much faster two Dask workers are than one, of one thread each, on a little cohort; the batch and its start alone.

    python Testing/Benchmarks/scaling.py [--rounds 3]

Beside it the same for two plain processes against one that share nothing but the machine: what is at most to be had
on it now. One and two take turns, so that another load on the machine falls on both. Workers have their model loaded.
On a machine that does other work the ratios of wall times say little; the CPU time that the processes took says more:
if two take no more of it than one, the batch itself costs nothing and an idle machine gives the full ratio.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from distributed import Client

from DURNSuperResLib.cli import command_parser
from DURNSuperResLib.cohort.cluster import local_cluster, run_on_dask
from DURNSuperResLib.cohort.jobs import Job, find_jobs
from DURNSuperResLib.cohort.ledger import Ledger
from DURNSuperResLib.cohort.running import DONE, Plan
from DURNSuperResLib.commands.batch import deciding, work
from DURNSuperResLib.core.engine import upscale_slices
from DURNSuperResLib.core.signal.phantom import short_axis_phantom

VOLUMES, SLICES, SIZE = 8, 3, 160
OPTIONS = deciding(command_parser().parse_args(["upscale", "in", "-o", "out", "--device", "cpu"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    logging.disable(logging.WARNING)  # the phantom's fine pixels are outside the model's domain, of each volume anew
    os.environ["OMP_NUM_THREADS"] = "1"  # for all processes that are started from here
    voxels = short_axis_phantom(2, slices=SLICES, size=2 * SIZE).acquired
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for n in range(VOLUMES):
            image = sitk.GetImageFromArray(voxels + n)
            image.SetSpacing((1.4, 1.4, 8.0))
            sitk.WriteImage(image, str(folder / "in" / f"{n}.nrrd"))
        jobs = find_jobs(folder / "in", folder).jobs
        print(f"{VOLUMES} volumes of {SLICES} slices of {SIZE} x {SIZE}, x2; load {os.getloadavg()[0]:.1f}")
        _compare("Dask workers", rounds, lambda workers: _on_dask(jobs, folder, workers))
        _compare("plain processes", rounds, lambda workers: _plain(voxels, workers))


def _compare(what: str, rounds: int, seconds: Callable[[int], tuple[float, float]]) -> None:
    one, two = zip(*((seconds(1), seconds(2)) for _ in range(rounds)), strict=True)
    ratios = [single[0] / double[0] for single, double in zip(one, two, strict=True)]
    spread = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{what}: ratio {statistics.median(ratios):.2f} ({spread})")
    for count, taken in (("one", one), ("two", two)):
        wall, cpu = (statistics.median(values) for values in zip(*taken, strict=True))
        print(f"    {count}: {wall:.1f} s, CPU {cpu:.1f} s")


def _on_dask(jobs: tuple[Job, ...], folder: Path, workers: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        plans = [Plan.of(Path(name) / kind, OPTIONS, overwrite=False, quiet=True) for kind in ("warm", "timed")]
        with local_cluster(plans[0], workers) as cluster, Client(cluster.scheduler_address) as client:
            for plan, some in zip(plans, (jobs[: 2 * workers], jobs), strict=True):
                start, before = time.perf_counter(), client.run(time.process_time)
                with Ledger(plan.output).opened():
                    outcomes = list(run_on_dask(some, plan, work, cluster.scheduler_address, None))
                wall, after = time.perf_counter() - start, client.run(time.process_time)
                assert {outcome.state for outcome in outcomes} == {DONE}
    return wall, sum(after.values()) - sum(before.values())


def _plain(voxels: np.ndarray, workers: int) -> tuple[float, float]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_upscale, [voxels[:1]] * 2 * workers))
        start = time.perf_counter()
        cpu = sum(pool.map(_upscale, [voxels] * VOLUMES))
        return time.perf_counter() - start, cpu


def _upscale(slices: np.ndarray) -> float:
    start = time.process_time()
    upscale_slices(slices, 2, device="cpu", precision="float32")
    return time.process_time() - start


if __name__ == "__main__":
    main()
