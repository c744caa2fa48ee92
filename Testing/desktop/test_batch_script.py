"""The batch script as Slicer runs it, in the stand-in desktop; real files in, real files out, always an exit code."""

from __future__ import annotations

import runpy
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


@pytest.fixture
def folder(tmp_path: Path, heart_slices: np.ndarray) -> Path:
    """Two volumes and a text file."""
    image = sitk.GetImageFromArray(heart_slices)
    image.SetSpacing((1.4, 1.4, 8.0))
    for name in ("a.nrrd", "b.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
    (tmp_path / "notes.txt").write_text("not a volume")
    return tmp_path


def test_every_volume_is_upscaled(desktop: Desktop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--input", folder, "--output", folder / "out", "--scale", 2, "--method", "bicubic")
    assert run(monkeypatch, *arguments) == [0]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.nrrd", "b.nii.gz"]
    assert sitk.ReadImage(str(folder / "out" / "b.nii.gz")).GetSize() == (128, 128, 3)
    assert desktop.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert run(monkeypatch, *arguments) == [1]  # the results are there already
    assert run(monkeypatch, *arguments, "--overwrite") == [0]


def test_a_bad_file_does_not_stop_the_others(desktop: Desktop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.nrrd").write_bytes(b"NRRD0004\nbroken")
    assert run(monkeypatch, "--input", folder, "--output", folder / "out", "--method", "bicubic") == [1]
    assert [path.name for path in (folder / "out").iterdir()] == ["b.nii.gz"]


def test_wrong_usage_and_an_empty_folder_give_a_code(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "--scale", 5) == [2]
    assert run(monkeypatch, "--input", tmp_path, "--output", tmp_path / "out") == [1]
