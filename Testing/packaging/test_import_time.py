"""How long the doors take to open: budgets in seconds for what is imported before anything is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURE = "import time; start = time.process_time(); import {module}; print(time.process_time() - start)"
ATTEMPTS = 25  # the fastest counts; of processor time, which other jobs on the machine lengthen less


@pytest.mark.parametrize(("module", "budget"), [("DURNSuperResLib", 0.1), ("DURNSuperResLib.cli", 0.1)])
def test_imports_stay_within_their_budget(module: str, budget: float) -> None:
    command = [sys.executable, "-c", MEASURE.format(module=module)]
    attempts = (subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(ATTEMPTS))
    seconds: list[float] = []
    for attempt in attempts:
        seconds.append(float(attempt.stdout))
        if seconds[-1] < budget:
            return
    pytest.fail(f"{min(seconds)} s at best")
