"""Files of cines: exact round trips, headers as Slicer writes them, and output that is never damaged."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.scene.headers import facts_of
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.nrrd import read_header
from DURNSuperResLib.scene.sequence_storage import read_sequence, write_sequence
from DURNSuperResLib.scene.sequences import add_item, items_of, new_sequence
from DURNSuperResLib.scene.storage import InputError, OutputError
from geometries import oblique

ENDINGS = (".seq.nrrd", ".nii", ".nii.gz")
MATRIX = oblique((1.4, 1.5, 8.0))
STEP = 33.25


def make(voxels: NDArray, matrix: NDArray = MATRIX, times: list[str] | None = None) -> slicer.vtkMRMLSequenceNode:
    sequence = new_sequence("cine", "TriggerTime", "ms")
    for n, item in enumerate(voxels):
        add_item(sequence, item, matrix, times[n] if times else f"{n * STEP:.3f}")
    return sequence


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(3).integers(-500, 3000, (4, 3, 10, 12)).astype(np.int16)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.uint8])
def test_a_cine_comes_back_as_it_was(
    scene: slicer.vtkMRMLScene, voxels: NDArray, tmp_path: Path, ending: str, dtype: type
) -> None:
    path = tmp_path / f"Herz größe ✓{ending}"
    write_sequence(make(voxels.astype(dtype)), path)
    again = read_sequence(path)
    assert again.GetScene() is scene
    assert (again.GetIndexName(), again.GetIndexUnit(), again.GetNumberOfDataNodes()) == ("TriggerTime", "ms", 4)
    assert_allclose([float(again.GetNthIndexValue(n)) for n in range(4)], np.arange(4) * STEP, rtol=1e-5)
    for item, wanted in zip(items_of(again), voxels.astype(dtype), strict=True):
        assert np.array_equal(slicer.util.arrayFromVolume(item), wanted)
        assert slicer.util.arrayFromVolume(item).dtype == wanted.dtype
        assert_allclose(ijk_to_ras_of(item), MATRIX, atol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    facts = facts_of(path)
    assert (facts.size, facts.phases, facts.is_cine) == ((12, 10, 3), 4, True)
    assert_allclose(facts.spacing, (1.4, 1.5, 8.0), rtol=1e-5)


def test_a_relative_path_is_that_of_the_process_not_of_the_scene(
    scene: slicer.vtkMRMLScene, voxels: NDArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scene that was loaded has its file's folder as root directory."""
    monkeypatch.chdir(tmp_path)
    root = scene.GetRootDirectory()
    scene.SetRootDirectory(str(tmp_path / "elsewhere"))
    try:
        write_sequence(make(voxels), Path("cine.seq.nrrd"))
    finally:
        scene.SetRootDirectory(root)
    assert [path.name for path in tmp_path.iterdir()] == ["cine.seq.nrrd"]


@pytest.mark.parametrize(("dtype", "compressed"), [("int16", True), ("float32", False)])
def test_the_header_is_that_of_slicers_own_writer(
    scene: slicer.vtkMRMLScene, voxels: NDArray, tmp_path: Path, dtype: str, compressed: bool
) -> None:
    """Real numbers are not compressed: it takes longer than all else and saves a fifth."""
    sequence = make(voxels.astype(dtype))
    sequence.SetAttribute("DURNSuperRes.Scale", "2")
    write_sequence(sequence, tmp_path / "ours.seq.nrrd")
    storage = slicer.vtkMRMLVolumeSequenceStorageNode()
    storage.SetFileName(str(tmp_path / "slicers.seq.nrrd"))
    storage.SetUseCompression(compressed)
    assert storage.WriteData(sequence)
    ours, slicers = (read_header(tmp_path / f"{name}.seq.nrrd").fields for name in ("ours", "slicers"))
    assert ours == slicers
    assert ours["DURNSuperRes.Scale"] == "2"


def test_a_nifti_of_a_cine_is_what_itk_takes_for_one(voxels: NDArray, tmp_path: Path) -> None:
    write_sequence(make(voxels), tmp_path / "a.nii.gz")
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert image.GetSize() == (12, 10, 3, 4)
    assert image.GetSpacing()[3] == pytest.approx(STEP / 1000)
    assert np.array_equal(sitk.GetArrayFromImage(image), voxels)


def test_one_time_step_for_uneven_phases_is_told(
    voxels: NDArray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        write_sequence(make(voxels, times=["0", "30", "60", "150"]), tmp_path / "a.nii")
    assert "30.0 to 90.0 ms apart" in caplog.text


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_old_file_and_no_other(
    voxels: NDArray, tmp_path: Path, full_disk: Callable, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    write_sequence(make(voxels), path)
    before = path.read_bytes()
    noise = np.random.default_rng(0).random((4, 8, 128, 128)).astype(np.float32)
    for limit in (100, 50_000):
        with full_disk(limit), pytest.raises(OutputError, match="disk full"):
            write_sequence(make(noise), path, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_exists_or_has_no_fitting_ending_is_refused(voxels: NDArray, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        write_sequence(make(voxels), tmp_path / "a.nii")
    for name in ("a.nrrd", "a.mha", "a.png"):
        with pytest.raises(OutputError, match=r"must end in one of \.seq\.nrrd"):
            write_sequence(make(voxels), tmp_path / name)
    assert (tmp_path / "a.nii").read_text() == "precious"


def test_a_format_that_would_lose_the_geometry_is_refused(voxels: NDArray, tmp_path: Path) -> None:
    sheared = np.diag([1.4, 1.4, 8.0, 1.0])
    sheared[0, 2] = 2.5
    with pytest.raises(OutputError, match="cannot hold the cine's geometry"):
        write_sequence(make(voxels, sheared), tmp_path / "a.nii")
    write_sequence(make(voxels, sheared), tmp_path / "a.seq.nrrd")
    assert [path.name for path in tmp_path.iterdir()] == ["a.seq.nrrd"]


def test_items_that_differ_are_refused(voxels: NDArray, tmp_path: Path) -> None:
    sequence = make(voxels)
    add_item(sequence, voxels[0, :2], MATRIX, "999")
    with pytest.raises(OutputError, match="differ in size"):
        write_sequence(sequence, tmp_path / "a.seq.nrrd")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_short_is_refused(voxels: NDArray, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_sequence(make(voxels), path)
    whole = path.read_bytes()
    for part in (len(whole) - 200, 40, 0):
        path.write_bytes(whole[:part])
        with pytest.raises(InputError):
            read_sequence(path)


def test_a_cine_that_slicer_wrote_without_compression_is_read(
    scene: slicer.vtkMRMLScene, voxels: NDArray, tmp_path: Path
) -> None:
    storage = slicer.vtkMRMLVolumeSequenceStorageNode()
    storage.SetFileName(str(tmp_path / "raw.seq.nrrd"))
    storage.SetUseCompression(False)
    assert storage.WriteData(make(voxels))
    again = read_sequence(tmp_path / "raw.seq.nrrd")
    assert np.array_equal(slicer.util.arrayFromVolume(items_of(again)[2]), voxels[2])


def test_what_is_no_cine_is_refused(voxels: NDArray, tmp_path: Path) -> None:
    volume = sitk.GetImageFromArray(voxels[0])
    for name in ("a.nrrd", "a.nii"):
        sitk.WriteImage(volume, str(tmp_path / name))
        with pytest.raises(InputError, match="no cine"):
            read_sequence(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        read_sequence(tmp_path / "none.seq.nrrd")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"rubbish"))
    with pytest.raises(InputError):
        read_sequence(tmp_path / "b.nii.gz")
