"""A folder of many inputs as a user meets it: what is found, what is skipped, what is done again, what fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from dicoms import image, save
from DURNSuperResLib import cli
from DURNSuperResLib.cli import main
from DURNSuperResLib.cohort import running as batch
from DURNSuperResLib.cohort.ledger import Ledger
from DURNSuperResLib.commands import batch as command
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of
from DURNSuperResLib.scene.sequence_storage import read_sequence
from DURNSuperResLib.scene.sequences import items_of
from gate import Gate

from .conftest import BICUBIC, contents, states, texts, write_volume

OUTPUTS = {
    "p1/cine.nii.gz": "p1/cine.nii.gz",
    "p1/heart.nrrd": "p1/heart.nrrd",
    "p2/deep/heart.mhd": "p2/deep/heart.mha",
    "p3/study #1": "p3/study/1-cine_sax.seq.nrrd",
    "p3/study #2": "p3/study/8-4CH_long_axis.seq.nrrd",
    "p4 #1": "p4/1-static.nrrd",
}


def run(folder: Path, output: Path, *more: str) -> int:
    return main(["upscale", str(folder), "-o", str(output), "--recursive", *BICUBIC, *more])


def arrays(path: Path) -> np.ndarray:
    if path.name.endswith(".seq.nrrd"):
        return np.stack([slicer.util.arrayFromVolume(item) for item in items_of(read_sequence(path))])
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_every_kind_of_input_is_found_and_the_structure_kept(cohort: Path, tmp_path: Path) -> None:
    assert run(cohort, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {job["input"]: job["output"] for job in report["jobs"]} == OUTPUTS
    assert sorted(contents(tmp_path / "out")) == sorted(OUTPUTS.values())
    assert report["count"] == {"done": 6, "skipped": 0, "failed": 0, "not done": 0}
    assert report["set_aside"] == {"a localiser": 1}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_result_is_that_of_the_command_for_one_input(name: str, cohort: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / OUTPUTS[name]
    assert run(cohort, tmp_path / "out", "--keep-type") == 0
    source, _, series = name.partition(" #")
    single = tmp_path / f"single{''.join(output.suffixes[-2:])}"
    which = ["--series", series] if series else []
    assert main(["upscale", str(cohort / source), "-o", str(single), "--keep-type", *which, *BICUBIC]) == 0
    assert np.array_equal(arrays(output), arrays(single))
    assert arrays(output).dtype == arrays(single).dtype


def test_a_real_cohort(data: Path, tmp_path: Path) -> None:
    assert run(data / "cmr" / "cine_dicom", tmp_path / "out", "--quiet") == 0
    short, four = tmp_path / "out" / "7001-cine_trufi_retro.seq.nrrd", "14001-cine_trufi_retro_4CH.seq.nrrd"
    assert arrays(short).shape == (25, 6, 416, 512)
    assert arrays(tmp_path / "out" / four).shape == (25, 1, 416, 512)


def test_a_result_does_not_depend_on_what_was_done_before(three: Path, tmp_path: Path) -> None:
    assert run(three, tmp_path / "all") == 0
    for name in "ab":
        (three / f"{name}.nrrd").unlink()
    assert run(three, tmp_path / "one") == 0
    assert contents(tmp_path / "one")["c.nrrd"] == contents(tmp_path / "all")["c.nrrd"]


def test_done_work_is_skipped(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(cohort, tmp_path / "out") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.n*")}
    shutil.copytree(cohort, tmp_path / "elsewhere")  # content counts, neither dates nor the place
    assert run(tmp_path / "elsewhere", tmp_path / "out") == 0
    assert set(states(tmp_path / "out").values()) == {"skipped"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.n*")} == before
    assert "6 skipped" in capsys.readouterr().out


def _new_voxel(folder: Path, output: Path) -> None:
    path = folder / "p2" / "deep" / "heart.raw"
    path.write_bytes((np.fromfile(path, np.int16) + np.int16(1)).tobytes())


def _new_image(folder: Path, output: Path) -> None:
    path = folder / "p3" / "study" / "lax" / "2.dcm"
    path.write_bytes(path.read_bytes()[:-2] + b"zz")


def _altered(folder: Path, output: Path) -> None:
    path = output / "p1" / "heart.nrrd"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def _cut_short(folder: Path, output: Path) -> None:
    path = output / "p3" / "study" / "8-4CH_long_axis.seq.nrrd"
    path.write_bytes(path.read_bytes()[:500])


def _deleted(folder: Path, output: Path) -> None:
    (output / "p1" / "cine.nii.gz").unlink()


def _bad_record(folder: Path, output: Path) -> None:
    for page in (output / ".durn-superres" / "records").iterdir():
        if json.loads(page.read_text())["path"] == "p4/1-static.nrrd":
            page.write_text("{")


CHANGES: dict[Callable[[Path, Path], None], tuple[str, str]] = {
    _new_voxel: ("p2/deep/heart.mhd", "the input has changed"),
    _new_image: ("p3/study #2", "the input has changed"),
    _altered: ("p1/heart.nrrd", "the output was altered"),
    _cut_short: ("p3/study #2", "the output was altered"),
    _deleted: ("p1/cine.nii.gz", "the output is missing"),
    _bad_record: ("p4 #1", "the input has changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_done_again_and_nothing_else(
    change: Callable[[Path, Path], None], cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out"
    assert run(cohort, output) == 0
    change(cohort, output)
    name, reason = CHANGES[change]
    capsys.readouterr()
    assert run(cohort, output, "--dry-run") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(name))
    assert line.endswith(f"to do    {OUTPUTS[name]} ({reason})")
    assert run(cohort, output) == 0
    assert states(output) == {job: "done" if job == name else "skipped" for job in OUTPUTS}
    assert run(cohort, tmp_path / "fresh") == 0
    assert contents(output) == contents(tmp_path / "fresh")


def test_another_option_model_or_version_means_all_again(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out"
    assert run(three, output) == 0
    assert run(three, output, "--dry-run", "--scale", "3") == 0
    assert capsys.readouterr().out.count("(other options: scale 3, not 2)") == 3
    with monkeypatch.context() as patch:
        patch.setattr(batch, "_model_of", lambda _: "other weights")
        assert run(three, output, "--dry-run") == 0
    assert capsys.readouterr().out.count("(another model)") == 3
    assert run(three, output, "--scale", "3", "--keep-type") == 0
    assert set(states(output).values()) == {"done"}
    assert sitk.ReadImage(str(output / "b.nrrd")).GetSize() == (72, 60, 3)


def test_a_failure_does_not_stop_the_others(
    cohort: Path, tmp_path: Path, voxels: np.ndarray, capsys: pytest.CaptureFixture
) -> None:
    (cohort / "p1" / "broken.nrrd").write_bytes(b"NRRD0004\nbroken")
    write_volume(cohort / "p1" / "flat.nii", np.full_like(voxels, 7))
    (cohort / "p5").mkdir()
    (cohort / "p5" / "lost.dcm").write_bytes(b"no DICOM at all")
    path = cohort / "p4" / "1.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    assert run(cohort, tmp_path / "out") == 1
    failed = {"p1/broken.nrrd", "p1/flat.nii", "p4 #1", "p5/lost.dcm"}
    found = states(tmp_path / "out")
    assert {name for name, state in found.items() if state == "failed"} == failed
    assert {name for name, state in found.items() if state == "done"} == set(OUTPUTS) - failed
    reasons = texts(tmp_path / "out")
    assert "is damaged" in reasons["p1/broken.nrrd"]
    assert "constant" in reasons["p1/flat.nii"]
    assert "1.dcm is cut short" in reasons["p4 #1"]
    assert "does not begin as a DICOM file" in reasons["p5/lost.dcm"]
    captured = capsys.readouterr()
    assert "5 done, 4 failed" in captured.out
    assert "4 of 9 failed; " in captured.err.splitlines()[-1]
    write_volume(cohort / "p1" / "broken.nrrd", voxels)  # repaired: only that is done
    assert run(cohort, tmp_path / "out") == 1
    assert [name for name, state in states(tmp_path / "out").items() if state == "done"] == ["p1/broken.nrrd"]


def test_warnings_are_in_the_report(data: Path, tmp_path: Path) -> None:
    assert run(data / "cmr" / "sunnybrook_dicom" / "SC-N-02-ragged", tmp_path / "out", "--quiet") == 0
    job = json.loads((tmp_path / "out" / "report.json").read_text())["jobs"][0]
    assert any("2 images left out" in warning for warning in job["warnings"])


def test_a_dry_run_writes_nothing(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(cohort, tmp_path / "out", "--dry-run") == 0
    assert not (tmp_path / "out").exists()
    assert "p1/heart.nrrd      to do  p1/heart.nrrd (new)" in capsys.readouterr().out


def test_results_within_the_input_folder_are_not_input(cohort: Path) -> None:
    for scale in ("2", "3"):
        for _ in range(2):
            assert run(cohort, cohort / "p3" / "study" / f"x{scale}", "--scale", scale, "--as-dicom") == 0
            assert sorted(states(cohort / "p3" / "study" / f"x{scale}")) == sorted(OUTPUTS)
    assert set(states(cohort / "p3" / "study" / "x2").values()) == {"skipped"}
    assert len(contents_of(cohort / "p3" / "study").stacks) == 2


def test_stacks_become_dicom_series_where_that_is_asked(cohort: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(cohort, output, "--as-dicom") == 0
    folder = output / "p3" / "study" / "1-cine_sax"
    stack = choose_stack(contents_of(folder))
    assert (stack.slices, stack.phases, stack.first.matrix) == (3, 4, (40, 48))
    assert (output / "p1" / "heart.nrrd").is_file()
    (folder / "IM_0001_0002.dcm").unlink()
    assert run(cohort, output, "--as-dicom") == 0
    assert states(output) == {job: "done" if job == "p3/study #1" else "skipped" for job in OUTPUTS}
    (folder / "thesis.txt").write_text("precious")
    assert run(cohort, output, "--as-dicom") == 1
    assert "holds other files" in texts(output)["p3/study #1"]
    assert (folder / "thesis.txt").read_text() == "precious"
    assert len(list(folder.iterdir())) == 13


def test_a_file_of_someone_else_is_replaced_only_when_told(three: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "b.nrrd").write_text("precious")
    assert run(three, output) == 1
    assert states(output) == {"a.nrrd": "done", "b.nrrd": "failed", "c.nrrd": "done"}
    assert (output / "b.nrrd").read_text() == "precious"
    assert run(three, output, "--overwrite") == 0
    assert states(output) == {"a.nrrd": "skipped", "b.nrrd": "done", "c.nrrd": "skipped"}


def test_inputs_that_differ_in_their_ending_alone_keep_apart(tmp_path: Path, voxels: np.ndarray) -> None:
    for n, name in enumerate(("a.nrrd", "a.nhdr", "A.mhd", "a.mha")):
        write_volume(tmp_path / "in" / name, voxels + n)
    assert run(tmp_path / "in", tmp_path / "out", "--keep-type") == 0
    found = {path.name: arrays(path).min() for path in (tmp_path / "out").iterdir() if path.suffix in (".nrrd", ".mha")}
    lowest = voxels.min()
    assert sorted(found) == ["A-mhd.mha", "a-mha.mha", "a-nhdr.nrrd", "a-nrrd.nrrd"]
    assert len(set(found.values())) == 4
    assert abs(int(found["a-nrrd.nrrd"]) - int(lowest)) < 200


def test_after_an_interrupt_the_rest_is_done(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    output, work = tmp_path / "out", command.work

    def interrupted(options: object) -> str:
        if options.input.name == "b.nrrd":
            options.output.write_text("half")
            raise KeyboardInterrupt
        return work(options)

    with monkeypatch.context() as patch:
        patch.setattr(command, "work", interrupted)
        assert run(three, output) == 1
    assert "cancelled" in capsys.readouterr().err
    assert states(output) == {"a.nrrd": "done", "b.nrrd": "not done", "c.nrrd": "not done"}
    assert list(contents(output)) == ["a.nrrd"]
    assert not list((output / ".durn-superres" / "work").iterdir())
    assert run(three, output) == 0
    assert states(output) == {"a.nrrd": "skipped", "b.nrrd": "done", "c.nrrd": "done"}


def test_after_a_kill_the_rest_is_done(three: Path, tmp_path: Path, gate: Gate) -> None:
    output = tmp_path / "out"
    command_line = ["upscale", str(three), "-o", str(output), "--recursive", *BICUBIC]
    process = subprocess.Popen([sys.executable, str(Path(__file__).parents[1] / "gate.py"), *command_line])
    arrivals = gate.arrivals()
    first = next(arrivals)
    first.go()
    second = next(arrivals)
    os.kill(second.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (first.name, second.name) == ("a.nrrd", "b.nrrd")
    assert list(contents(output)) == ["a.nrrd"]
    assert run(three, output) == 0
    assert states(output) == {"a.nrrd": "skipped", "b.nrrd": "done", "c.nrrd": "done"}
    assert not list((output / ".durn-superres" / "work").iterdir())


def test_two_batches_do_not_write_to_one_folder(three: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("fcntl", reason="needs POSIX file locks")
    with Ledger(tmp_path / "out").opened():
        assert run(three, tmp_path / "out") == 1
    assert "another batch is writing to" in capsys.readouterr().err
    assert run(three, tmp_path / "out") == 0


def test_a_folder_that_changes_meanwhile_gives_no_wrong_stack(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = command.work

    def study_grows(options: object) -> str:
        if options.input.name == "study":
            for place in range(6):
                for phase in range(4):
                    tags = {"SeriesNumber": 2, "SeriesDescription": "bigger", "EchoTime": 9, "EchoNumbers": 2}
                    path = cohort / "p3" / "study" / "new" / f"{place}_{phase}.dcm"
                    save(image(place, phase, "1.2.3.77", **tags), path)
        return work(options)

    monkeypatch.setattr(command, "work", study_grows)
    assert run(cohort, tmp_path / "out") == 1
    assert "has changed since its stacks were listed" in texts(tmp_path / "out")["p3/study #1"]


def test_a_full_disk_is_told_with_the_name_of_the_output(
    three: Path, tmp_path: Path, voxels: np.ndarray, full_disk: Callable
) -> None:
    write_volume(three / "b.nrrd", np.tile(voxels, (1, 6, 6)))
    with full_disk(60_000):
        assert run(three, tmp_path / "out") == 1
    assert states(tmp_path / "out") == {"a.nrrd": "done", "b.nrrd": "failed", "c.nrrd": "done"}
    assert texts(tmp_path / "out")["b.nrrd"].startswith(f"{tmp_path / 'out' / 'b.nrrd'} could not be written in full")
    assert run(three, tmp_path / "out") == 0


BAD_RUNS: dict[str, tuple[list[str], str]] = {
    "one file": (["in/a.nrrd", "-o", "out", "--recursive"], "--recursive needs a folder of inputs"),
    "output is input": (["in", "-o", "in", "--recursive"], "must be another than the input folder"),
    "output is a file": (["in", "-o", "in/a.nrrd", "--recursive"], "is a file; --recursive needs a folder"),
    "one stack": (["in", "-o", "out", "--recursive", "--series", "1"], "--series chooses one stack"),
    "nothing": (["empty", "-o", "out", "--recursive"], "holds no volume, cine or DICOM stack"),
    "dask alone": (["in/a.nrrd", "-o", "b.nrrd", "--dask", "local"], "--dask goes with --recursive"),
    "dry run alone": (["in/a.nrrd", "-o", "b.nrrd", "--dry-run"], "--dry-run goes with --recursive"),
    "no workers": (["in/a.nrrd", "-o", "b.nrrd", "--workers", "0"], "--workers goes with --recursive"),
    "no dask": (["in", "-o", "out", "--recursive", "--dask", ""], "--dask needs an address"),
    "workers elsewhere": (["in", "-o", "out", "--recursive", "--workers", "2"], "with --dask local"),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_bad_runs_say_one_line_and_write_nothing(
    name: str, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    arguments, reason = BAD_RUNS[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    before = contents(tmp_path)
    assert main(["upscale", *arguments, *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert reason in text
    assert text.count("\n") == 1
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_every_option_is_known_to_alter_the_result_or_not(three: Path, tmp_path: Path) -> None:
    """An option that is new to the command must not be forgotten by the ledger."""
    arguments = ["upscale", str(three), "-o", str(tmp_path), "--recursive"]
    deciding = {"scale", "method", "device", "precision", "slice_axis", "keep_type", "single_slice", "repair"}
    assert set(vars(cli.command_parser().parse_args(arguments))) - set(command.NO_RESULT) >= deciding
