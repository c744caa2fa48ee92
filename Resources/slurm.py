"""Upscale a cohort on the GPU nodes of a SLURM site, four of them at a time.

    python slurm.py COHORT -o RESULTS [other options of durn-superres upscale]

Run it on a login node, from an environment with DURNSuperRes[dask] and dask-jobqueue on a file system that all nodes
share; adapt the first function to your site. It may be stopped and started again: what is done is skipped.
"""

from __future__ import annotations

import sys

from dask_jobqueue import SLURMCluster

from DURNSuperResLib.cli import main

JOBS = 4


def gpu_workers() -> SLURMCluster:
    """Each SLURM job is one worker with one GPU, which it offers to Dask as ``GPU=1``."""
    return SLURMCluster(
        queue="gpu",
        walltime="04:00:00",
        cores=4,
        processes=1,
        memory="16GB",
        job_extra_directives=["--gres=gpu:1"],
        job_script_prologue=["export OMP_NUM_THREADS=4"],
        worker_extra_args=["--nthreads", "1", "--resources", "GPU=1"],
        scheduler_options={"dashboard_address": ":0"},
    )


if __name__ == "__main__":
    with gpu_workers() as cluster:
        cluster.scale(jobs=JOBS)
        code = main(["upscale", *sys.argv[1:], "--recursive", "--dask", cluster.scheduler_address])
    sys.exit(code)
