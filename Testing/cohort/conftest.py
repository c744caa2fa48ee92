"""A little cohort of every kind of input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from dicoms import image, save, write_cine
from gate import Gate

BICUBIC = ("--method", "bicubic")


def write_volume(path: Path, voxels: NDArray, *, four: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = sitk.GetImageFromArray(np.stack([voxels, voxels + 1]) if four else voxels, isVector=False)
    picture.SetSpacing((1.5, 1.25, 8.0, 40.0) if four else (1.5, 1.25, 8.0))
    sitk.WriteImage(picture, str(path))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, that of the ledger and the report left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if name != "report.json" and not name.startswith(".durn-superres/")
    }


def states(output: Path) -> dict[str, str]:
    """What the report says of each input."""
    return {job["input"]: job["state"] for job in json.loads((output / "report.json").read_text())["jobs"]}


def texts(output: Path) -> dict[str, str]:
    return {job["input"]: job["text"] for job in json.loads((output / "report.json").read_text())["jobs"]}


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    """Three slices of 20 rows and 24 columns, none like another."""
    return np.random.default_rng(5).integers(0, 900, (3, 20, 24)).astype(np.int16)


@pytest.fixture
def three(tmp_path: Path, voxels: NDArray[np.int16]) -> Path:
    """A folder of three small volumes."""
    for n, name in enumerate("abc"):
        write_volume(tmp_path / "in" / f"{name}.nrrd", voxels + n)
    return tmp_path / "in"


@pytest.fixture
def cohort(tmp_path: Path, voxels: NDArray[np.int16]) -> Path:
    """A volume, cines in files, a detached header, and a DICOM study with a stack, a long axis and a localiser."""
    folder = tmp_path / "in"
    write_volume(folder / "p1" / "heart.nrrd", voxels)
    write_volume(folder / "p1" / "cine.nii.gz", voxels, four=True)
    write_volume(folder / "p2" / "deep" / "heart.mhd", voxels)
    write_cine(folder / "p3" / "study" / "sax")
    for phase in range(4):
        tags = {"SeriesNumber": 8, "SeriesDescription": "4CH: long axis"}
        turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
        save(image(7, phase, "1.2.3.8", **tags, **turned), folder / "p3" / "study" / "lax" / f"{phase}.dcm")
    save(image(0, 0, "1.2.3.9", SeriesDescription="localizer"), folder / "p3" / "study" / "loc.dcm")
    for place in range(3):
        save(image(place, 0, "1.2.4.1", "1.2.4", SeriesDescription="static"), folder / "p4" / f"{place}.dcm")
    (folder / "p1" / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that jobs of this process and those started from it stop at."""
    gate = Gate()
    monkeypatch.setenv("DURN_GATE", gate.address)
    yield gate
    gate.close()
