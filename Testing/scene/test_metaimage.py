"""MetaImage files as other programs and systems leave them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from DURNSuperResLib.scene.door import InputError
from DURNSuperResLib.scene.storage import read_volume

VOXELS = np.random.default_rng(2).integers(0, 900, (3, 20, 24)).astype(np.int16)
CONTENT = VOXELS.tobytes()
SQUEEZED = zlib.compress(CONTENT)
pytestmark = pytest.mark.usefixtures("scene")


def header(data: str, more: str = "", binary: str = "BinaryData = True\n") -> str:
    extents = " ".join(map(str, VOXELS.shape[::-1]))
    return (
        f"ObjectType = Image\nNDims = 3\n{binary}DimSize = {extents}\nElementSpacing = 1.4 1.5 8\n"
        f"ElementType = MET_SHORT\n{more}ElementDataFile = {data}\n"
    )


@pytest.mark.parametrize("ending", [".MHA", ".MHD", ".Mha"])
def test_an_ending_in_capitals_is_one(tmp_path: Path, ending: str) -> None:
    plain = tmp_path / f"a{ending.lower()}"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(plain))
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(plain.rename(tmp_path / f"B{ending}"))), VOXELS)


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (CONTENT, ""),
        (b"before" + CONTENT, "HeaderSize = 6\n"),
        (b"before" + CONTENT, "HeaderSize = -1\n"),
        (SQUEEZED, f"CompressedData = True\nCompressedDataSize = {len(SQUEEZED)}\n"),
        (SQUEEZED, "CompressedData = True\n"),
    ],
    ids=["raw", "header", "header of unknown size", "compressed", "compressed of unknown size"],
)
def test_detached_voxels_are_whole_or_refused(tmp_path: Path, content: bytes, more: str) -> None:
    path, voxels = tmp_path / "a.mhd", tmp_path / "größe 心.raw"
    path.write_text(header(voxels.name, more), "utf-8")
    with pytest.raises(InputError, match=r"in the file größe 心\.raw, which is not beside it"):
        read_volume(path)
    voxels.write_bytes(content)
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(path)), VOXELS)
    voxels.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"is cut short|have no end"):
        read_volume(path)
    path.write_text(header(voxels.name, more.replace(str(len(SQUEEZED)), str(len(SQUEEZED) // 2))), "utf-8")
    with pytest.raises(InputError, match=r"is cut short|have no end"):
        read_volume(path)


def test_voxels_as_text_are_named(tmp_path: Path) -> None:
    text = " ".join(map(str, VOXELS.ravel()))
    (tmp_path / "a.mha").write_text(header("LOCAL", binary="BinaryData = False\n") + text)
    with pytest.raises(InputError, match="as text"):
        read_volume(tmp_path / "a.mha")


@pytest.mark.parametrize("data", ["LIST\n1.raw\n2.raw\n3.raw", "%d.raw 1 3 1"])
def test_a_slice_a_file_is_read_and_one_that_is_missing_told(tmp_path: Path, data: str) -> None:
    for n, slice_ in enumerate(VOXELS, 1):
        (tmp_path / f"{n}.raw").write_bytes(slice_.tobytes())
    path = tmp_path / "a.mhd"
    path.write_text(header(data))
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(path)), VOXELS)
    (tmp_path / "2.raw").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        read_volume(path)
