"""Voxels that wait in a file: the same values, no name in the folder, no memory once they are let go."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from numpy.testing import assert_array_equal

from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.scene.nodes import repair_non_finite
from DURNSuperResLib.scene.sequences import add_item, enlarge_sequence, items_of, new_sequence, one_by_one
from DURNSuperResLib.scene.shelf import let_go, shelved


def resident_kib() -> int:
    """Memory of this process that holds parts of files."""
    found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint8, np.float64])
def test_shelved_voxels_are_the_same_and_have_no_file_that_one_could_see(tmp_path: Path, dtype: type) -> None:
    voxels = np.random.default_rng(1).integers(0, 200, (3, 5, 7)).astype(dtype)
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetAndObserveImageData(shelved(voxels[:, ::-1], tmp_path))
    for _ in range(2):
        assert_array_equal(slicer.util.arrayFromVolume(volume), voxels[:, ::-1])
        let_go(slicer.util.arrayFromVolume(volume))
    assert volume.GetImageData().GetDimensions() == (7, 5, 3)
    assert slicer.util.arrayFromVolume(volume).dtype == dtype
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system tells it in /proc")
def test_what_is_let_go_takes_no_memory_and_comes_back(tmp_path: Path) -> None:
    voxels = np.full((16, 512, 512), 7, np.float32)  # 16 MiB
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetAndObserveImageData(shelved(voxels, tmp_path))
    view = slicer.util.arrayFromVolume(volume)
    before = resident_kib()
    assert view.sum() == 7 * voxels.size
    looked_at = resident_kib()
    let_go(view)
    assert looked_at - before > 15 * 1024 > resident_kib() - before + 14 * 1024
    assert view[-1, -1, -1] == 7


def test_what_was_repaired_on_the_shelf_stays_repaired(tmp_path: Path) -> None:
    voxels = np.arange(1.0, 25.0).reshape(2, 3, 4)
    voxels[1, 1, 1] = np.nan
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetAndObserveImageData(shelved(voxels, tmp_path))
    assert repair_non_finite(volume) == 1
    let_go(slicer.util.arrayFromVolume(volume))
    assert slicer.util.arrayFromVolume(volume)[1, 1, 1] == 1


def test_letting_go_of_voxels_in_memory_does_nothing() -> None:
    voxels = np.arange(4)
    let_go(voxels)
    assert_array_equal(voxels, np.arange(4))


def test_an_enlarged_cine_is_the_same_on_the_shelf(scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    cine = new_sequence("cine", "TriggerTime", "ms")
    for n, item in enumerate(np.random.default_rng(3).integers(0, 900, (3, 2, 12, 14)).astype(np.int16)):
        add_item(cine, item, np.diag([1.4, 1.4, 8, 1]), f"{30 * n}", shelf=tmp_path)
    scene.AddNode(cine)
    how = Upscaling(scale=2, method="bicubic")
    in_memory, on_shelf = (enlarge_sequence(cine, how, Monitor(), shelf=shelf) for shelf in (None, tmp_path))
    for one, other, seen in zip(items_of(in_memory), items_of(on_shelf), one_by_one(on_shelf), strict=True):
        assert seen is other
        assert_array_equal(slicer.util.arrayFromVolume(one), slicer.util.arrayFromVolume(other))
    assert not list(tmp_path.iterdir())
