"""Jobs of a batch on Dask workers: a cluster of the user's, or one on this machine.

What Dask does, and what follows from it here:

- A worker that dies takes with it all tasks that were assigned to it, running or not, and each of them comes one step
  nearer to being given up (``distributed.scheduler.allowed-failures``, 3). So no more jobs are out than there are
  workers: a job that kills its worker spoils itself alone.
- Resources count at the worker, and a task that wants one never goes where none is offered. So jobs ask for ``GPU=1``
  if the network is to run and any worker offers it; then all of them run on such workers, one at a time on each GPU,
  and no part of a cohort in the other precision of the CPU.
- A task that was cancelled goes on running in its thread. So each job asks its worker whether it is still wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Iterable
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from ..core.network.memory import keep_freed_memory
from .jobs import Job
from .ledger import BatchError
from .running import FAILED, Outcome, Outcomes, Plan, Work, run_job

if TYPE_CHECKING:
    from distributed import Client, Future, SpecCluster, Worker

LOCAL = "local"
LOOK_FOR_WORKERS_S = 2
MEMORY_OF_A_WORKER = 2 * 2**30
GPU = {"GPU": 1}
ON_LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "dashboard": False}
# Dask has its workers give freed memory back at once; the network then takes almost twice the time of the CPU.
MEMORY_KEPT = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}


def run_on_dask(jobs: Iterable[Job], plan: Plan, work: Work, address: str, workers: int | None) -> Outcomes:
    """Do jobs on the workers of a cluster, in whatever order they finish.

    Args:
        jobs, plan, work: as :func:`~.batch.run_job`.
        address: of a scheduler, or ``local`` to start a cluster on this machine.
        workers: how many to start, for ``local``; None for one on each GPU, else on each core.

    Raises:
        OSError: no scheduler at the address.
        BatchError: the scheduler was lost.
    """
    from distributed import Client

    if logging.getLogger().level > logging.DEBUG:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if address == LOCAL:
            address = stack.enter_context(local_cluster(plan, workers)).scheduler_address
        client = stack.enter_context(Client(address))
        yield from stack.enter_context(contextlib.closing(_outcomes(client, jobs, plan, work)))


def local_cluster(plan: Plan, workers: int | None = None) -> SpecCluster:
    """A cluster of worker processes of one thread each that only this machine can reach.

    Each GPU that torch finds gets a worker of its own, unless the plan is for the CPU or needs no network.
    """
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    spec = {n: {"cls": Nanny, "options": options} for n, options in enumerate(worker_options(plan, workers))}
    with dask.config.set(MEMORY_KEPT):
        return SpecCluster(spec, {"cls": Scheduler, "options": ON_LOOPBACK}, silence_logs=logging.CRITICAL)


def worker_options(plan: Plan, workers: int | None = None) -> list[dict[str, Any]]:
    """The options of each local worker's Nanny."""
    gpus = _gpus() if _wants_gpu(plan) else []
    count = workers or len(gpus) or _workers_that_fit()
    options = {"nthreads": 1, "memory_limit": 0, "preload": (__name__,), "silence_logs": logging.CRITICAL}
    return [options | ON_LOOPBACK | (_on_gpu(gpus[n % len(gpus)]) if gpus else {}) for n in range(count)]


def dask_setup(_: Worker) -> None:
    """Called by Dask in a local worker's main thread, before its first job.

    Ctrl-C is for the client, which then stops the workers. Freed memory is kept, as in the command's own process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()


def _on_gpu(number: str) -> dict[str, Any]:
    return {"resources": GPU, "env": {"CUDA_VISIBLE_DEVICES": number}}


def _gpus() -> list[str]:
    import torch

    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = shown.split(",") if shown else [str(n) for n in range(torch.cuda.device_count())]
    return names[: torch.cuda.device_count()]


def _workers_that_fit() -> int:
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return max(1, min(CPU_COUNT, MEMORY_LIMIT // MEMORY_OF_A_WORKER))


def _wants_gpu(plan: Plan) -> bool:
    return plan.options["method"] != "bicubic" and plan.options["device"] != "cpu"


def _outcomes(client: Client, jobs: Iterable[Job], plan: Plan, work: Work) -> Outcomes:
    """Outcomes as they come; jobs that are out when this is closed are cancelled."""
    waiting, out = deque(jobs), dict[Any, Job]()
    resources = _resources(client, plan)
    try:
        while waiting or out:
            places = _places(client, resources)
            while waiting and len(out) < places:
                job = waiting.popleft()
                out[client.submit(_on_worker, job, plan, work, resources=resources, pure=False)] = job
            for future in _finished(out):
                yield _outcome(future, out.pop(future))
    finally:
        if client.status == "running":
            client.cancel(list(out))


def _resources(client: Client, plan: Plan) -> dict[str, int] | None:
    """What each job asks for: a GPU if any worker offers one."""
    if not client.nthreads():
        logging.info("waiting for the first worker")
        client.wait_for_workers(1)
    offers = (worker["resources"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    return GPU if _wants_gpu(plan) and any(offer.get("GPU", 0) >= 1 for offer in offers) else None


def _places(client: Client, resources: dict[str, int] | None) -> int:
    """How many workers can take jobs; at least one, so that jobs wait for workers that are yet to come.

    Raises:
        BatchError: the scheduler was lost.
    """
    if client.status != "running":
        raise BatchError("the connection to the Dask scheduler was lost")
    try:
        found = client.scheduler_info(n_workers=-1)["workers"].values()
    except OSError as error:
        raise BatchError("the connection to the Dask scheduler was lost") from error
    return max(1, sum(resources is None or worker["resources"].get("GPU", 0) >= 1 for worker in found))


def _finished(out: dict[Any, Job]) -> list[Future]:
    """Jobs that have ended, none after a while without any, so that new workers are noticed."""
    from distributed import wait

    try:
        return list(wait(list(out), timeout=LOOK_FOR_WORKERS_S, return_when="FIRST_COMPLETED").done)
    except (TimeoutError, asyncio.TimeoutError):  # one and the same from Python 3.11 on
        return []
    except CancelledError:
        raise BatchError("the connection to the Dask scheduler was lost") from None


def _outcome(future: Future, job: Job) -> Outcome:
    from distributed import KilledWorker

    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        for warning in outcome.warnings:
            logging.warning("%s", warning)
        return outcome
    if isinstance(error, KilledWorker):
        return Outcome(job, FAILED, f"{error.allowed_failures + 1} workers died of it (out of memory?)")
    if isinstance(error, ModuleNotFoundError):
        return Outcome(job, FAILED, f"the Python package {error.name} is missing on a worker")
    return Outcome(job, FAILED, " ".join(str(error).split()) or type(error).__name__)


def _on_worker(job: Job, plan: Plan, work: Work) -> Outcome:
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return run_job(job, plan, work, cancelled)
