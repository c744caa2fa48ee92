"""Names of files, folders and series in every script and encoding: read, printed, or refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from dicoms import write_cine

BICUBIC = ("--method", "bicubic")
LATIN_1 = os.fsdecode(b"M\xfcller")  # as archives of other systems leave it
VOXELS = np.arange(3 * 8 * 9, dtype=np.int16).reshape(3, 8, 9)


def saved(folder: Path, name: str) -> Path:
    """A volume below a folder that has a plain name itself."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(VOXELS)
    image.SetSpacing((1.5, 1.25, 8.0))
    aside = folder / f"aside{path.suffix}"
    sitk.WriteImage(image, str(aside))
    return aside.rename(path)


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which native readers may end."""
    words = [sys.executable, "-m", "DURNSuperResLib.cli", *map(str, arguments)]
    where = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(words, capture_output=True, env=where, encoding=encoding, check=False)


bytes_in_names = pytest.mark.skipif(sys.platform != "linux", reason="names of files are text on this system")


@bytes_in_names
@pytest.mark.parametrize("name", [f"{LATIN_1}.nrrd", f"{LATIN_1}/heart.nrrd", f"{LATIN_1}/heart.nii"])
def test_a_name_that_no_reader_takes_is_refused(tmp_path: Path, name: str) -> None:
    source = saved(tmp_path, name)
    once = ["evaluate", source, "--scale", "2"]
    for words in (["info", source], ["upscale", source, "-o", tmp_path / "out.nrrd", *BICUBIC], once):
        result = run(*words)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert "not UTF-8; rename" in result.stderr


@bytes_in_names
def test_a_folder_that_no_writer_takes_is_refused(tmp_path: Path) -> None:
    source = saved(tmp_path, "heart.nrrd")
    (tmp_path / LATIN_1).mkdir()
    result = run("upscale", source, "-o", tmp_path / LATIN_1 / "out.nrrd", *BICUBIC)
    assert result.returncode == 1
    assert "not UTF-8; rename" in result.stderr
    assert not list((tmp_path / LATIN_1).iterdir())


@bytes_in_names
def test_names_that_no_reader_takes_spoil_no_batch(tmp_path: Path) -> None:
    saved(tmp_path / "in", "heart.nrrd")
    saved(tmp_path / "in", f"{LATIN_1}.nrrd")
    write_cine(tmp_path / "in" / LATIN_1, 3, 2)  # DICOM files are read under any name
    result = run("upscale", tmp_path / "in", "-o", tmp_path / "out", "--recursive", *BICUBIC)
    assert result.returncode == 1
    jobs = json.loads((tmp_path / "out" / "report.json").read_text())["jobs"]
    assert {job["input"]: job["state"] for job in jobs} == {
        "heart.nrrd": "done",
        f"{LATIN_1}.nrrd": "failed",
        f"{LATIN_1} #1": "done",
    }
    assert (tmp_path / "out" / LATIN_1 / "1-cine_sax.seq.nrrd").exists()


@bytes_in_names
def test_a_report_names_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = write_cine(tmp_path / LATIN_1, 3, 2)
    (folder / "s0" / "0_0.dcm").rename(folder / "s0" / f"{LATIN_1}.dcm")
    result = run("upscale", folder, "-o", tmp_path / "x2.nii.gz", "--report", tmp_path / "report.json", *BICUBIC)
    assert result.returncode == 0
    assert json.loads((tmp_path / "report.json").read_text())["input"]["name"] == LATIN_1
    assert "M\\udcfcller" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_of_another_encoding_gets_what_it_can_show(tmp_path: Path, encoding: str) -> None:
    write_cine(tmp_path / "in", 3, 2, SeriesDescription="cine 短軸")
    found = run("info", tmp_path / "in", PYTHONIOENCODING=encoding)
    assert found.returncode == 0
    assert "cine \\u77ed\\u8ef8" in found.stdout
    done = run("upscale", tmp_path / "in", "-o", tmp_path / "out", "--recursive", *BICUBIC, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert (tmp_path / "out" / "1-cine_短軸.seq.nrrd").exists()


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_in_files_of_any_name_are_found_by_a_batch(tmp_path: Path, ending: str) -> None:
    header = saved(tmp_path / "in", f"aside{ending}")
    header.with_suffix(".raw").rename(tmp_path / "in" / "Größe 心.raw")
    header.write_text(header.read_text().replace("aside.raw", "Größe 心.raw"), "utf-8")
    result = run("upscale", tmp_path / "in", "-o", tmp_path / "out", "--recursive", *BICUBIC)
    assert result.returncode == 0, result.stderr
