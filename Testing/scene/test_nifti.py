"""NIfTI files as people have them: NaN, left-handed axes, spacing in pixdim alone, odd scalings and time steps."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from niftis import MILLISECONDS, MM, SECONDS, heart, nifti, save
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.cli import main
from DURNSuperResLib.core.geometry import upscaled_ijk_to_ras
from DURNSuperResLib.scene.door import InputError
from DURNSuperResLib.scene.headers import facts_of
from DURNSuperResLib.scene.nifti import read_header
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.sequence_storage import read_sequence
from DURNSuperResLib.scene.sequences import items_of
from DURNSuperResLib.scene.storage import matrix_of, read_volume, voxels_of

BICUBIC = ["--method", "bicubic", "--quiet"]
LEFT = np.array([[-1.4, 0, 0, 40], [0, 1.5, 0, -30], [0, 0, 8, -20], [0, 0, 0, 1.0]])
UNIT = np.array([[-1.0, 0, 0, 12], [0, -1, 0, 34], [0, 0, 1, 56], [0, 0, 0, 1.0]])
pytestmark = pytest.mark.usefixtures("scene")


def cine_of(voxels: NDArray, count: int = 3) -> NDArray:
    return np.stack([voxels + 10 * n for n in range(count)])


def arrays_of(path: Path) -> list[NDArray]:
    if facts_of(path).is_cine:
        return [slicer.util.arrayFromVolume(item) for item in items_of(read_sequence(path))]
    return [slicer.util.arrayFromVolume(read_volume(path))]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "cine.nii.gz"])
def test_voxels_that_are_not_finite_are_refused_or_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture, bad: float, dtype: str, order: str, name: str
) -> None:
    voxels = heart().astype(dtype)
    voxels[1, 3:5, 2:5] = bad
    path = save(tmp_path / name, nifti(cine_of(voxels) if "cine" in name else voxels, order=order))
    output = tmp_path / f"out{'.seq.nrrd' if 'cine' in name else '.nrrd'}"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert "6 of 360 voxels are NaN or infinite" in text
    assert "--repair" in text
    assert main(["info", str(path)]) == 0
    assert "refused: " in (told := capsys.readouterr().out)
    assert "6 of 360 voxels are NaN or infinite" in told
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC, "--repair"]) == 0
    repaired = np.where(np.isfinite(voxels), voxels, voxels[np.isfinite(voxels)].min())
    wanted = save(tmp_path / f"whole{path.name}", nifti(cine_of(repaired) if "cine" in name else repaired))
    again = output.with_name(f"again{output.name}")
    assert main(["upscale", str(wanted), "-o", str(again), *BICUBIC]) == 0
    for found, right in zip(arrays_of(output), arrays_of(again), strict=True):
        assert np.array_equal(found, right)


@pytest.mark.parametrize(
    ("scaling", "dtype", "right"),
    [
        ((1.0, 0.0), "i2", (1.0, 0.0)),
        ((0.5, -7.0), "i2", (0.5, -7.0)),
        ((0.0, 0.0), "i2", (1.0, 0.0)),
        ((0.0, 5.0), "i2", (1.0, 5.0)),
        ((np.nan, 0.0), "i2", (1.0, 0.0)),
        ((np.nan, np.nan), "u2", (1.0, 0.0)),
        ((2.0, np.nan), "i2", (2.0, 0.0)),
        ((2.0, 3.0), "f4", (2.0, 3.0)),
        ((2.0, 3.0), "f8", (2.0, 3.0)),
    ],
)
def test_scalings_are_those_of_simpleitk(tmp_path: Path, scaling: tuple, dtype: str, right: tuple) -> None:
    voxels = heart().astype(dtype)
    path = save(tmp_path / "a.nii.gz", nifti(voxels, scaling=scaling))
    found, theirs = voxels_of(path)[0], sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert found.dtype == theirs.dtype
    assert_allclose(found, voxels * right[0] + right[1], rtol=1e-6)
    assert_allclose(found, theirs, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", "u8", "i8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_and_byte_order_is_read_as_simpleitk_does(tmp_path: Path, dtype: str, order: str) -> None:
    path = save(tmp_path / "a.nii", nifti((heart() // 60).astype(dtype), order=order, sform=LEFT))
    found, ijk_to_ras = voxels_of(path)
    theirs = sitk.ReadImage(str(path))
    assert np.array_equal(found, sitk.GetArrayFromImage(theirs))
    assert_allclose(ijk_to_ras, matrix_of(theirs))
    assert_allclose(ijk_to_ras, LEFT, atol=1e-5)


@pytest.mark.parametrize("turn", [0.0, 0.4])
@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha", ".seq.nrrd", ".cine.nii.gz"])
def test_left_handed_axes_keep_the_order_of_their_slices(tmp_path: Path, turn: float, ending: str) -> None:
    cine = ending in (".seq.nrrd", ".cine.nii.gz")
    affine = LEFT.copy()
    c, s = np.cos(turn), np.sin(turn)
    affine[:3, :3] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ LEFT[:3, :3]
    voxels = heart().astype(np.int16)
    path = save(tmp_path / "in.nii.gz", nifti(cine_of(voxels) if cine else voxels, sform=affine))
    output = tmp_path / f"out{ending}"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 0
    nodes = items_of(read_sequence(output)) if cine else [read_volume(output)]
    assert_allclose(ijk_to_ras_of(nodes[0]), upscaled_ijk_to_ras(affine, 2), atol=1e-4)
    enlarged = slicer.util.arrayFromVolume(nodes[0])
    for k in range(3):
        assert abs(float(enlarged[k].mean()) - float(voxels[k].mean())) < 5
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(output)))
    first = theirs[..., 0] if ending == ".seq.nrrd" else theirs[0] if cine else theirs
    assert np.array_equal(first, enlarged)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii"])
def test_left_handed_volumes_of_any_format_keep_their_voxels(tmp_path: Path, ending: str) -> None:
    image = sitk.GetImageFromArray(heart())
    image.SetSpacing((1.4, 1.5, 8.0))
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
    image.SetOrigin((3, 4, 5))
    sitk.WriteImage(image, str(tmp_path / f"a{ending}"))
    node = read_volume(tmp_path / f"a{ending}")
    assert np.array_equal(slicer.util.arrayFromVolume(node), heart())
    assert_allclose(ijk_to_ras_of(node), matrix_of(image), atol=1e-5)


@pytest.mark.parametrize("qform", [0, 1])
@pytest.mark.parametrize("cine", [False, True])
def test_a_sform_of_unit_steps_goes_with_the_spacing_of_the_header(
    tmp_path: Path, capsys: pytest.CaptureFixture, qform: int, cine: bool
) -> None:
    steps = (1.5625, 1.6, 10.0)
    voxels = heart().astype(np.int16)
    content = nifti(
        cine_of(voxels) if cine else voxels,
        sform=UNIT,
        pixdim=(*steps, 0.03),
        units=MM | SECONDS,
        codes=(qform, 2),
        quaternion=(0, 0, 1),
    )
    path, output = save(tmp_path / "in.nii.gz", content), tmp_path / "out.nii.gz"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 0
    assert capsys.readouterr().err.count("its sform has steps of 1 mm") == 1
    wanted = upscaled_ijk_to_ras(UNIT @ np.diag([*steps, 1]), 2)
    assert_allclose(matrix_of(sitk.ReadImage(str(output))), wanted, atol=1e-4)
    assert main(["info", str(output)]) == 0
    assert not capsys.readouterr().err  # sform and pixdim of the output say the same
    assert facts_of(path).spacing == pytest.approx(steps)


def test_a_sform_at_odds_with_the_spacing_otherwise_is_refused(tmp_path: Path) -> None:
    sheared, twice = UNIT.copy(), UNIT @ np.diag([2.0, 2, 2, 1])
    sheared[0, 2] = 0.3
    other = UNIT @ np.diag([1.0, 1.0, 2.5, 1])
    for affine in (sheared, twice, other):
        path = save(tmp_path / "a.nii", nifti(heart(), sform=affine, pixdim=(1.5, 1.5, 10.0)))
        with pytest.raises(InputError, match=r"do not go together|sheared"):
            read_volume(path)


@pytest.mark.parametrize(
    ("step", "unit", "times"),
    [
        (0.04, SECONDS, ["0", "40", "80"]),
        (40.0, MILLISECONDS, ["0", "40", "80"]),
        (1.0, SECONDS, ["0", "1000", "2000"]),
        (0.0, SECONDS, None),
        (-0.04, SECONDS, None),
        (np.nan, SECONDS, None),
        (40.0, SECONDS, None),
        (1e-5, SECONDS, None),
        (0.04, 0, None),
    ],
)
def test_time_steps_are_kept_and_none_invented(tmp_path: Path, step: float, unit: int, times: list | None) -> None:
    voxels = cine_of(heart())
    path = save(tmp_path / "a.nii", nifti(voxels, pixdim=(1.4, 1.5, 8.0, step), units=MM | unit))
    output = tmp_path / "out.nii"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 0
    for name in (path, output):
        sequence = read_sequence(name)
        assert sequence.GetIndexUnit() == ("ms" if times else "")
        assert [sequence.GetNthIndexValue(n) for n in range(3)] == (times or ["0", "1", "2"])


def test_axes_of_one_behind_the_others_do_not_matter(tmp_path: Path) -> None:
    volume = save(tmp_path / "a.nii", nifti(heart(), shape=(12, 10, 3, 1, 1)))
    assert np.array_equal(arrays_of(volume)[0], heart())
    cine = save(tmp_path / "b.nii", nifti(cine_of(heart()), shape=(12, 10, 3, 3, 1)))
    assert len(arrays_of(cine)) == 3


@pytest.mark.parametrize(("unit", "mm"), [(1, 1e3), (3, 1e-3)], ids=["metres", "micrometres"])
@pytest.mark.parametrize("codes", [(0, 1), (1, 0)], ids=["sform", "qform"])
def test_lengths_in_other_units_become_mm(tmp_path: Path, unit: int, mm: float, codes: tuple[int, int]) -> None:
    place = np.diag([1.4, 1.5, 8.0, 1.0])
    place[:3, 3] = (10, -20, 30)
    scaled = np.diag([1 / mm, 1 / mm, 1 / mm, 1.0]) @ place
    content = nifti(heart(), sform=scaled, pixdim=(1.4 / mm, 1.5 / mm, 8.0 / mm, 1.0), units=unit, codes=codes)
    node = read_volume(save(tmp_path / "a.nii", content))
    assert_allclose(ijk_to_ras_of(node), place, atol=1e-4)
    assert_allclose(matrix_of(sitk.ReadImage(str(tmp_path / "a.nii"))), place, atol=1e-4)


def test_phases_of_any_time_of_day_are_told_apart(tmp_path: Path) -> None:
    content = bytearray(nifti(cine_of(heart(), 4), pixdim=(1.4, 1.5, 8.0, 30.5), units=MM | MILLISECONDS))
    struct.pack_into("<f", content, 136, 45_000_000.0)  # half past twelve
    cine = read_sequence(save(tmp_path / "a.nii", bytes(content)))
    assert [cine.GetNthIndexValue(n) for n in range(4)] == ["45000000", "45000030.5", "45000061", "45000091.5"]


def test_what_was_decompressed_under_its_old_name_is_read_as_itk_does(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(nifti(heart()))
    assert np.array_equal(arrays_of(path)[0], heart())
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), heart())


@pytest.mark.parametrize(("codes", "taken"), [((1, 2), "qform"), ((2, 1), "sform")])
def test_of_two_places_the_one_that_is_taken_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codes: tuple[int, int], taken: str
) -> None:
    path = save(tmp_path / "a.nii", nifti(heart(), codes=codes, quaternion=(0.0, 0.0, 0.5)))
    node = read_volume(path)
    assert f"its {taken} is taken" in caplog.text
    header = read_header(path)
    assert_allclose(ijk_to_ras_of(node), header.qform if taken == "qform" else header.sform, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(nifti(heart())), "let its name end in .nii.gz"),
        ((540).to_bytes(4, "little") + b"n+2\0\r\n\032\n" + bytes(600), "NIfTI-2"),
        (nifti(heart())[:344] + b"ni1\0" + bytes(2000), "pair of files"),
        (nifti(cine_of(heart(), 4), shape=(12, 10, 3, 2, 2)), "5 dimensions"),
        (nifti(cine_of(heart(), 3), shape=(12, 10, 3, 1, 3)), "5 dimensions"),
        (nifti(heart().astype("f8"), kind=32), "complex"),
    ],
    ids=["compressed", "NIfTI-2", "pair", "5-D", "vectors", "complex"],
)
def test_other_kinds_of_nifti_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, content: bytes, reason: str
) -> None:
    path = save(tmp_path / "a.nii", content)
    assert main(["upscale", str(path), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert reason in text
    assert text.count("\n") == 1
