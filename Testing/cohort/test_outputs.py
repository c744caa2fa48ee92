"""Where the outputs of a folder go: never over an input, never over each other, whatever the names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DURNSuperResLib.cli import main

from .conftest import BICUBIC, contents, states, texts, write_volume


def run(folder: Path, output: Path, *more: str) -> int:
    return main(["upscale", str(folder), "-o", str(output), "--recursive", *BICUBIC, *more])


def test_a_link_to_the_inputs_is_no_folder_for_the_outputs(
    three: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "link").symlink_to(three, target_is_directory=True)
    before = contents(three)
    for folder, output in ((three, tmp_path / "link"), (tmp_path / "link", three)):
        assert run(folder, output, "--overwrite") == 1
        assert "must be another than the input folder" in capsys.readouterr().err
    assert contents(three) == before


def test_an_output_never_takes_the_place_of_an_input(tmp_path: Path, voxels: np.ndarray) -> None:
    folder = tmp_path / "out" / "in"
    write_volume(folder / "heart.nrrd", voxels)
    write_volume(folder / "in" / "heart.nrrd", voxels + 1)  # whose output would be the other one
    (tmp_path / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    before = contents(folder)
    for output in (tmp_path / "out", tmp_path / "link"):
        assert run(folder, output, "--overwrite") == 1
        assert states(output)["in/heart.nrrd"] == "failed"
        assert "is an input" in texts(output)["in/heart.nrrd"]
        assert contents(folder) == before


def test_a_name_made_longer_is_no_other_inputs_name(tmp_path: Path, voxels: np.ndarray) -> None:
    names = ("a.nrrd", "a.nhdr", "a-nrrd.nrrd", "H.nrrd", "h.nrrd")
    for n, name in enumerate(names):
        write_volume(tmp_path / "in" / name, voxels + 1000 * n)
    assert run(tmp_path / "in", tmp_path / "out") == 0
    assert set(states(tmp_path / "out").values()) == {"done"}
    made = [path for path in (tmp_path / "out").iterdir() if path.suffix == ".nrrd"]
    assert len({path.name.lower() for path in made}) == len(names)
    means = sorted(float(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).mean()) // 1000 for path in made)
    assert means == [0, 1, 2, 3, 4]
    assert run(tmp_path / "in", tmp_path / "out") == 0
    assert set(states(tmp_path / "out").values()) == {"skipped"}


def test_an_input_without_a_name_stops_nothing(three: Path, tmp_path: Path) -> None:
    for name in (".nrrd", ".nii.gz"):
        (three / name).write_bytes((three / "a.nrrd").read_bytes())
    assert run(three, tmp_path / "out") == 1
    assert states(tmp_path / "out") == {
        ".nii.gz": "failed",
        ".nrrd": "failed",
        "a.nrrd": "done",
        "b.nrrd": "done",
        "c.nrrd": "done",
    }
    assert "rename it" in texts(tmp_path / "out")[".nrrd"]
