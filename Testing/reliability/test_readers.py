"""Files at the door: damaged ones are refused in one line, odd but sound ones are read right, wherever they lie."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from reliability.fuzz import CINES, VOLUMES
from scene.test_dicom_fuzz import drop_tags, duplicate, garble, remove, spoil_tags, truncate

from dicoms import GAP, NORMAL, ORIGIN, pixels_of, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.nrrd import read_header
from DURNSuperResLib.scene.sequence_storage import read_sequence, write_sequence
from DURNSuperResLib.scene.sequences import add_item, items_of, new_sequence
from DURNSuperResLib.scene.storage import InputError, matrix_of, read_volume
from geometries import oblique

SEEDS = 80
CASES = {"test_damaged_files_are_refused_in_one_line_or_read_right": SEEDS * len((*VOLUMES, *CINES))}
NIFTI_FIELDS = "i10s18sihcB8h3f4h8f3fhBB4f2i80s24s2h18f16s4s"
VOXELS = np.random.default_rng(1).integers(-500, 3000, (4, 9, 8)).astype(np.int16)
BICUBIC = ["--method", "bicubic"]


def image_of(voxels: NDArray, matrix: NDArray | None = None) -> sitk.Image:
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ (oblique((1.4, 1.5, 8.0)) if matrix is None else matrix)
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def saved(path: Path, voxels: NDArray = VOXELS, *, squeezed: bool = False) -> Path:
    sitk.WriteImage(image_of(voxels), str(path), squeezed)
    return path


def test_damaged_files_are_refused_in_one_line_or_read_right(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reliability.fuzz", str(tmp_path), "0", str(SEEDS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"crashed on {lines[-1:]}"
    ended = [line for line in lines if line[2] == "ended"]
    assert len(ended) == CASES["test_damaged_files_are_refused_in_one_line_or_read_right"]
    for line in ended:
        _, _, _, code, text, info_code, info_text, right, left = line
        assert not left, line
        assert right is True if code == 0 else (code == 1 and text.count("\n") == 1), line
        assert info_code in (0, 1), line
        assert "unexpected" not in text + info_text, line
    assert 0.2 < sum(line[3] == 0 for line in ended) / len(ended) < 0.8


def meta(**changes: str) -> Callable[[Path], Path]:
    """A MetaImage file with some header values changed."""

    def make(folder: Path) -> Path:
        path = saved(folder / "a.mha", squeezed="CompressedDataSize" in changes)
        head, mark, body = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
        for key, value in changes.items():
            lines = [f"{key} = {value}".encode() if ln.startswith(key.encode()) else ln for ln in head.splitlines()]
            head = b"\n".join(lines) + b"\n"
        path.write_bytes(head + mark + body)
        return path

    return make


def nrrd(old: str, new: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = saved(folder / "a.nrrd")
        content = path.read_bytes()
        assert old.encode() in content
        path.write_bytes(content.replace(old.encode(), new.encode(), 1))
        return path

    return make


def nifti(kind: str, place: int, *values: float, with_qform: bool = True) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = saved(folder / "a.nii")
        content = bytearray(path.read_bytes())
        struct.pack_into(f"<{len(values)}{kind}", content, place, *values)
        struct.pack_into("<h", content, 252, int(with_qform))
        path.write_bytes(bytes(content))
        return path

    return make


def squeezed_and_spoiled(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = saved(folder / name, squeezed=True)
        content = bytearray(path.read_bytes())
        content[-60] ^= 16
        path.write_bytes(bytes(content))
        return path

    return make


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "a.nrrd")
    return folder / "a.nrrd"


# What once crashed or hung a reader, or came back with voxels or a place that the file does not hold.
TRAPS: dict[str, Callable[[Path], Path]] = {
    "no number of axes": meta(NDims="1e308"),
    "negative size": meta(DimSize="8 9 -1"),
    "size without end": meta(DimSize="8 99999999999 4"),
    "infinite direction": meta(TransformMatrix="1 0 0 0 1 0 1e308 0 1"),
    "axes in a plane": meta(TransformMatrix="1 0 0 0 1 0 1 0 0"),
    "no spacing": meta(ElementSpacing="0 1 1"),
    "compressed size too large": meta(CompressedDataSize="99999999999"),
    "compressed size too small": meta(CompressedDataSize="3"),
    "not compressed": meta(CompressedData="True"),
    "damaged zlib": squeezed_and_spoiled("a.mha"),
    "damaged gzip": squeezed_and_spoiled("a.nrrd"),
    "NRRD too large": nrrd("sizes: 8 9 4", "sizes: 80000 90000 40000"),
    "NRRD not a number": nrrd("space origin: (", "space origin: (nan"),
    "NRRD without a step": nrrd("space directions: (", "space directions: (0,0,0) ("),
    "NIfTI offset not a number": nifti("f", 108, np.nan),
    "NIfTI offset infinite": nifti("f", 108, np.inf),
    "NIfTI without spacing": nifti("f", 80, 0.0),
    "NIfTI sform of another spacing": nifti("f", 80, 2.9, 1.1, 3.0, with_qform=False),
    "NIfTI without its mark": nifti("B", 344, 0, 0, 0, 0),
    "NIfTI bits of another type": nifti("h", 72, 64),
    "a pipe": a_pipe,
}


@pytest.mark.parametrize("name", TRAPS)
def test_files_that_trap_readers_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    if name == "a pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    path = TRAPS[name](tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=path.name):
        read_volume(path)
    assert main(["upscale", str(path), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert text.startswith("durn-superres: ")
    assert sorted(tmp_path.iterdir()) == before


def big_endian(path: Path) -> Path:
    """The same file with its numbers in the other byte order."""
    content = path.read_bytes()
    if path.suffix == ".nii":
        head = struct.unpack("<" + NIFTI_FIELDS, content[:348])
        content = struct.pack(">" + NIFTI_FIELDS, *head) + content[348:352] + VOXELS.astype(">i2").tobytes()
    else:
        old, new = (
            (b"endian: little", b"endian: big")
            if path.suffix == ".nrrd"
            else (b"BinaryDataByteOrderMSB = False", b"BinaryDataByteOrderMSB = True")
        )
        assert old in content
        content = content.replace(old, new)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["raw.nrrd", "gzip.nrrd", "raw.mha", "zlib.mha", "raw.nii"])
def test_the_byte_order_of_a_file_does_not_matter(name: str, tmp_path: Path, scene: slicer.vtkMRMLScene) -> None:
    squeezed = not name.startswith("raw")
    if name.endswith(".nii"):
        path = big_endian(saved(tmp_path / name))
    else:  # written with swapped voxels, then said to be so
        path = big_endian(saved(tmp_path / name, VOXELS.byteswap(), squeezed=squeezed))
    node = read_volume(path)
    assert np.array_equal(slicer.util.arrayFromVolume(node), VOXELS)
    assert_allclose(ijk_to_ras_of(node), oblique((1.4, 1.5, 8.0)), atol=1e-4)
    output = tmp_path / "out.nii.gz"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 0
    little = saved(tmp_path / "little.nrrd")
    assert main(["upscale", str(little), "-o", str(tmp_path / "little.nii.gz"), *BICUBIC]) == 0
    assert np.array_equal(
        *(sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in (output, tmp_path / "little.nii.gz"))
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii.gz"])
def test_every_type_of_voxels_is_read_and_kept(
    dtype: type, ending: str, tmp_path: Path, scene: slicer.vtkMRMLScene
) -> None:
    source, output = saved(tmp_path / f"in{ending}", np.abs(VOXELS // 32).astype(dtype)), tmp_path / "out.nrrd"
    assert main(["upscale", str(source), "-o", str(output), *BICUBIC, "--keep-type", "--quiet"]) == 0
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(output))).dtype == dtype


def test_a_big_endian_cine_is_read_right(tmp_path: Path, scene: slicer.vtkMRMLScene) -> None:
    cine = new_sequence("cine", "TriggerTime", "ms")
    for n in range(3):
        add_item(cine, (VOXELS + n).byteswap(), oblique((1.4, 1.5, 8.0)), str(30 * n))
    path = tmp_path / "cine.seq.nrrd"
    write_sequence(cine, path)
    big_endian(path)
    assert read_header(path).dtype == ">i2"
    for n, item in enumerate(items_of(read_sequence(path))):
        assert np.array_equal(slicer.util.arrayFromVolume(item), VOXELS + n)


LONG_NAME = "ä" * 110  # 220 bytes of the 255 that a name may have
PLACES: dict[str, str] = {
    "accents": "Zoë Müller/größe ✓",
    "other scripts": "心臓/сердце ❤ قلب",
    "signs": "a b'c\"d $e %f (g) [h] #i &j;k,l",
    "long name": LONG_NAME,
    "deep": "/".join(["d" * 200] * 8) + "/heart",
    "as deep as may be": "/".join(["d" * 200] * 17) + "/heart",
}


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha", ".seq.nrrd"])
@pytest.mark.parametrize("name", PLACES)
def test_any_name_and_depth_of_folders_will_do(
    name: str, ending: str, tmp_path: Path, scene: slicer.vtkMRMLScene
) -> None:
    source = tmp_path / f"{PLACES[name]}{ending}"
    output = source.with_name(f"{source.name.removesuffix(ending)} x2{ending}")
    source.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".seq.nrrd":
        cine = new_sequence("cine", "TriggerTime", "ms")
        for n in range(2):
            add_item(cine, VOXELS + n, oblique((1.4, 1.5, 8.0)), str(30 * n))
        write_sequence(cine, source)
    else:
        saved(tmp_path / f"short{ending}").rename(source)
    assert main(["upscale", str(source), "-o", str(output), *BICUBIC, "--quiet"]) == 0
    assert main(["info", str(output)]) == 0
    if ending == ".seq.nrrd":
        assert slicer.util.arrayFromVolume(items_of(read_sequence(output))[1]).shape == (4, 18, 16)
    else:
        assert ijk_to_ras_of(read_volume(output))[0, 0] == pytest.approx(oblique((0.7, 0.75, 8.0))[0, 0], abs=1e-5)


def test_a_sheared_nifti_is_not_straightened_without_a_word(
    tmp_path: Path, scene: slicer.vtkMRMLScene, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    place = struct.unpack_from("<f", content, 288)[0]
    struct.pack_into("<f", content, 288, place + 2.5)  # the x of a step along k in the sform, not in the qform
    path.write_bytes(bytes(content))
    read_volume(path)
    assert "two places" in caplog.text
    struct.pack_into("<h", content, 252, 0)  # no qform
    path.write_bytes(bytes(content))
    with pytest.raises(InputError):
        read_volume(path)


def test_simpleitk_and_slicer_agree_on_left_handed_files(tmp_path: Path, scene: slicer.vtkMRMLScene) -> None:
    matrix = oblique((1.4, 1.5, 8.0), left_handed=True)
    for ending in (".nrrd", ".nii", ".mha"):
        path = tmp_path / f"left{ending}"
        sitk.WriteImage(image_of(VOXELS, matrix), str(path))
        node = read_volume(path)
        inside = np.linalg.inv(matrix_of(sitk.ReadImage(str(path)))) @ ijk_to_ras_of(node)
        voxels = slicer.util.arrayFromVolume(node)
        for k, j, i in ((0, 0, 0), (3, 2, 5), (1, 8, 7)):
            there = np.rint(inside @ (i, j, k, 1)).astype(int)
            assert voxels[k, j, i] == VOXELS[there[2], there[1], there[0]]


@pytest.mark.parametrize("damage", [truncate, garble, drop_tags, spoil_tags, remove, duplicate])
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_dicom_stack_is_refused_or_read_in_place(
    tmp_path: Path, scene: slicer.vtkMRMLScene, damage: Callable, seed: int
) -> None:
    """By the plain way, which ``compare``, ``demo`` and :func:`read_volume` take; ``upscale`` has its own fuzz."""
    folder = write_cine(tmp_path / "in", slices=4, phases=1, series_a_slice=False) / "s0"
    damage(folder, np.random.default_rng(seed))
    try:
        node = read_volume(folder)
    except InputError:
        return
    matrix = ijk_to_ras_of(node)
    assert np.isfinite(matrix).all()
    if damage not in (garble, spoil_tags):
        for k, pixels in enumerate(slicer.util.arrayFromVolume(node)):
            position = np.diag([-1.0, -1.0, 1.0]) @ (matrix @ (0, 0, k, 1))[:3]
            place = round(float((position - ORIGIN) @ NORMAL) / GAP)
            assert np.array_equal(pixels, pixels_of(place, 0))
