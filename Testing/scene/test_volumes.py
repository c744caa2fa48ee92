"""upscale_volume: exact geometry, scalar types, display, transform, hierarchy, provenance, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import Cancelled, available_models
from DURNSuperResLib.core.geometry import upscaled_ijk_to_ras
from DURNSuperResLib.core.signal.intensity import as_type
from DURNSuperResLib.scene.nodes import VolumeError, ijk_to_ras_of, repair_non_finite
from DURNSuperResLib.scene.uncertainty import uncertainty_of
from DURNSuperResLib.scene.volumes import upscale_volume
from geometries import oblique

MakeNode = Callable[..., slicer.vtkMRMLScalarVolumeNode]


def ras_bounds(node: slicer.vtkMRMLVolumeNode) -> NDArray:
    bounds = np.zeros(6)
    node.GetRASBounds(bounds)
    return bounds


def world_ramp(size: tuple[int, int, int], ijk_to_ras: NDArray) -> NDArray[np.float64]:
    """A linear function of RAS position at each voxel centre of a ``(k, j, i)`` grid."""
    k, j, i = np.indices(size)
    ras = np.einsum("ab,bkji->akji", ijk_to_ras[:3, :3], np.stack([i, j, k])) + ijk_to_ras[:3, 3][:, None, None, None]
    return 2.0 * ras[0] - 1.5 * ras[1] + 0.7 * ras[2] + 300


@pytest.mark.parametrize("left_handed", [False, True], ids=["right-handed", "left-handed"])
@pytest.mark.parametrize("axis", [2, 1, 0], ids=["k", "j", "i"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_world_ramp_stays_where_it_is(make_node: MakeNode, scale: int, axis: int, left_handed: bool) -> None:
    spacing = np.where(np.arange(3) == axis, 9.0, 1.8)
    matrix = oblique(tuple(spacing), left_handed=left_handed)
    ijk_size = np.where(np.arange(3) == axis, 4, [33, 41, 27])
    size = tuple(int(n) for n in ijk_size[::-1])
    node = make_node(world_ramp(size, matrix), matrix)
    output = upscale_volume(node, scale=scale, method="bicubic")
    result = slicer.util.arrayFromVolume(output)
    inside = tuple(slice(None) if 2 - n == axis else slice(2 * scale, -2 * scale) for n in range(3))
    assert_allclose(result[inside], world_ramp(result.shape, ijk_to_ras_of(output))[inside], atol=1e-3)
    assert_allclose(ras_bounds(output), ras_bounds(node), atol=1e-4)


@pytest.mark.parametrize("scale", sorted({card.scale for card in available_models()}))
def test_the_network_adds_no_shift(make_node: MakeNode, scale: int) -> None:
    """A smooth blob's centre of mass in RAS is the same before and after, to a twentieth of a fine voxel."""
    _, j, i = np.indices((3, 48, 40))
    blob = 1000 * np.exp(-((i - 18.3) ** 2 + (j - 25.6) ** 2) / (2 * 4.0**2)).astype(np.float32)
    node = make_node(blob, oblique((1.4, 1.4, 8)))
    output = upscale_volume(node, scale=scale, device="cpu")

    def centre(volume: slicer.vtkMRMLScalarVolumeNode) -> NDArray:
        weights = np.clip(slicer.util.arrayFromVolume(volume), 100, None) - 100
        position = [np.average(index, weights=weights) for index in np.indices(weights.shape)[::-1]]
        return (ijk_to_ras_of(volume) @ np.append(position, 1))[:3]

    assert np.linalg.norm(centre(output) - centre(node)) < 0.05 * 1.4 / scale


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float64])
def test_keep_type_gives_back_the_input_type(make_node: MakeNode, heart_slices: NDArray, dtype: type) -> None:
    node = make_node((heart_slices / 5).astype(dtype))
    output = slicer.util.arrayFromVolume(upscale_volume(node, method="bicubic", keep_type=True))
    plain = slicer.util.arrayFromVolume(upscale_volume(node, method="bicubic"))
    assert output.dtype == dtype
    assert plain.dtype == np.float32
    top = np.iinfo(dtype).max if dtype is not np.float64 else np.inf
    assert_allclose(output, np.clip(plain, 0 if dtype in (np.uint8, np.uint16) else None, top), atol=0.5)


def test_conversion_clips_and_rounds() -> None:
    values = np.array([-3.7, 0.4, 0.6, 300.2], dtype=np.float32)
    assert as_type(values, np.dtype(np.uint8)).tolist() == [0, 0, 1, 255]


def test_display_transform_and_reference_are_the_inputs(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, heart_slices: NDArray
) -> None:
    node = make_node(heart_slices)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(700, 310)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetAndObserveTransformNodeID(transform.GetID())
    output = upscale_volume(node, method="bicubic")
    display = output.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel(), display.GetAutoWindowLevel()) == (700, 310, 0)
    assert display.GetColorNode() is node.GetDisplayNode().GetColorNode()
    assert output.GetParentTransformNode() is transform
    assert output.GetNodeReference("DURNSuperRes.Source") is node


def test_provenance_is_recorded_and_the_series_is_not_claimed(make_node: MakeNode, heart_slices: NDArray) -> None:
    node = make_node(heart_slices)
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    output = upscale_volume(node, scale=2)
    card = next(card for card in available_models() if card.scale == 2)
    assert output.GetAttribute("DURNSuperRes.Scale") == "2"
    assert output.GetAttribute("DURNSuperRes.Model") == card.name
    assert output.GetAttribute("DURNSuperRes.ModelSHA256") == card.sha256
    assert output.GetAttribute("DURNSuperRes.SourceID") == node.GetID()
    assert output.GetAttribute("DICOM.instanceUIDs") is None
    upscale_volume(node, output, method="bicubic")
    assert output.GetAttribute("DURNSuperRes.Method") == "bicubic"
    assert output.GetAttribute("DURNSuperRes.Model") is None


def test_the_output_lies_beside_the_input_in_the_hierarchy(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, heart_slices: NDArray
) -> None:
    node = make_node(heart_slices)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.CreateItem(study, node)
    output = upscale_volume(node, method="bicubic")
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(output)) == study


def test_the_input_is_not_changed(make_node: MakeNode, heart_slices: NDArray) -> None:
    matrix = oblique((1.4, 1.4, 8))
    node = make_node(heart_slices, matrix)
    upscale_volume(node)
    assert np.array_equal(slicer.util.arrayFromVolume(node), heart_slices)
    assert_allclose(ijk_to_ras_of(node), matrix, atol=1e-9)


def test_an_output_that_a_run_has_named_is_named_anew_and_another_is_not(
    make_node: MakeNode, heart_slices: NDArray
) -> None:
    node = make_node(heart_slices, name="Short axis (1)")
    output = upscale_volume(node, uncertainty=True)
    known = output.GetName()
    assert upscale_volume(node, output).GetName() == known
    upscale_volume(node, output, scale=3, uncertainty=True)
    assert output.GetName().startswith("Short axis (1) DURN x3")
    assert uncertainty_of(output).GetName() == f"{output.GetName()} uncertainty"
    other = make_node(heart_slices, name="Long axis")
    assert upscale_volume(other, output, method="bicubic").GetName().startswith("Long axis bicubic x2")
    output.SetName("for the lecture")
    assert upscale_volume(node, output, method="bicubic").GetName() == "for the lecture"


def test_a_given_output_node_is_used(make_node: MakeNode, heart_slices: NDArray) -> None:
    node, output = make_node(heart_slices), make_node(heart_slices[:1])
    assert upscale_volume(node, output, 3, method="bicubic") is output
    assert_allclose(ijk_to_ras_of(output), upscaled_ijk_to_ras(ijk_to_ras_of(node), 3))


@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_a_cancel_leaves_nothing_behind(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, heart_slices: NDArray, method: str
) -> None:
    node, output = make_node(heart_slices), make_node(heart_slices)
    before = scene.GetNumberOfNodes()
    for target in (None, output):
        with pytest.raises(Cancelled):
            upscale_volume(node, target, method=method, cancelled=lambda: True)
    assert scene.GetNumberOfNodes() == before
    assert np.array_equal(slicer.util.arrayFromVolume(output), heart_slices)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (np.ones((3, 8, 8), dtype=np.int16), "constant"),
        (np.where(np.arange(192).reshape(3, 8, 8) < 5, np.nan, 1.0), "5 of 192 voxels"),
        (np.random.default_rng(0).random((3, 8, 8, 3)), "3 values a voxel"),
    ],
    ids=["constant", "nan", "vector"],
)
def test_unusable_voxels_are_refused(scene: slicer.vtkMRMLScene, voxels: NDArray, reason: str) -> None:
    kind = "vtkMRMLVectorVolumeNode" if voxels.ndim == 4 else "vtkMRMLScalarVolumeNode"
    node = scene.AddNewNodeByClass(kind, "bad")
    slicer.util.updateVolumeFromArray(node, voxels)
    for method in ("durn", "bicubic"):
        with pytest.raises(VolumeError, match=reason):
            upscale_volume(node, method=method)


def test_a_label_map_an_empty_node_and_the_input_as_output_are_refused(
    make_node: MakeNode, scene: slicer.vtkMRMLScene, heart_slices: NDArray
) -> None:
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    slicer.util.updateVolumeFromArray(labels, (heart_slices > 500).astype(np.uint8))
    node = make_node(heart_slices)
    for bad, reason in ((labels, "label map"), (None, "no volume"), (slicer.vtkMRMLScalarVolumeNode(), "no volume")):
        with pytest.raises(VolumeError, match=reason):
            upscale_volume(bad)
    with pytest.raises(VolumeError, match="must not be the input"):
        upscale_volume(node, node)


def test_repair_sets_non_finite_voxels_to_the_smallest_finite_one(make_node: MakeNode, heart_slices: NDArray) -> None:
    voxels = heart_slices.copy()
    voxels[0, :2, :2] = (np.nan, np.inf)
    node = make_node(voxels)
    assert repair_non_finite(node) == 4
    assert slicer.util.arrayFromVolume(node)[0, 0, 1] == voxels[np.isfinite(voxels)].min()
    assert upscale_volume(node, method="bicubic") is not None


@pytest.mark.parametrize("missing", ["input", "output"])
def test_a_node_in_no_scene_is_named_before_the_work(make_node: MakeNode, heart_slices: NDArray, missing: str) -> None:
    alone = slicer.vtkMRMLScalarVolumeNode()
    alone.SetName("alone")
    slicer.util.updateVolumeFromArray(alone, heart_slices)
    there = make_node(heart_slices)
    nodes = (alone, there) if missing == "input" else (there, alone)
    told: list[str] = []
    with pytest.raises(VolumeError, match="alone is in no scene"):
        upscale_volume(*nodes, method="bicubic", announce=told.append)
    assert not told


@pytest.mark.parametrize("kind", ["LabelMap", "Vector"])
def test_an_output_for_other_voxels_is_refused(
    scene: slicer.vtkMRMLScene, make_node: MakeNode, heart_slices: NDArray, kind: str
) -> None:
    output = scene.AddNewNodeByClass(f"vtkMRML{kind}VolumeNode", "labels")
    with pytest.raises(VolumeError, match="labels cannot hold the result"):
        upscale_volume(make_node(heart_slices), output, method="bicubic")
    assert output.GetImageData() is None
