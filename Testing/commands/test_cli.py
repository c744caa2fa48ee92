"""The command line as a user meets it: real input, exit codes, one clear line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.cli import main
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from geometries import oblique

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def image_with(voxels: NDArray, ijk_to_ras: NDArray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((RAS_TO_LPS @ ijk_to_ras[:3, 3]).tolist())
    image.SetDirection((RAS_TO_LPS @ (ijk_to_ras[:3, :3] / spacing)).ravel().tolist())
    return image


def corners(image: sitk.Image) -> NDArray[np.float64]:
    """Physical positions of the eight corners of the outer voxels."""
    size = image.GetSize()
    return np.array(
        [
            image.TransformContinuousIndexToPhysicalPoint(
                [s - 0.5 if far else -0.5 for s, far in zip(size, c, strict=True)]
            )
            for c in np.ndindex(2, 2, 2)
        ]
    )


def assert_enlarged_in_place(source: sitk.Image, result: sitk.Image, scale: int) -> None:
    assert_allclose(result.GetSpacing(), np.divide(source.GetSpacing(), (scale, scale, 1)), rtol=1e-6)
    assert_allclose(result.GetDirection(), source.GetDirection(), atol=1e-6)
    assert_allclose(corners(result), corners(source), atol=1e-4)
    assert result.GetSize() == tuple(np.multiply(source.GetSize(), (scale, scale, 1)))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A small acquired phantom on an oblique grid."""
    path = tmp_path / "heart.nrrd"
    voxels = short_axis_phantom(2, slices=3, size=96).acquired.astype(np.int16)
    sitk.WriteImage(image_with(voxels, oblique((7.3, 7.3, 8.0))), str(path))
    return path


@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_upscale_a_real_dicom_folder(data: Path, tmp_path: Path, method: str) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static"
    output = tmp_path / "out.nrrd"
    assert main(["upscale", str(folder), "-o", str(output), "--scale", "2", "--method", method]) == 0
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    source, result = reader.Execute(), sitk.ReadImage(str(output))
    assert_enlarged_in_place(source, result, 2)
    brought_down = sitk.GetArrayFromImage(result).reshape(5, 256, 2, 256, 2).mean(axis=(2, 4))
    assert np.corrcoef(brought_down.ravel(), sitk.GetArrayFromImage(source).ravel())[0, 1] > 0.99


def test_upscale_an_oblique_nifti_of_a_real_cine(data: Path, tmp_path: Path) -> None:
    files = sorted((data / "cmr" / "cine_dicom" / "Se4").glob("*.dcm"))[:3]
    frames = [sitk.ReadImage(str(path)) for path in files]
    voxels = np.concatenate([sitk.GetArrayFromImage(frame) for frame in frames])
    stack = sitk.GetImageFromArray(voxels)
    stack.SetSpacing((*frames[0].GetSpacing()[:2], 6.0))
    stack.SetDirection(frames[0].GetDirection())
    stack.SetOrigin(frames[0].GetOrigin())
    source, output = tmp_path / "cine.nii.gz", tmp_path / "out.nii.gz"
    sitk.WriteImage(stack, str(source))
    assert main(["upscale", str(source), "-o", str(output), "--keep-type"]) == 0
    result = sitk.ReadImage(str(output))
    assert_enlarged_in_place(sitk.ReadImage(str(source)), result, 2)
    assert result.GetPixelID() == sitk.ReadImage(str(source)).GetPixelID()


def test_upscale_along_a_chosen_axis(volume: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mha"
    assert (
        main(["upscale", str(volume), "-o", str(output), "--method", "bicubic", "--slice-axis", "i", "--scale", "3"])
        == 0
    )
    assert sitk.ReadImage(str(output)).GetSize() == (48, 144, 9)


def test_compare_writes_a_picture(volume: Path, tmp_path: Path) -> None:
    output, picture = tmp_path / "out.nrrd", tmp_path / "pair.png"
    assert main(["upscale", str(volume), "-o", str(output), "--quiet"]) == 0
    assert main(["compare", str(volume), str(output), "-o", str(picture), "--zoom", "1.5", "--size", "200"]) == 0
    assert sitk.ReadImage(str(picture)).GetSize() == (404, 200)


def test_the_demo_prints_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    bicubic, durn = (float(lines[name].split()[0]) for name in ("bicubic", "durn"))
    assert durn > bicubic + 3
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"acquired.nrrd", "truth.nrrd", "bicubic.nrrd", "durn.nrrd", "comparison.png"}
    durn_image, truth = (sitk.ReadImage(str(tmp_path / "demo" / name)) for name in ("durn.nrrd", "truth.nrrd"))
    assert_allclose(corners(durn_image), corners(truth), atol=1e-4)


def test_the_demo_takes_any_volume(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static"
    assert main(["demo", "-o", str(tmp_path / "demo"), "--input", str(folder)]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert float(lines["durn"].split()[0]) > float(lines["bicubic"].split()[0]) + 1


@pytest.mark.parametrize(("spacing", "scale"), [((1.0, 1.0, 1.0), "2"), ((1.4, 1.4, 3.0), "3"), ((3.0, 1.0, 1.0), "4")])
def test_the_demo_keeps_the_slice_axis_of_thin_slices(
    tmp_path: Path, capsys: pytest.CaptureFixture, spacing: tuple[float, float, float], scale: str
) -> None:
    voxels = short_axis_phantom(2, slices=3, size=96).truth
    across_i = spacing[0] > spacing[1]
    matrix = np.diag([*spacing, 1.0])
    image = image_with(np.ascontiguousarray(np.moveaxis(voxels, 0, 2)) if across_i else voxels, matrix)
    sitk.WriteImage(image, str(tmp_path / "truth.nrrd"))
    arguments = ["demo", "-o", str(tmp_path / "demo"), "--input", str(tmp_path / "truth.nrrd"), "--scale", scale]
    assert main(arguments) == 0, capsys.readouterr().err
    result = sitk.ReadImage(str(tmp_path / "demo" / "durn.nrrd"))
    assert result.GetSize() == sitk.ReadImage(str(tmp_path / "demo" / "truth.nrrd")).GetSize()


def test_the_demo_takes_the_one_slice_of_a_volume_for_its_plane(tmp_path: Path) -> None:
    """A sagittal slice with spacing alike in all directions lies across i, not k."""
    voxels = short_axis_phantom(2, slices=1, size=96).truth
    image = image_with(np.ascontiguousarray(np.moveaxis(voxels, 0, 2)), np.diag([1.4, 1.4, 1.4, 1.0]))
    sitk.WriteImage(image, str(tmp_path / "truth.nrrd"))
    assert main(["demo", "-o", str(tmp_path / "demo"), "--input", str(tmp_path / "truth.nrrd")]) == 0
    assert sitk.ReadImage(str(tmp_path / "demo" / "acquired.nrrd")).GetSize() == (1, 48, 48)


def test_models_lists_names_domain_and_training(capsys: pytest.CaptureFixture) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert "durn-light  x2  213330 parameters" in text
    assert "1.0 times the operations of durn-light; PSNR dB (bicubic's): sunnybrook bicubic 36.79 (33.60)" in text
    assert "Sunnybrook" in text
    assert "not stated" not in text


BAD_RUNS: dict[str, tuple[list[str], str]] = {
    "missing input": (["upscale", "no.nrrd", "-o", "a.nrrd"], "no.nrrd does not exist"),
    "no output folder": (["upscale", "heart.nrrd", "-o", "no/a.nrrd"], "output folder no does not exist"),
    "unknown output": (["upscale", "heart.nrrd", "-o", "a.jpg"], "must end in one of"),
    "constant": (["upscale", "constant.nrrd", "-o", "a.nrrd"], "is constant"),
    "NaN": (["upscale", "nan.nrrd", "-o", "a.nrrd"], "6 of 27648 voxels are NaN or infinite"),
    "one slice": (["upscale", "slice.nrrd", "-o", "a.nrrd"], "holds one slice"),
    "tiny demo": (["demo", "-o", ".", "--input", "tiny.nrrd"], "too small"),
    "demo over its input": (["demo", "-o", "old", "--input", "old/truth.nrrd", "--overwrite"], "is one of the results"),
    "demo over a picture": (["demo", "-o", "pictures"], "comparison.png exists"),
    "demo into a file": (["demo", "-o", "heart.nrrd"], "heart.nrrd is a file"),
    "evidence into a file": (["evidence", "--data", "old", "-o", "heart.nrrd"], "heart.nrrd is a file"),
    "unknown model": (
        ["upscale", "heart.nrrd", "-o", "a.nrrd", "--model", "durn-heavy"],
        "there is no model 'durn-heavy' (bundled: durn x2, x3, x4; durn-light x2, x3, x4",
    ),
    "no CUDA": (["upscale", "heart.nrrd", "-o", "a.nrrd", "--device", "cuda"], "CUDA was asked for"),
    "compare a cine": (
        ["compare", "cine.nii", "heart.nrrd", "-o", "a.png"],
        "cine.nii is a cine of 4 dimensions (48 x 48 x 3 x 2)",
    ),
    "demo of a cine": (["demo", "-o", ".", "--input", "cine.nii"], "and a volume is needed here"),
    "apart": (["compare", "heart.nrrd", "slice.nrrd", "-o", "a.png"], "share no region"),
}


@pytest.fixture
def bad_folder(volume: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a good volume and several bad ones."""
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(volume))).astype(np.float32)
    broken = np.repeat(np.repeat(voxels, 2, axis=1), 2, axis=2)
    broken[1, :2, :3] = np.nan
    far = oblique((1.4, 1.4, 8))
    far[:3, 3] = 5000
    for name, content, matrix in (
        ("constant", np.full_like(voxels, 7), np.eye(4)),
        ("nan", broken, np.eye(4)),
        ("slice", voxels[:1], far),
        ("tiny", voxels[:, :9, :9], np.eye(4)),
    ):
        sitk.WriteImage(image_with(content, matrix), str(volume.parent / f"{name}.nrrd"))
    sitk.WriteImage(sitk.JoinSeries([sitk.ReadImage(str(volume))] * 2), str(volume.parent / "cine.nii"))
    (volume.parent / "old").mkdir()
    (volume.parent / "old" / "truth.nrrd").write_bytes(volume.read_bytes())
    (volume.parent / "pictures").mkdir()
    (volume.parent / "pictures" / "comparison.png").write_text("precious")
    monkeypatch.chdir(volume.parent)
    return volume.parent


@pytest.mark.parametrize("name", BAD_RUNS)
def test_bad_runs_say_one_line_and_exit_with_1(name: str, bad_folder: Path) -> None:
    arguments, reason = BAD_RUNS[name]
    if name == "no CUDA":
        import torch

        if torch.cuda.is_available():
            pytest.skip("CUDA works here")
    before = {path: path.read_bytes() for path in bad_folder.rglob("*") if path.is_file()}
    result = subprocess.run([sys.executable, "-m", "DURNSuperResLib.cli", *arguments], capture_output=True, text=True)
    assert result.returncode == 1
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("durn-superres: ")
    assert {path: path.read_bytes() for path in bad_folder.rglob("*") if path.is_file()} == before


def test_repair_and_single_slice_are_taken_when_asked_for(bad_folder: Path) -> None:
    repaired = ["upscale", "nan.nrrd", "-o", "a.nrrd", "--repair", "--method", "bicubic"]
    assert main(repaired) == 0
    assert main(["upscale", "slice.nrrd", "-o", "b.nrrd", "--single-slice", "--method", "bicubic"]) == 0
    assert np.isfinite(sitk.GetArrayFromImage(sitk.ReadImage("a.nrrd"))).all()
    assert bad_folder.samefile(Path.cwd())


def test_a_full_disk_says_so_and_keeps_the_old_output(
    volume: Path, full_disk: Callable, capsys: pytest.CaptureFixture
) -> None:
    output = volume.with_name("out.nii.gz")
    output.write_bytes(b"precious")
    with full_disk(10_000):
        code = main(["upscale", str(volume), "-o", str(output), "--overwrite", "--method", "bicubic"])
    assert code == 1
    assert "disk full" in capsys.readouterr().err
    assert output.read_bytes() == b"precious"
    assert sorted(path.name for path in volume.parent.iterdir()) == ["heart.nrrd", "out.nii.gz"]


def test_an_existing_output_is_kept(volume: Path, capsys: pytest.CaptureFixture) -> None:
    output = volume.with_name("out.nrrd")
    output.write_bytes(b"precious")
    assert main(["upscale", str(volume), "-o", str(output)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert output.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["upscale"],
        ["upscale", "a", "-o", "b", "--scale", "5"],
        ["resize"],
        ["upscale", "a", "--quiet"],
        ["compare", "a", "b", "-o", "c.png", "--size", "-5"],
        ["compare", "a", "b", "-o", "c.png", "--size", "0"],
        ["compare", "a", "b", "-o", "c.png", "--zoom", "nan"],
        ["compare", "a", "b", "-o", "c.png", "--zoom", "0"],
        ["evidence", "--data", "a", "-o", "b", "--every", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_help_answers_without_torch_or_slicer() -> None:
    code = (
        "import sys; from DURNSuperResLib.cli import main\ntry: main(['--help'])\nfinally: print(sorted(sys.modules))"
    )
    start = time.monotonic()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert time.monotonic() - start < 10
    assert "Research use only" in result.stdout
    loaded = set(result.stdout.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert not loaded & {"torch", "slicer", "vtk", "SimpleITK"}


def test_evaluate_reproduces_the_published_bicubic_row(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    assert main(["evaluate", "--data", str(data), "--scale", "2", "--json", str(output)]) == 0
    figures = json.loads(output.read_text())["sunnybrook"]["bicubic"]["x2"]
    assert figures["bicubic"]["psnr_db"] == pytest.approx(33.60, abs=0.01)
    assert figures["B-spline"]["psnr_db"] == pytest.approx(34.13, abs=0.05)
    assert figures["Lanczos"]["psnr_db"] == pytest.approx(34.43, abs=0.05)
    assert figures["durn"]["psnr_db"] > figures["Lanczos"]["psnr_db"] + 1
    assert all(
        figures["durn"]["patients"][name]["psnr_db"] > patient["psnr_db"] + 1
        for name, patient in figures["bicubic"]["patients"].items()
    )


@pytest.mark.parametrize(
    ("scale", "bicubic", "zero_filled"), [("2", 35.66, 37.00), ("3", 32.02, 32.90), ("4", 30.09, 30.85)]
)
def test_evaluate_reproduces_the_published_k_space_rows(
    data: Path, scale: str, bicubic: float, zero_filled: float
) -> None:
    from DURNSuperResLib.evaluation.scores import score
    from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation

    scores = score(sunnybrook_validation(data), int(scale), "kspace", ("bicubic", "zero-filled"))
    assert [row.psnr.mean() for row in scores] == pytest.approx([bicubic, zero_filled], abs=0.01)


def test_evaluate_takes_volumes_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = short_axis_phantom(2, slices=2, size=192).truth.astype(np.float32)
    paths = [tmp_path / "first.nrrd", tmp_path / "second.nii.gz"]
    for path in paths:
        image = sitk.GetImageFromArray(truth)
        image.SetSpacing((1.4, 1.4, 8.0))
        sitk.WriteImage(image, str(path))
    output = tmp_path / "figures.json"
    arguments = ["evaluate", *map(str, paths), "--scale", "2", "--per-patient", "--json", str(output)]
    assert main([*arguments, "--degradation", "kspace", "--degradation", "noise"]) == 0
    figures = json.loads(output.read_text())["own volumes"]
    for degradation in ("kspace", "noise"):
        rows = figures[degradation]["x2"]
        assert rows["durn"]["psnr_db"] > rows["bicubic"]["psnr_db"] + 1
        assert rows["durn"]["edge_sharpness"] > rows["bicubic"]["edge_sharpness"]
        assert set(rows["durn"]["patients"]) == {"first.nrrd", "second.nii.gz"}
    assert "own volumes, noise, x2: 4 slices" in capsys.readouterr().out


def test_evaluate_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate"]) == 1
    assert "--data" in capsys.readouterr().err
    (tmp_path / "no.nrrd").write_text("nothing")
    assert main(["evaluate", str(tmp_path / "no.nrrd")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "no.nrrd"), "--protocol", "targets"]) == 1
    assert "not both" in capsys.readouterr().err


def test_a_calibration_that_is_off_fails() -> None:
    from DURNSuperResLib.commands.evaluate import _calibrate
    from DURNSuperResLib.evaluation.scores import Score
    from DURNSuperResLib.evaluation.targets import REFERENCE, TABLES

    def results(error: float) -> dict:
        found: dict = {}
        for table, (name, degradation) in TABLES.items():
            rows = [
                Score(method, ("p",), np.array([value + error]), np.ones(1), np.ones(1))
                for method, value in REFERENCE[table]["x2"].items()
            ]
            found.setdefault(name, {})[degradation] = {"x2": rows}
        return found

    _calibrate(results(0.0))
    with pytest.raises(ValueError, match="A x2 bicubic"):
        _calibrate(results(0.02))


LEAVE = """
import atexit, threading, time
from DURNSuperResLib.cli import leave
class Kept:
    def __del__(self): print("taken to pieces")
kept = Kept()
atexit.register(print, "registered")
print("said")
{more}
leave(3)
"""
WORKING = "threading.Thread(target=lambda: (time.sleep(0.2), print('worked'))).start()"


@pytest.mark.parametrize(
    ("more", "said"),
    [("", ["said", "registered"]), (WORKING, ["said", "worked", "registered", "taken to pieces"])],
    ids=["alone", "with a thread"],
)
def test_the_process_ends_at_once_with_all_that_is_registered_and_said(more: str, said: list[str]) -> None:
    result = subprocess.run([sys.executable, "-c", LEAVE.format(more=more)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (3, "")
    assert result.stdout.split("\n") == [*said, ""]
