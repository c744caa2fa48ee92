"""The batch script as Slicer runs it, in the stand-in desktop; real files in, real files out, always an exit code."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from desktop.standin import MODULE_FOLDER, Desktop

SCRIPT = MODULE_FOLDER / "Resources" / "Scripts" / "batch_upscale.py"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> list[int]:
    """The exit codes that the script gave."""
    codes: list[int] = []
    monkeypatch.setattr(slicer.util, "exit", codes.append, raising=False)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    return codes


def states(folder: Path) -> dict[str, str]:
    """What became of each input, from the report."""
    report = json.loads((folder / "out" / "report.json").read_text())
    return {job["input"]: job["state"] for job in report["jobs"]}


@pytest.fixture
def folder(tmp_path: Path, heart_slices: np.ndarray) -> Path:
    """Two volumes and a text file."""
    image = sitk.GetImageFromArray(heart_slices)
    image.SetSpacing((1.4, 1.4, 8.0))
    for name in ("a.nrrd", "b.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
    (tmp_path / "notes.txt").write_text("not a volume")
    return tmp_path


def test_every_volume_is_upscaled_and_what_is_done_is_skipped(
    desktop: Desktop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "deeper").mkdir()
    (folder / "a.nrrd").rename(folder / "deeper" / "a.nrrd")
    arguments = ("--input", folder, "--output", folder / "out", "--scale", 2, "--method", "bicubic", "--quiet")
    nodes = desktop.scene.GetNumberOfNodes()
    assert run(monkeypatch, *arguments) == [0]
    assert sitk.ReadImage(str(folder / "out" / "b.nii.gz")).GetSize() == (128, 128, 3)
    assert (folder / "out" / "deeper" / "a.nrrd").is_file()
    assert desktop.scene.GetNumberOfNodes() == nodes
    assert states(folder) == {"b.nii.gz": "done", "deeper/a.nrrd": "done"}
    assert run(monkeypatch, *arguments) == [0]
    assert states(folder) == {"b.nii.gz": "skipped", "deeper/a.nrrd": "skipped"}


def test_a_cine_goes_through_slicers_own_scene(
    desktop: Desktop, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--input", data / "cmr" / "cine_dicom" / "Se2", "--output", tmp_path / "out", "--method", "bicubic")
    assert run(monkeypatch, *arguments, "--quiet") == [0]
    assert [path.name[-9:] for path in (tmp_path / "out").glob("*.nrrd")] == [".seq.nrrd"]
    assert desktop.scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 0
    assert desktop.scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 0


def test_what_the_user_has_in_the_scene_stays(
    desktop: Desktop, folder: Path, monkeypatch: pytest.MonkeyPatch, sax: slicer.vtkMRMLScalarVolumeNode
) -> None:
    arguments = ("--input", folder, "--output", folder / "out", "--method", "bicubic", "--quiet")
    assert run(monkeypatch, *arguments) == [0]
    assert desktop.scene.IsNodePresent(sax)
    assert desktop.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1


def test_a_bad_file_does_not_stop_the_others(desktop: Desktop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.nrrd").write_bytes(b"NRRD0004\nbroken")
    arguments = ("--input", folder, "--output", folder / "out", "--method", "bicubic", "--quiet")
    assert run(monkeypatch, *arguments) == [1]
    assert states(folder) == {"a.nrrd": "failed", "b.nii.gz": "done"}


def test_wrong_usage_and_an_empty_folder_give_a_code(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "--scale", 5) == [2]
    assert run(monkeypatch, "--input", tmp_path, "--output", tmp_path / "out", "--scale", 5) == [2]
    assert run(monkeypatch, "--input", tmp_path, "--output", tmp_path / "out") == [1]


IN_SLICER = """
import runpy, sys, types
slicer = types.ModuleType("slicer")
slicer.util = types.SimpleNamespace(exit=lambda code: print("exit", code))
sys.modules["slicer"] = slicer
sys.argv = sys.argv[1:]
sys.path[:] = [place for place in sys.path if "DURNSuperRes" not in place]  # no module path was added
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def as_in_a_clone(script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh interpreter that knows no library, with ``--help`` of the command."""
    words = [sys.executable, "-c", IN_SLICER, str(script), "--input", "in", "--output", "out", "--scale", "9"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment)


def test_a_clone_needs_no_module_path(tmp_path: Path) -> None:
    result = as_in_a_clone(SCRIPT)
    assert result.stdout.split() == ["exit", "2"]
    assert "invalid choice: 9" in result.stderr


def test_a_script_without_its_library_says_so_in_one_line(tmp_path: Path) -> None:
    lost = tmp_path / "one" / "two" / "three" / SCRIPT.name
    lost.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, lost)
    result = as_in_a_clone(lost)
    assert result.stdout.split() == ["exit", "1"]
    assert result.stderr == (
        f"batch_upscale.py: DURNSuperResLib is not in {tmp_path / 'one'}; keep the script where it lies\n"
    )
