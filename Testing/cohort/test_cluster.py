"""The same batch on a real Dask scheduler and real worker processes, which are killed, blind, or called back."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import gate as gated
from DURNSuperResLib.cli import command_parser, main
from DURNSuperResLib.cohort import cluster as cluster_module
from DURNSuperResLib.cohort.cluster import run_on_dask
from DURNSuperResLib.cohort.jobs import Job, find_jobs
from DURNSuperResLib.cohort.ledger import Ledger
from DURNSuperResLib.cohort.running import DONE, FAILED, Outcome, Plan, run_here
from DURNSuperResLib.commands.batch import deciding, work
from gate import UNTIL_CANCELLED, Gate

from .conftest import BICUBIC, contents, states, texts

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc to hide files from a process")

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = deciding(command_parser().parse_args(["upscale", "in", "-o", "out", *BICUBIC]))


class Cluster:
    """A scheduler process and worker processes on the loopback interface."""

    def __init__(self, **config: str) -> None:
        path = os.pathsep.join(sys.path)  # where the gate is
        self._settings = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **config}
        self._processes: list[subprocess.Popen] = []
        self.scheduler = self._started("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        assert self.scheduler.stderr is not None
        for line in self.scheduler.stderr:
            if found := re.search(r"Scheduler at: +(tcp://\S+)", line):
                self.address = found[1]
                break
        self._listener = threading.Thread(target=self.scheduler.stderr.read)
        self._listener.start()
        self.client = distributed.Client(self.address, set_as_default=False)

    def add_worker(self, *more: str, folder: Path | None = None) -> subprocess.Popen:
        """One more worker of one thread; comes back when it is there."""
        count = len(self.client.nthreads())
        nanny = () if "--nanny" in more else ("--no-nanny",)
        arguments = (self.address, "--dashboard-address", "127.0.0.1:0", "--nthreads", "1", *nanny, *more)
        process = self._started("worker", *arguments, cwd=folder, stderr=subprocess.DEVNULL)
        self.client.wait_for_workers(count + 1)
        return process

    def _started(self, kind: str, *arguments: str, **how: object) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host", "127.0.0.1", *arguments]
        process = subprocess.Popen(command, **{"stderr": subprocess.PIPE, "text": True, "env": self._settings, **how})
        self._processes.append(process)
        return process

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.client.close(timeout=5)
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._listener.join()
        assert self.scheduler.stderr is not None
        self.scheduler.stderr.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with contextlib.closing(Cluster()) as cluster:
        yield cluster


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan.of(tmp_path / "out", OPTIONS, overwrite=False, quiet=True)


def serially(jobs: tuple[Job, ...], folder: Path, options: dict) -> dict[str, bytes]:
    """What the batch makes in this process alone."""
    plan = Plan.of(folder / "serial", options, overwrite=False, quiet=True)
    with Ledger(plan.output).opened():
        assert {outcome.state for outcome in run_here(jobs, plan, work)} == {DONE}
    return contents(plan.output)


class Running:
    """A batch on a cluster in a thread of its own, its jobs stopping at the gate."""

    def __init__(self, jobs: tuple[Job, ...], plan: Plan, address: str) -> None:
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(jobs, plan, address))
        self._thread.start()

    def _run(self, jobs: tuple[Job, ...], plan: Plan, address: str) -> None:
        try:
            with Ledger(plan.output).opened():
                self.outcomes.extend(run_on_dask(jobs, plan, gated.work, address, None))
        except BaseException as error:  # told to the test
            self.error = error

    def ended(self) -> list[Outcome]:
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return self.outcomes


def test_a_worker_killed_while_it_computes_costs_nothing(
    three: Path, tmp_path: Path, gate: Gate, cluster: Cluster
) -> None:
    options = OPTIONS | {"method": "durn", "precision": "float32"}
    plan = Plan.of(tmp_path / "out", options, overwrite=False, quiet=True)
    jobs = find_jobs(three, plan.output).jobs
    for _ in range(2):
        cluster.add_worker()
    running = Running(jobs, plan, cluster.address)
    arrivals = gate.arrivals()
    killed = next(arrivals)
    os.kill(killed.pid, signal.SIGKILL)
    seen = [killed.name]
    while len(seen) < len(jobs) + 1:
        arrival = next(arrivals)
        assert arrival.pid != killed.pid
        seen.append(arrival.name)
        arrival.go()
    outcomes = running.ended()
    assert {outcome.job: outcome.state for outcome in outcomes} == dict.fromkeys(jobs, DONE)
    assert sorted(seen) == sorted([*(job.source.name for job in jobs), seen[0]])
    assert contents(plan.output) == serially(jobs, tmp_path, options)
    assert not list((plan.output / ".durn-superres" / "work").iterdir())


def test_a_job_that_kills_its_workers_spoils_itself_alone(
    three: Path, plan: Plan, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = find_jobs(three, plan.output).jobs
    with contextlib.closing(Cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")) as cluster:
        cluster.add_worker("--nanny")  # on which all jobs would wait together, were they not held back
        running, arrivals = Running(jobs, plan, cluster.address), gate.arrivals()
        for _ in range(2):
            arrival = next(arrivals)
            assert arrival.name == "a.nrrd"
            os.kill(arrival.pid, signal.SIGKILL)
        for _ in jobs[1:]:
            next(arrivals).go()
        outcomes = {outcome.job.name: outcome for outcome in running.ended()}
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "a.nrrd": FAILED,
        "b.nrrd": DONE,
        "c.nrrd": DONE,
    }
    assert outcomes["a.nrrd"].text == "2 workers died of it (out of memory?)"


def test_jobs_want_a_gpu_where_a_worker_offers_one(three: Path, tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    owner = cluster.add_worker("--resources", "GPU=1")
    plan = Plan.of(tmp_path / "out", OPTIONS | {"method": "durn"}, overwrite=False, quiet=True)
    jobs = find_jobs(three, plan.output).jobs
    with Ledger(plan.output).opened():
        outcomes = list(run_on_dask(jobs, plan, work, cluster.address, None))
    assert {outcome.state for outcome in outcomes} == {DONE}
    assert {outcome.worker.rpartition("-")[2] for outcome in outcomes} == {str(owner.pid)}


def test_local_workers_have_a_gpu_each(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_gpus", lambda: ["0", "3"])
    network = Plan(plan.output, OPTIONS | {"method": "durn"}, "")
    found = [(o["resources"], o["env"]["CUDA_VISIBLE_DEVICES"]) for o in cluster_module.worker_options(network)]
    assert found == [({"GPU": 1}, "0"), ({"GPU": 1}, "3")]
    on_cpu = Plan(plan.output, network.options | {"device": "cpu"}, "")
    assert ["resources" in options for options in cluster_module.worker_options(on_cpu, 3)] == [False] * 3


def test_the_command_line_on_a_cluster_and_again(cohort: Path, tmp_path: Path, cluster: Cluster) -> None:
    cluster.add_worker()
    arguments = ["upscale", str(cohort), "--recursive", *BICUBIC, "-o"]
    assert main([*arguments, str(tmp_path / "out"), "--dask", cluster.address]) == 0
    assert main([*arguments, str(tmp_path / "here")]) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "here")
    assert main([*arguments, str(tmp_path / "out"), "--dask", cluster.address]) == 0
    assert set(states(tmp_path / "out").values()) == {"skipped"}


@NEEDS_PROC
def test_a_worker_that_cannot_see_the_input_says_so(
    three: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = tmp_path / "blind"
    blind.mkdir()
    cluster.add_worker(folder=blind)
    monkeypatch.chdir(tmp_path)
    arguments = ["upscale", "/proc/self/cwd/in", "-o", str(tmp_path / "out"), "--recursive", *BICUBIC]
    assert main([*arguments, "--dask", cluster.address]) == 1
    for name, text in texts(tmp_path / "out").items():
        assert f"/proc/self/cwd/in/{name} cannot be seen from " in text
    assert not contents(tmp_path / "out")


@NEEDS_PROC
def test_a_worker_that_cannot_see_the_output_says_so(
    three: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blind").mkdir()
    cluster.add_worker(folder=tmp_path / "blind")
    monkeypatch.chdir(tmp_path)
    arguments = ["upscale", str(three), "-o", "/proc/self/cwd/out", "--recursive", *BICUBIC]
    assert main([*arguments, "--dask", cluster.address]) == 1
    assert all(
        "the output folder /proc/self/cwd/out cannot be seen" in text for text in texts(tmp_path / "out").values()
    )


@pytest.mark.parametrize("local", [False, True], ids=["cluster of the user", "local"])
def test_ctrl_c_stops_the_workers_and_leaves_nothing_partial(
    local: bool, three: Path, tmp_path: Path, gate: Gate, request: pytest.FixtureRequest
) -> None:
    if local:
        where = ["--dask", "local", "--workers", "1"]
    else:
        cluster = request.getfixturevalue("cluster")
        cluster.add_worker()
        where = ["--dask", cluster.address]
    output = tmp_path / "out"
    arguments = ["upscale", str(three), "-o", str(output), "--recursive", *BICUBIC, *where]
    client = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "Testing" / "gate.py"), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    arrival = next(gate.arrivals())
    os.killpg(client.pid, signal.SIGINT)
    arrival.go(UNTIL_CANCELLED)
    assert arrival.answer() == b"cancelled"
    _, text = client.communicate(timeout=60)
    assert client.returncode == 1
    assert text.splitlines()[-1] == "durn-superres: cancelled"
    assert "KeyboardInterrupt" not in text  # of a worker, which the terminal sends the signal, too
    assert set(states(output).values()) == {"not done"}
    assert not contents(output)
    assert not list((output / ".durn-superres" / "work").iterdir())
    assert main(["upscale", str(three), "-o", str(output), "--recursive", *BICUBIC]) == 0


def test_a_lost_scheduler_ends_the_batch_with_a_report(three: Path, plan: Plan, gate: Gate, cluster: Cluster) -> None:
    cluster.add_worker()
    jobs = find_jobs(three, plan.output).jobs
    running = Running(jobs, plan, cluster.address)
    next(gate.arrivals())
    cluster.scheduler.kill()
    with pytest.raises(RuntimeError, match="connection to the Dask scheduler was lost"):
        running.ended()


def test_no_scheduler_is_one_line(three: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["upscale", str(three), "-o", str(tmp_path / "out"), "--recursive", "--quiet", *BICUBIC]
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert main([*arguments, "--dask", "tcp://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_local_worker_keeps_freed_memory_and_leaves_ctrl_c_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(cluster_module, "keep_freed_memory", lambda: done.append("keeps"))
    monkeypatch.setattr(signal, "signal", lambda number, action: done.append(f"{number.name} {action.name}"))
    cluster_module.dask_setup(None)  # type: ignore[arg-type]
    assert sorted(done) == ["SIGINT SIG_IGN", "keeps"]
