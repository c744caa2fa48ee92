"""Runs that are cancelled, short of memory, or lose their scene; and memory over many runs and many slices."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import slicer
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import Cancelled
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network import inference
from DURNSuperResLib.core.network.inference import Run
from DURNSuperResLib.core.network.network import Durn, DurnConfig
from DURNSuperResLib.scene.sequences import add_item, new_sequence, upscale_sequence
from DURNSuperResLib.scene.volumes import upscale_volume

SLICES, PHASES = 6, 3
PASSES = 8
CASES = {
    "test_memory_does_not_grow_over_many_runs": 200,
    "test_ten_thousand_slices_need_little_more_than_their_output": 10_000,
}
MOST_GROWTH_MIB = 4


def voxels_of(node: slicer.vtkMRMLScalarVolumeNode) -> NDArray:
    return slicer.util.arrayFromVolume(node)


def names_in(scene: slicer.vtkMRMLScene) -> list[str]:
    return sorted(scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes()))


@pytest.fixture
def cine(scene: slicer.vtkMRMLScene, heart_slices: NDArray) -> slicer.vtkMRMLSequenceNode:
    sequence = new_sequence("cine", "TriggerTime", "ms")
    for n in range(PHASES):
        add_item(sequence, heart_slices[:2, 16:40, 16:40] + n, np.diag([1.4, 1.4, 8, 1]), str(30 * n))
    return scene.AddNode(sequence)


@pytest.fixture
def volume(make_node: Callable) -> slicer.vtkMRMLScalarVolumeNode:
    return make_node(np.random.default_rng(0).integers(0, 900, (SLICES, 14, 12)).astype(np.int16))


@pytest.fixture
def one_slice_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inference.BATCH_PIXELS, "cpu", 1)


@pytest.mark.parametrize("step", range(SLICES))
@pytest.mark.parametrize("method", ["bicubic", "durn"])
def test_a_cancel_at_any_slice_leaves_the_scene_as_it_was(
    volume: slicer.vtkMRMLScalarVolumeNode, one_slice_a_batch: None, step: int, method: str
) -> None:
    done = [0]
    before = names_in(volume.GetScene()), voxels_of(volume).copy()

    def count(slices: int, _: int) -> None:
        done[0] = slices

    with pytest.raises(Cancelled):
        upscale_volume(volume, method=method, device="cpu", progress=count, cancelled=lambda: done[0] >= step)
    assert done == [step]
    assert names_in(volume.GetScene()) == before[0]
    assert np.array_equal(voxels_of(volume), before[1])


@pytest.mark.parametrize("step", range(2 * PHASES))
def test_a_cancel_at_any_slice_of_a_cine_adds_no_node(cine: slicer.vtkMRMLSequenceNode, step: int) -> None:
    done = [0]
    before = names_in(cine.GetScene())

    def count(slices: int, _: int) -> None:
        done[0] = slices

    with pytest.raises(Cancelled):
        upscale_sequence(cine, method="bicubic", progress=count, cancelled=lambda: done[0] >= step)
    assert names_in(cine.GetScene()) == before


@pytest.mark.parametrize("what", ["input", "output", "scene"])
@pytest.mark.parametrize("step", [1, SLICES])
def test_a_node_or_scene_that_goes_away_during_a_run_ends_it(
    volume: slicer.vtkMRMLScalarVolumeNode, make_node: Callable, what: str, step: int
) -> None:
    """Also where the computation looks at the node's own voxels, since no worker thread is used."""
    scene = volume.GetScene()
    others = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") - 1
    output = make_node(np.zeros((1, 2, 2), np.int16))

    def interfere(done: int, _: int) -> None:
        if done == step:
            scene.Clear(False) if what == "scene" else scene.RemoveNode({"input": volume, "output": output}[what])

    for target in (output, None) if what != "output" else (output,):
        if volume.GetScene() is None:
            scene.AddNode(volume)
        with pytest.raises(Cancelled, match="removed"):
            upscale_volume(volume, target, method="bicubic", progress=interfere)
        assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") <= 1 + (0 if what == "scene" else others)
        assert voxels_of(output).shape == (1, 2, 2)


@pytest.mark.parametrize("step", [1, 2 * PHASES])
@pytest.mark.parametrize("what", ["input", "scene"])
def test_a_cine_that_goes_away_during_a_run_ends_it(cine: slicer.vtkMRMLSequenceNode, what: str, step: int) -> None:
    scene = cine.GetScene()
    others = scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") - 1

    def interfere(done: int, _: int) -> None:
        if done == step:
            scene.Clear(False) if what == "scene" else scene.RemoveNode(cine)

    with pytest.raises(Cancelled, match="removed"):
        upscale_sequence(cine, method="bicubic", progress=interfere)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == (0 if what == "scene" else others)


class FailsAt(torch.nn.Module):
    """Stands in for a device whose memory, shared with others, runs out at some passes: what CUDA raises then."""

    def __init__(self, network: Durn, failing: set[int]) -> None:
        super().__init__()
        self.network, self.config, self.failing, self.passes = network, network.config, failing, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        if self.passes in self.failing:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.network(x)


@pytest.mark.parametrize("also_next", [False, True], ids=["once", "twice running"])
@pytest.mark.parametrize("failing", range(1, PASSES + 1))
def test_memory_that_runs_out_at_any_batch_changes_no_voxel(failing: int, also_next: bool) -> None:
    torch.manual_seed(0)
    network = Durn(DurnConfig(2, (8, 16), urns=1, bicubic_skip=True)).eval()
    images = np.random.default_rng(0).random((4 * PASSES, 20, 24), dtype=np.float32)
    little = FailsAt(network, {failing, failing + 1} if also_next else {failing})
    done: list[int] = []
    monitor = Monitor(lambda slices, _: done.append(slices))

    def result_of(module: torch.nn.Module, watch: Monitor) -> NDArray[np.float32]:
        run = Run(module, torch.device("cpu"), torch.float32, 4 * 20 * 24, 2**22)  # type: ignore[arg-type]
        return run.over(images, lambda values: values.astype(np.float32), watch)

    result = result_of(little, monitor)
    assert_allclose(result, result_of(network, Monitor()), rtol=1e-5, atol=1e-5)
    assert little.passes > PASSES
    assert done == sorted(done)
    assert done[-1] == len(images)


MANY_RUNS = """
import gc, re, sys
from pathlib import Path
import numpy as np
import SimpleITK as sitk
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.storage import read_volume, write_volume
from DURNSuperResLib.scene.volumes import upscale_volume

folder, runs = Path(sys.argv[1]), int(sys.argv[2])
image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, (3, 24, 24)).astype(np.int16))
image.SetSpacing((1.4, 1.4, 8))
for ending in (".nrrd", ".nii.gz"):
    sitk.WriteImage(image, str(folder / f"in{ending}"))
scene = current_scene()
first = scene.GetNumberOfNodes()

def resident_kib():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def run(n):
    ending = (".nrrd", ".nii.gz")[n % 2]
    node = read_volume(folder / f"in{ending}")
    output = upscale_volume(node, method="durn" if n % 10 == 0 else "bicubic", device="cpu")
    write_volume(output, folder / f"out{ending}", overwrite=True)
    for node in [scene.GetNthNode(n) for n in range(first, scene.GetNumberOfNodes())]:
        if scene.IsNodePresent(node):
            scene.RemoveNode(node)

for n in range(40):
    run(n)
gc.collect()
before = resident_kib()
for n in range(runs):
    run(n)
gc.collect()
print((resident_kib() - before) / 1024)
"""

MANY_SLICES = """
import re, sys
from pathlib import Path
import numpy as np
from DURNSuperResLib.cli import main
from DURNSuperResLib.core.network.memory import peak_memory_mib
from DURNSuperResLib.scene.sequences import add_item, new_sequence
from DURNSuperResLib.scene.sequence_storage import write_sequence

def cine(phases, path):
    source = new_sequence("cine", "TriggerTime", "ms")
    draw = np.random.default_rng(0)
    for n in range(phases):
        add_item(source, draw.integers(0, 2000, (10, 24, 24), dtype=np.int16), np.diag([1.4, 1.4, 8, 1]), str(n))
    write_sequence(source, path)

def run(path):
    assert main(["upscale", str(path), "-o", str(path.with_name("x2 " + path.name)), "--method", "bicubic"]) == 0

folder, slices = Path(sys.argv[1]), int(sys.argv[2])
cine(2, folder / "small.seq.nrrd")
cine(slices // 10, folder / "large.seq.nrrd")
run(folder / "small.seq.nrrd")
before = int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
run(folder / "large.seq.nrrd")
print(peak_memory_mib() - before)
"""


def measured(code: str, *arguments: object) -> float:
    """What a script prints last."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process's memory")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert result.returncode == 0, result.stderr
    return float(result.stdout.splitlines()[-1])


def test_memory_does_not_grow_over_many_runs(tmp_path: Path) -> None:
    growth = measured(MANY_RUNS, tmp_path, CASES["test_memory_does_not_grow_over_many_runs"])
    assert growth < MOST_GROWTH_MIB


def test_ten_thousand_slices_need_little_more_than_their_output(tmp_path: Path) -> None:
    """Beside input and output of the cine, which the scene holds, less than half of the output again."""
    slices = CASES["test_ten_thousand_slices_need_little_more_than_their_output"]
    growth = measured(MANY_SLICES, tmp_path, slices)
    output = slices * 48 * 48 * 4 / 2**20
    assert growth < 1.5 * output
