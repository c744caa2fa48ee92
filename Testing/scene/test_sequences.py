"""Cines in the scene: item by item, one intensity map, one slider for both, and nothing left of a run that failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.core.engine import Enlarged, upscale_slices
from DURNSuperResLib.core.geometry import upscaled_ijk_to_ras
from DURNSuperResLib.core.monitor import Cancelled
from DURNSuperResLib.scene.aside import heart_phases
from DURNSuperResLib.scene.cine import load_cine
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of
from DURNSuperResLib.scene.nodes import VolumeError, ijk_to_ras_of
from DURNSuperResLib.scene.sequences import (
    add_browser,
    add_item,
    browser_of,
    is_cine,
    items_of,
    new_sequence,
    sequence_of,
    shown_by_proxy,
    upscale_sequence,
)
from DURNSuperResLib.scene.volumes import upscale_volume
from geometries import oblique

MATRIX = oblique((1.4, 1.5, 8.0), left_handed=True)
TIMES = ("0", "33.5", "67.25", "101")


@pytest.fixture
def phases(heart_slices: NDArray) -> list[NDArray]:
    """A heart that brightens over four phases, ``(3, 24, 32)`` each."""
    crops = [heart_slices[:, 18:42, 16:48] * (1 + 0.3 * n) for n in range(4)]
    return [np.ascontiguousarray(crop.astype(np.float32)) for crop in crops]


@pytest.fixture
def cine(scene: slicer.vtkMRMLScene, phases: list[NDArray]) -> slicer.vtkMRMLSequenceNode:
    """A sequence in the scene, by trigger time."""
    sequence = new_sequence("cine", "TriggerTime", "ms")
    for time, voxels in zip(TIMES, phases, strict=True):
        add_item(sequence, voxels, MATRIX, time)
    return scene.AddNode(sequence)


def voxels_of(node: slicer.vtkMRMLVolumeNode) -> NDArray:
    return slicer.util.arrayFromVolume(node)


def node_ids(scene: slicer.vtkMRMLScene) -> set[str]:
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


@pytest.mark.parametrize("given", ["sequence", "browser", "proxy"])
def test_each_item_is_upscaled_with_its_index(
    cine: slicer.vtkMRMLSequenceNode, phases: list[NDArray], given: str
) -> None:
    browser = add_browser(cine) if given != "sequence" else None
    source = {"sequence": lambda: cine, "browser": lambda: browser, "proxy": lambda: browser.GetProxyNode(cine)}[
        given
    ]()
    output = upscale_sequence(source, 3, method="bicubic")
    assert output.GetName().startswith("cine bicubic x3")
    assert (output.GetIndexName(), output.GetIndexUnit(), output.GetIndexTypeAsString()) == (
        "TriggerTime",
        "ms",
        "numeric",
    )
    assert tuple(output.GetNthIndexValue(n) for n in range(4)) == tuple(cine.GetNthIndexValue(n) for n in range(4))
    for item, voxels in zip(items_of(output), phases, strict=True):
        assert np.array_equal(voxels_of(item), upscale_slices(voxels, 3, method="bicubic"))
        assert_allclose(ijk_to_ras_of(item), upscaled_ijk_to_ras(MATRIX, 3), atol=1e-9)
    assert output.GetAttribute("DURNSuperRes.SourceID") == cine.GetID()
    assert output.GetNodeReferenceID("DURNSuperRes.Source") == cine.GetID()


def test_an_item_equals_the_volume_upscaled_alone(
    cine: slicer.vtkMRMLSequenceNode, make_node: Callable, phases: list[NDArray]
) -> None:
    volume = make_node(phases[1], MATRIX)
    item = items_of(upscale_sequence(cine, 2, method="bicubic", slice_axis="i", keep_type=True))[1]
    alone = upscale_volume(volume, scale=2, method="bicubic", slice_axis="i", keep_type=True)
    assert np.array_equal(voxels_of(item), voxels_of(alone))
    assert_allclose(ijk_to_ras_of(item), ijk_to_ras_of(alone))


def test_one_slider_plays_both(cine: slicer.vtkMRMLSequenceNode) -> None:
    browser = add_browser(cine)
    shown = browser.GetProxyNode(cine)
    shown.CreateDefaultDisplayNodes()
    shown.GetDisplayNode().SetAutoWindowLevel(False)
    shown.GetDisplayNode().SetWindowLevel(77, 33)
    transform = cine.GetScene().AddNewNodeByClass("vtkMRMLLinearTransformNode")
    shown.SetAndObserveTransformNodeID(transform.GetID())
    output = upscale_sequence(shown, 2, method="bicubic")
    proxy = browser.GetProxyNode(output)
    assert (browser_of(output), sequence_of(proxy), sequence_of(shown)) == (browser, output, cine)
    for step in (0, 2, 3, 1):
        browser.SetSelectedItemNumber(step)
        assert np.array_equal(voxels_of(shown), voxels_of(items_of(cine)[step]))
        assert np.array_equal(voxels_of(proxy), voxels_of(items_of(output)[step]))
        assert proxy.GetDisplayNode().GetWindow() == 77
        assert proxy.GetTransformNodeID() == transform.GetID()
        assert proxy.GetAttribute("DURNSuperRes.Scale") == "2"


def test_the_users_browser_is_not_scrubbed(cine: slicer.vtkMRMLSequenceNode) -> None:
    browser = add_browser(cine)
    browser.SetSelectedItemNumber(2)
    shown = browser.GetProxyNode(cine)
    before = node_ids(cine.GetScene()), voxels_of(shown).copy(), shown.GetMTime(), browser.GetMTime()
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        assert browser.GetSelectedItemNumber() == 2
        assert (shown.GetMTime(), browser.GetMTime()) == before[2:]
        assert node_ids(cine.GetScene()) == before[0]
        seen.append((done, total))

    upscale_sequence(cine, 2, method="bicubic", progress=watch)
    assert seen == [(n, 12) for n in range(1, 13)]
    assert browser.GetSelectedItemNumber() == 2
    assert np.array_equal(voxels_of(shown), before[1])


def test_cancel_and_errors_leave_no_node(cine: slicer.vtkMRMLSequenceNode) -> None:
    browser = add_browser(cine)
    before = node_ids(cine.GetScene())
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) > 6)
        return asked[-1]

    with pytest.raises(Cancelled):
        upscale_sequence(cine, 2, method="bicubic", cancelled=cancelled)
    voxels_of(items_of(cine)[3])[0, 0, 0] = np.nan
    with pytest.raises(VolumeError, match="NaN"):
        upscale_sequence(cine, 2, method="bicubic")
    assert node_ids(cine.GetScene()) == before
    assert browser.GetNumberOfSynchronizedSequenceNodes() == 0


def test_items_may_be_computed_elsewhere_and_a_removed_cine_ends_the_run(cine: slicer.vtkMRMLSequenceNode) -> None:
    scene, said, runs = cine.GetScene(), [], []

    def run(compute: Callable) -> Enlarged:
        runs.append(compute())
        return runs[-1]

    output = upscale_sequence(cine, 2, method="bicubic", announce=said.append, run=run)
    assert (len(runs), said) == (4, ["bicubic x2"])
    assert np.array_equal(voxels_of(items_of(output)[2]), runs[2].image)
    before = node_ids(scene) - {cine.GetID()}

    def removes(compute: Callable) -> NDArray:
        if cine.GetScene() is not None:
            scene.RemoveNode(cine)
        return compute()

    with pytest.raises(Cancelled, match="was removed"):
        upscale_sequence(cine, 2, method="bicubic", run=removes)
    assert node_ids(scene) == before


def test_names_are_unique_and_text_indices_kept(scene: slicer.vtkMRMLScene, phases: list[NDArray]) -> None:
    sequence = new_sequence("views", "state", "")
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.TextIndex)
    for name, voxels in zip(("rest", "stress"), phases, strict=False):
        add_item(sequence, voxels, MATRIX, name)
    scene.AddNode(sequence)
    first, second = (upscale_sequence(sequence, 2, method="bicubic") for _ in range(2))
    assert first.GetName() != second.GetName()
    assert first.GetIndexTypeAsString() == "text"
    assert [second.GetNthIndexValue(n) for n in range(2)] == ["rest", "stress"]


def test_a_blank_phase_is_taken_and_a_blank_cine_refused(scene: slicer.vtkMRMLScene, phases: list[NDArray]) -> None:
    sequence = new_sequence("cine", "TriggerTime", "ms")
    add_item(sequence, np.full_like(phases[0], 7), MATRIX, "0")
    scene.AddNode(sequence)
    with pytest.raises(VolumeError, match="constant"):
        upscale_sequence(sequence, 2, method="bicubic")
    add_item(sequence, phases[1], MATRIX, "40")
    output = upscale_sequence(sequence, 2)
    assert_allclose(voxels_of(items_of(output)[0]), 7, atol=0.05 * np.ptp(phases[1]))


def test_what_is_no_cine_of_volumes_is_refused(scene: slicer.vtkMRMLScene, make_node: Callable) -> None:
    models = scene.AddNode(new_sequence("models", "time", "s"))
    models.SetDataNodeAtValue(slicer.vtkMRMLModelNode(), "0")
    empty = scene.AddNode(new_sequence("none", "time", "s"))
    volume = make_node(np.zeros((2, 3, 4), np.int16))
    for source, reason in (
        (models, "one of volumes"),
        (empty, "is empty"),
        (volume, "is no cine"),
        (None, "is no cine"),
    ):
        with pytest.raises(VolumeError, match=reason):
            upscale_sequence(source, 2, method="bicubic")
    assert sequence_of(volume) is None


def flicker(cine: list[NDArray]) -> float:
    """Relative variation of a region's mean over the phases."""
    means = np.array([phase.mean() for phase in cine])
    return float(np.ptp(means) / means.mean())


def test_the_network_adds_no_flicker_to_a_static_region(scene: slicer.vtkMRMLScene, heart_slices: NDArray) -> None:
    """The right of the image brightens from phase to phase, its left does not; a margin between them is not judged."""
    phases = [heart_slices[:1, 16:48, 4:60].astype(np.float32) for _ in range(4)]
    for n, voxels in enumerate(phases):
        voxels[:, :, 36:] *= 1 + 0.3 * n
    sequence = new_sequence("cine", "TriggerTime", "ms")
    for n, voxels in enumerate(phases):
        add_item(sequence, voxels, MATRIX, str(n))
    scene.AddNode(sequence)
    for keep in (True, False):
        whole = upscale_sequence(sequence, 2, keep_measured=keep, precision="float32")
        after = [voxels_of(item)[:, 4:60, 4:40] for item in items_of(whole)]
        assert flicker(after) <= flicker([voxels[:, 2:30, 2:20] for voxels in phases]) + 1e-3
    # A map of its own for each phase; a band that is kept would hide what that does to the mean.
    how = {"keep_measured": False, "precision": "float32"}
    alone = [upscale_slices(voxels, 2, **how)[:, 4:60, 4:40] for voxels in phases]
    assert flicker(alone) > 2 * flicker(after)


def test_the_network_adds_no_flicker_to_a_real_cine(data: Path, scene: slicer.vtkMRMLScene) -> None:
    """Of all bright blocks of 16 x 16 pixels the one that varies least in time, with a margin of 16 around it."""
    stack = choose_stack(contents_of(data / "cmr" / "cine_dicom" / "Se4"))
    voxels = np.stack([voxels_of(item)[0] for item in items_of(load_cine(stack))])
    rows, columns = (size // 16 for size in voxels.shape[1:])
    blocks = voxels[:, : 16 * rows, : 16 * columns].reshape(-1, rows, 16, columns, 16).mean(axis=(2, 4))
    change = np.ptp(blocks, axis=0) / blocks.mean(axis=0)
    bright = blocks.mean(axis=0) > 0.2 * np.percentile(voxels, 99.9)
    inner = np.where(bright, change, np.inf)[1:-1, 1:-1]
    row, column = (16 * (at + 1) for at in np.unravel_index(np.argmin(inner), inner.shape))
    crop = new_sequence("crop", "TriggerTime", "ms")
    for n, phase in enumerate(voxels):
        part = np.ascontiguousarray(phase[None, row - 16 : row + 32, column - 16 : column + 32])
        add_item(crop, part, MATRIX, str(40 * n))
    scene.AddNode(crop)
    before = [voxels_of(item)[:, 16:32, 16:32] for item in items_of(crop)]
    after = [voxels_of(item)[:, 32:64, 32:64] for item in items_of(upscale_sequence(crop, 2))]
    assert flicker(before) < 0.01  # static indeed
    assert flicker(after) <= flicker(before) + 1e-3


def test_a_multi_volume_becomes_a_sequence_of_its_frames(scene: slicer.vtkMRMLScene, heart_slices: NDArray) -> None:
    """Its class is an extension's; here a vector volume with its attributes, which are all that is asked of it."""
    frames = np.stack([heart_slices, 1.5 * heart_slices], axis=-1).astype(np.float32)
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "perfusion")
    slicer.util.updateVolumeFromArray(node, frames)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(MATRIX))
    for key, value in {"NumberOfFrames": "2", "FrameLabels": "10.5,52", "FrameIdentifyingDICOMTagUnits": "ms"}.items():
        node.SetAttribute(f"MultiVolume.{key}", value)
    assert is_cine(node)
    output = upscale_sequence(node, 2, method="bicubic")
    assert [output.GetNthIndexValue(n) for n in range(2)] == ["10.5", "52"]
    assert output.GetIndexUnit() == "ms"
    first, second = (voxels_of(item) for item in items_of(output))
    assert_allclose(second, 1.5 * first, rtol=1e-5, atol=1e-2)
    assert slicer.util.arrayFromVolume(shown_by_proxy(output)).shape == first.shape
    node.SetAttribute("MultiVolume.NumberOfFrames", "3")
    with pytest.raises(VolumeError, match="3 frames"):
        upscale_sequence(node, 2, method="bicubic")


def test_end_systole_is_sought_among_phases_of_one_size(scene: slicer.vtkMRMLScene, phases: list[NDArray]) -> None:
    sequence = scene.AddNode(new_sequence("cine", "TriggerTime", "ms"))
    for time, voxels in zip(TIMES, [*phases[:3], phases[3][:, 8:]], strict=True):
        add_item(sequence, voxels, MATRIX, time)
    assert heart_phases(shown_by_proxy(sequence)) == (0, 2)
