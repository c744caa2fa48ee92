"""Files: exact round trips, real DICOM, clear refusals, and output that is never damaged."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.nrrd import read_header
from DURNSuperResLib.scene.storage import InputError, OutputError, check_output, read_volume, write_volume
from geometries import oblique

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def sitk_ijk_to_ras(image: sitk.Image) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return LPS_FROM_RAS @ matrix


@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_write_and_read_keep_voxels_and_geometry(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path, ending: str, dtype: type
) -> None:
    matrix = oblique((1.37, 1.41, 8.0))
    path = tmp_path / f"Herz größe ✓{ending}"
    write_volume(make_node(heart_slices.astype(dtype), matrix), path)
    again, image = read_volume(path), sitk.ReadImage(str(path))
    assert np.array_equal(slicer.util.arrayFromVolume(again), heart_slices.astype(dtype))
    assert np.array_equal(sitk.GetArrayFromImage(image), heart_slices.astype(dtype))
    assert_allclose(ijk_to_ras_of(again), matrix, atol=1e-4)
    assert_allclose(sitk_ijk_to_ras(image), matrix, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("dtype", "encoding"), [(np.int16, "gzip"), (np.float32, "raw")])
def test_only_whole_numbers_are_compressed(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path, dtype: type, encoding: str
) -> None:
    write_volume(make_node(heart_slices.astype(dtype)), tmp_path / "a.nrrd")
    assert read_header(tmp_path / "a.nrrd").fields["encoding"] == encoding


def test_a_dicom_stack_agrees_with_simpleitk(data: Path, scene: slicer.vtkMRMLScene) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static"
    node = read_volume(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    ours, theirs = slicer.util.arrayFromVolume(node), sitk.GetArrayFromImage(image)
    assert ours.shape == theirs.shape
    assert_allclose(ours, theirs)
    assert_allclose(ijk_to_ras_of(node), sitk_ijk_to_ras(image), atol=2e-6)


def test_a_ragged_cine_is_refused_not_scrambled(data: Path) -> None:
    with pytest.raises(InputError, match="10 images at only 6 slice positions"):
        read_volume(data / "cmr" / "sunnybrook_dicom" / "SC-N-02-ragged")


def test_a_cine_series_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match="25 images at only 1 slice position"):
        read_volume(data / "cmr" / "cine_dicom" / "Se4")


@pytest.fixture
def stack(data: Path, tmp_path: Path) -> Path:
    """A writable copy of a real DICOM stack of five slices."""
    return Path(shutil.copytree(data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static", tmp_path / "stack"))


def edited(path: Path, **tags: object) -> None:
    path.chmod(0o644)
    dataset = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path)


def test_a_missing_slice_is_refused(stack: Path) -> None:
    sorted(stack.iterdir())[2].unlink()
    with pytest.raises(InputError, match="one even gap is needed"):
        read_volume(stack)


def test_two_series_in_a_folder_are_refused(stack: Path) -> None:
    edited(sorted(stack.iterdir())[0], SeriesInstanceUID="1.2.3")
    with pytest.raises(InputError, match="2 DICOM series"):
        read_volume(stack)


def test_slices_that_are_not_parallel_are_refused(stack: Path) -> None:
    edited(sorted(stack.iterdir())[0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    with pytest.raises(InputError, match="not parallel"):
        read_volume(stack)


def test_a_slice_shifted_sideways_is_refused(stack: Path) -> None:
    path = sorted(stack.iterdir())[2]
    header = pydicom.dcmread(path)
    along_row = np.array(header.ImageOrientationPatient[:3], dtype=float)
    edited(path, ImagePositionPatient=[round(v, 5) for v in np.array(header.ImagePositionPatient) + 0.5 * along_row])
    with pytest.raises(InputError, match="shifted sideways"):
        read_volume(stack)


def test_several_frames_in_a_file_are_refused(stack: Path) -> None:
    edited(sorted(stack.iterdir())[0], NumberOfFrames=2)
    with pytest.raises(InputError, match="several frames"):
        read_volume(stack)


def test_a_file_cut_within_its_pixels_is_refused(stack: Path) -> None:
    path = sorted(stack.iterdir())[-1]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match="is cut short"):
        read_volume(stack)


def test_a_damaged_last_slice_is_not_left_out(stack: Path) -> None:
    path = sorted(stack.iterdir())[-1]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged"):
        read_volume(stack)


def test_an_image_without_a_position_is_not_left_out(stack: Path) -> None:
    edited(sorted(stack.iterdir())[-1], ImagePositionPatient=None)
    with pytest.raises(InputError, match="without ImagePositionPatient"):
        read_volume(stack)


def test_other_files_beside_the_stack_do_not_matter(stack: Path) -> None:
    stack.chmod(0o755)
    (stack / "notes.txt").write_text("hello")
    assert read_volume(stack).GetImageData().GetDimensions() == (256, 256, 5)


def write_image(path: Path, voxels: NDArray, *, vector: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(voxels, isVector=vector), str(path))
    return path


VOXELS = np.random.default_rng(0).integers(0, 999, (5, 30, 20)).astype(np.int16)
BAD_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "no.nrrd", "does not exist"),
    "missing folder": (lambda folder: folder / "study", "does not exist"),
    "empty": (lambda folder: _bytes(folder / "a.nrrd", b""), "is empty"),
    "junk": (lambda folder: _bytes(folder / "a.nii.gz", b"hello" * 99), "cannot be read"),
    "unknown type": (lambda folder: _bytes(folder / "a.txt", b"hello"), "is none of"),
    "no DICOM": (lambda folder: _bytes(folder / "sub" / "a.txt", b"hello").parent, "holds no DICOM image"),
    "DICOM below": (lambda folder: _bytes(folder / "sub" / "a.txt", b"hello").parents[1], "folders in it"),
    "colour": (
        lambda folder: write_image(folder / "a.nrrd", np.stack([VOXELS] * 3, -1), vector=True),
        "3 values a voxel",
    ),
    "2-D nrrd": (lambda folder: write_image(folder / "a.nrrd", VOXELS[0]), "2-D image"),
    "2-D nifti": (lambda folder: write_image(folder / "a.nii", VOXELS[0]), "2-D image"),
    "4-D nrrd": (lambda folder: write_image(folder / "a.nrrd", np.stack([VOXELS, VOXELS])), "4 dimensions"),
    "4-D nifti": (lambda folder: write_image(folder / "a.nii.gz", np.stack([VOXELS, VOXELS])), "4 dimensions"),
    "zero axis": (
        lambda folder: _bytes(
            folder / "a.nrrd", b"NRRD0004\ntype: short\ndimension: 3\nsizes: 0 10 10\nencoding: raw\n\n"
        ),
        "0 x 10 x 10",
    ),
    "short nrrd": (lambda folder: _cut(write_image(folder / "a.nrrd", VOXELS)), "cut short"),
    "short nifti": (lambda folder: _cut(write_image(folder / "a.nii", VOXELS)), "cut short"),
    "short nii.gz": (lambda folder: _cut(write_image(folder / "a.nii.gz", VOXELS)), "damaged"),
    "short inside nii.gz": (lambda folder: _cut_inside(write_image(folder / "a.nii", VOXELS)), "cut short"),
    "short mha": (lambda folder: _cut(write_image(folder / "a.mha", VOXELS)), "cut short"),
}


def _bytes(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def _cut(path: Path) -> Path:
    return _bytes(path, path.read_bytes()[:-700])


def _cut_inside(path: Path) -> Path:
    return _bytes(path.with_suffix(".nii.gz"), gzip.compress(path.read_bytes()[:-700]))


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_with_a_reason(tmp_path: Path, scene: slicer.vtkMRMLScene, name: str) -> None:
    make, reason = BAD_FILES[name]
    path, before = make(tmp_path), scene.GetNumberOfNodes()
    with pytest.raises(InputError, match=reason) as caught:
        read_volume(path)
    assert str(path.name) in str(caught.value)
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path, full_disk: Callable, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    write_volume(make_node(heart_slices), path)
    before = path.read_bytes()
    noise = np.random.default_rng(0).random((8, 128, 128)).astype(np.float32)
    with full_disk(50_000), pytest.raises(OutputError, match="disk full"):
        write_volume(make_node(noise), path, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_format_that_would_lose_the_geometry_is_refused(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path, ending: str
) -> None:
    sheared = np.diag([1.4, 1.4, 8.0, 1.0])
    sheared[0, 2] = 2.5
    with pytest.raises(OutputError, match="cannot hold the volume's geometry"):
        write_volume(make_node(heart_slices, sheared), tmp_path / f"out{ending}")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_is_kept_unless_told_otherwise(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path
) -> None:
    path = tmp_path / "out.nrrd"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        write_volume(make_node(heart_slices), path)
    assert path.read_text() == "precious"
    write_volume(make_node(heart_slices), path, overwrite=True)
    assert read_volume(path).GetImageData().GetDimensions() == (64, 64, 3)


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.nrrd").mkdir()
    for path, reason in (
        (tmp_path / "no" / "a.nrrd", "does not exist"),
        (tmp_path / "a.png", "must end in"),
        (tmp_path / "folder.nrrd", "is a folder"),
    ):
        with pytest.raises(OutputError, match=reason):
            check_output(path, overwrite=True)


def test_what_a_folder_holds_is_judged_as_everywhere(stack: Path) -> None:
    """By the plain way, too, which ``compare`` and ``demo`` take."""
    stack.chmod(0o755)
    paths = sorted(stack.iterdir())
    (stack / f"._{paths[0].name}.dcm").write_bytes(bytes.fromhex("00051607") + bytes(500))
    assert read_volume(stack).GetImageData().GetDimensions() == (256, 256, 5)
    edited(paths[0], PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(InputError, match="a colour image"):
        read_volume(stack)
    edited(paths[0], PhotometricInterpretation="MONOCHROME2", ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])
    with pytest.raises(InputError, match="a mosaic"):
        read_volume(stack)


def test_a_volume_is_not_named_as_a_sequence(
    make_node: Callable, heart_slices: NDArray, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    node = make_node(heart_slices)
    with pytest.raises(OutputError, match="named as a sequence"):
        write_volume(node, tmp_path / "a.seq.nrrd")
    write_volume(node, tmp_path / "a.nrrd")
    output = tmp_path / "out.seq.nrrd"
    assert main(["upscale", str(tmp_path / "a.nrrd"), "-o", str(output), "--method", "bicubic"]) == 1
    assert "named as a sequence" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii"])
def test_a_type_that_cannot_be_kept_is_named_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture, dtype: str, ending: str
) -> None:
    path = write_image(tmp_path / f"a{ending}", (np.arange(600) % 97).reshape(3, 10, 20).astype(dtype))
    command = ["upscale", str(path), "-o", str(tmp_path / "out.nrrd"), "--method", "bicubic", "--keep-type"]
    assert main([*command, "--verbose"]) == 1
    text = capsys.readouterr().err
    assert f"has voxels of the type {dtype}, which cannot be written; leave --keep-type away" in text
    assert "read_volume" not in text  # it was not even read
    assert main(command[:-1]) == 0


@pytest.mark.parametrize(
    ("dtype", "offset"), [("int32", 10**9), ("uint32", 2**31), ("int32", -(2**28)), ("float64", 1e9)]
)
@pytest.mark.parametrize("cine", [False, True])
def test_large_values_keep_their_units_with_their_type(tmp_path: Path, dtype: str, offset: int, cine: bool) -> None:
    small = (200 * np.random.default_rng(3).random((3, 20, 24))).round()
    names = []
    for n, shift in enumerate((0, offset)):
        voxels = (small + shift).astype(dtype)
        image = sitk.GetImageFromArray(voxels)
        image = sitk.JoinSeries([image, image + 1]) if cine else image
        source, output = tmp_path / f"in{n}.nrrd", tmp_path / f"out{n}{'.seq' if cine else ''}.nrrd"
        sitk.WriteImage(image, str(source))
        command = ["upscale", str(source), "-o", str(output), "--method", "bicubic", "--keep-type", "--quiet"]
        assert main(command) == 0
        names.append(output)
    found, wanted = (sitk.GetArrayFromImage(sitk.ReadImage(str(name))).astype(np.float64) for name in names[::-1])
    lowest = 0 if dtype.startswith("u") else None  # which clips the undershoot of the small ones
    assert np.abs(np.clip(found - offset, lowest, None) - wanted).max() <= 1.0
