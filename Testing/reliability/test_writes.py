"""Outputs: whole or not there at all, whatever ends the run; earlier ones kept until then, nobody else's replaced."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from dicoms import write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.scene import storage
from DURNSuperResLib.scene.dicom import derived
from DURNSuperResLib.scene.storage import OutputError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's signals and limits")

VOXELS = np.random.default_rng(2).integers(0, 3000, (3, 24, 20)).astype(np.int16)
COMMAND = [sys.executable, "-m", "DURNSuperResLib.cli"]
BICUBIC = ["--method", "bicubic", "--overwrite"]
OUTPUTS = ("out.nrrd", "out.nii", "out.nii.gz", "out.mha", "out.seq.nrrd", "series")
NEW_OUTPUTS = ("out.nrrd", "series")  # with nothing there before
STEPS = [f"e{n}" for n in range(1, 10)]
SIZES = [f"b{n}" for n in (0, 60, 352, 1000, 5000)]
TO_THE_END = "e9999"
CASES = {
    "test_a_killed_run_leaves_a_whole_output_or_none": len((*STEPS, *SIZES)) * len((*OUTPUTS, *NEW_OUTPUTS)),
    "test_two_runs_at_once_on_one_output_leave_one_of_both_whole": 2,
}
DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS = 24, 1  # prctl(2), capabilities(7)


@pytest.fixture
def environment() -> dict[str, str]:
    """For processes that run this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return saved(tmp_path / "in.nrrd", VOXELS)


def saved(path: Path, voxels: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.5, 1.5, 8.0))
    sitk.WriteImage(image, str(path))
    return path


def voxels_of(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_a_killed_run_leaves_a_whole_output_or_none(tmp_path: Path, source: Path, environment: dict) -> None:
    cine = write_cine(tmp_path / "in", slices=2, phases=2)
    outputs = [tmp_path / f"{name} {n}" / name for n, names in enumerate((OUTPUTS, NEW_OUTPUTS)) for name in names]
    command = [sys.executable, "-m", "reliability.killed", *STEPS, *SIZES, TO_THE_END]
    for output in outputs:
        output.parent.mkdir()
        given = str(cine if output.name in ("out.seq.nrrd", "series") else source)
        if output in outputs[: len(OUTPUTS)]:
            assert main(["upscale", given, "-o", str(output), "--scale", "3", *BICUBIC, "--quiet"]) == 0
        command += ["--", "upscale", given, "-o", str(output), *BICUBIC, "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == len(outputs) * (len(STEPS) + len(SIZES) + 1), result.stderr
    for n, output in enumerate(outputs):
        check_runs([line for line in lines if line[0] == str(output)], output, earlier=n < len(OUTPUTS))


def check_runs(lines: list, output: Path, *, earlier: bool) -> None:
    """Every output is the earlier one or the whole new one, or it is absent; what else is left is private."""
    *runs, (_, _, code, whole, others) = lines
    assert (code, others) == (0, [])
    assert whole not in ("absent", "earlier")
    may_be = {whole, "earlier" if earlier else "absent"}
    if output.name == "series":
        may_be.add("absent")  # between two renames a folder is nowhere
    for _, moment, _, after, others in runs:
        assert after in may_be, (output, moment)
        assert all(other.startswith(".durn-") and mode == 0o700 for other, mode in others), (output, moment)
    assert sum(code < 0 for _, _, code, _, _ in runs) > len(runs) // 3


@pytest.fixture
def started(tmp_path: Path, environment: dict) -> Iterator[Callable]:
    """Starts a real run that is at work for a while, and returns it when it has begun to write."""
    runs = []

    def start(output: Path) -> subprocess.Popen:
        big = saved(tmp_path / "big.nrrd", np.random.default_rng(3).integers(0, 3000, (6, 256, 256)).astype(np.int16))
        command = [*COMMAND, "upscale", str(big), "-o", str(output), "--scale", "4", *BICUBIC]
        runs.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        while not list(output.parent.glob(".durn-*/image*")):
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"ended with {runs[-1].wait(0.01)} before it wrote")
        return runs[-1]

    yield start
    for run in runs:
        run.kill()
        run.communicate()


def test_a_real_run_killed_while_it_writes_leaves_the_earlier_output(tmp_path: Path, started: Callable) -> None:
    output = tmp_path / "out" / "out.nii.gz"
    output.parent.mkdir()
    output.write_bytes(b"precious")
    run = started(output)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    assert output.read_bytes() == b"precious"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda sent: sent.name)
def test_a_run_told_to_end_says_so_and_leaves_nothing_behind(tmp_path: Path, started: Callable, sent: int) -> None:
    output = tmp_path / "out" / "out.nii.gz"
    output.parent.mkdir()
    output.write_bytes(b"precious")
    run = started(output)
    run.send_signal(sent)
    assert (run.wait(), run.stderr.read()) == (1, "durn-superres: cancelled\n")
    assert [path.name for path in output.parent.iterdir()] == ["out.nii.gz"]
    assert output.read_bytes() == b"precious"


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path, started: Callable) -> None:
    output = tmp_path / "out" / "out.nii.gz"
    output.parent.mkdir()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; the run inherits it
    try:
        run = started(output)
    finally:
        signal.signal(signal.SIGHUP, before)
    run.send_signal(signal.SIGHUP)
    assert run.wait() == 0
    assert output.is_file()


@pytest.mark.parametrize("limit", [0, 100, 352, 1000, 5000])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_disk_that_is_full_from_any_byte_on_leaves_the_earlier_output(
    name: str, limit: int, tmp_path: Path, source: Path, full_disk: Callable, capsys: pytest.CaptureFixture
) -> None:
    given = write_cine(tmp_path / "in", slices=2, phases=2) if name in ("out.seq.nrrd", "series") else source
    output = tmp_path / "out" / name
    output.parent.mkdir()
    assert main(["upscale", str(given), "-o", str(output), "--scale", "3", *BICUBIC, "--quiet"]) == 0
    before = {path: path.read_bytes() for path in output.parent.rglob("*") if path.is_file()}
    capsys.readouterr()
    with full_disk(limit):
        code = main(["upscale", str(given), "-o", str(output), *BICUBIC, "--quiet"])
    text = capsys.readouterr().err
    after = {path: path.read_bytes() for path in output.parent.rglob("*") if path.is_file()}
    if code:
        assert text.count("\n") == 1
        assert "disk full" in text
        assert after == before
    else:
        assert after != before  # the new output was small enough
    assert [path.name for path in output.parent.iterdir()] == [name]


def without_override() -> None:
    """Let a process of root meet permissions, as other users' do."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS, 0, 0, 0)


@pytest.mark.parametrize("name", ["out.nrrd", "out.seq.nrrd", "series"])
def test_a_read_only_folder_is_named_before_the_work_starts(
    name: str, tmp_path: Path, source: Path, environment: dict
) -> None:
    given = write_cine(tmp_path / "in", slices=2, phases=2) if name in ("out.seq.nrrd", "series") else source
    folder = tmp_path / "out"
    folder.mkdir(mode=0o555)
    command = [*COMMAND, "upscale", str(given), "-o", str(folder / name), *BICUBIC]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, preexec_fn=without_override)
    assert result.returncode == 1
    assert "is read-only" in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


def _ended(run: subprocess.Popen) -> int:
    """The exit code of a run, waited for, with what it says read."""
    run.communicate()
    return run.returncode


def test_two_runs_at_once_on_one_output_leave_one_of_both_whole(
    tmp_path: Path, source: Path, environment: dict
) -> None:
    for overwrite in (["--overwrite"], []):
        output = tmp_path / "out.nrrd"
        output.unlink(missing_ok=True)
        runs = [
            subprocess.Popen(
                [
                    *COMMAND,
                    "upscale",
                    str(source),
                    "-o",
                    str(output),
                    "--method",
                    "bicubic",
                    "--scale",
                    scale,
                    *overwrite,
                ],
                env=environment,
                stderr=subprocess.PIPE,
            )
            for scale in ("2", "3")
        ]
        codes = [_ended(run) for run in runs]
        assert sorted(codes) == ([0, 0] if overwrite else [0, 1])
        scales = [2, 3] if overwrite else [(2, 3)[codes.index(0)]]
        assert voxels_of(output).shape in [(3, 24 * scale, 20 * scale) for scale in scales]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nrrd", "out.nrrd"]


def test_runs_at_once_on_outputs_of_their_own_do_not_meet(tmp_path: Path, source: Path, environment: dict) -> None:
    outputs = {scale: tmp_path / f"out{scale}.nii.gz" for scale in (2, 3)}
    runs = [
        subprocess.Popen(
            [*COMMAND, "upscale", str(source), "-o", str(output), "--method", "bicubic", "--scale", str(scale)],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for scale, output in outputs.items()
    ]
    assert [_ended(run) for run in runs] == [0, 0]
    for scale, output in outputs.items():
        alone = tmp_path / f"alone{scale}.nii.gz"
        assert main(["upscale", str(source), "-o", str(alone), "--scale", str(scale), *BICUBIC, "--quiet"]) == 0
        assert np.array_equal(voxels_of(output), voxels_of(alone))


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
@pytest.mark.parametrize("name", ["out.nrrd", "out.nii", "out.png"])
def test_what_another_run_wrote_meanwhile_is_not_replaced(
    name: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / name
    if not links:

        def refuse(*_: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(storage.os, "link", refuse)

    def meanwhile() -> None:
        with storage.written_aside(output, overwrite=False) as aside:
            aside.write_bytes(b"ours")
            output.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists"):
        meanwhile()
    assert output.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_dicom_folder_that_another_run_filled_meanwhile_is_kept(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    given = write_cine(tmp_path / "in", slices=2, phases=2)
    folder = tmp_path / "out" / "series"
    folder.parent.mkdir()
    write = derived._write

    def write_slowly(image: object, path: Path) -> None:
        write(image, path)
        folder.mkdir(exist_ok=True)
        (folder / "notes.txt").write_text("theirs")

    monkeypatch.setattr(derived, "_write", write_slowly)
    more = ["--overwrite"] if overwrite else []
    assert main(["upscale", str(given), "-o", str(folder), "--method", "bicubic", "--quiet", *more]) == 1
    assert "folder" in capsys.readouterr().err
    assert [path.read_text() for path in folder.iterdir()] == ["theirs"]
    assert [path.name for path in folder.parent.iterdir()] == ["series"]
