"""The example for a SLURM site: the job script that it makes, and a run where sbatch and scancel are stand-ins."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import BICUBIC, states

EXAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "slurm.py"
SBATCH = '#!/bin/sh\ncp "$1" "$0.job"\nsetsid sh "$0.job" >/dev/null 2>&1 &\necho "Submitted batch job $!"\n'
SCANCEL = '#!/bin/sh\nkill -- "-$1"\n'

pytest.importorskip("dask_jobqueue")


def test_the_job_script_asks_for_one_gpu_and_offers_it() -> None:
    with runpy.run_path(str(EXAMPLE))["gpu_workers"]() as cluster:
        script = cluster.job_script()
    assert "#SBATCH --gres=gpu:1" in script
    assert "#SBATCH --cpus-per-task=4" in script
    worker = next(line for line in script.splitlines() if "dask_worker" in line)
    assert worker.endswith("--nthreads 1 --resources GPU=1")
    assert worker.index("--nthreads 4") < worker.index("--nthreads 1")  # the last one counts


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins for sbatch and scancel need setsid")
def test_the_example_runs_a_cohort(three: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    example = tmp_path / "slurm.py"
    example.write_text(EXAMPLE.read_text().replace("JOBS = 4", "JOBS = 1"))
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    command = [sys.executable, str(example), str(three), "-o", str(tmp_path / "out"), *BICUBIC]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert set(states(tmp_path / "out").values()) == {"done"}
