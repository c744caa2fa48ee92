"""Linked views over Slicer's own layout, slice and link logics; only the widgets around them are a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from desktop.standin import Desktop
from DURNSuperResLib.scene.app import application_logic, sequences_logic
from DURNSuperResLib.scene.aside import difference, heart_phases
from DURNSuperResLib.scene.cine import load_cine
from DURNSuperResLib.scene.comparison import Comparison
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of
from DURNSuperResLib.scene.layouts import ONE_VIEW, SIDE_BY_SIDE, TWO_PHASES, VIEWS, WITH_DIFFERENCE
from DURNSuperResLib.scene.nodes import VolumeError
from DURNSuperResLib.scene.sequences import browser_of, sequence_of, shown_by_proxy, upscale_sequence
from DURNSuperResLib.scene.volumes import upscale_volume
from geometries import oblique

OBLIQUE = oblique((1.4, 1.4, 8.0))
Views = list[slicer.vtkMRMLSliceLogic]


@pytest.fixture
def comparison(desktop: Desktop, make_node: Callable, heart_slices: np.ndarray) -> Iterator[Comparison]:
    """Phantom and its bicubic enlargement in an oblique position, shown side by side."""
    before = make_node(heart_slices, OBLIQUE)
    after = upscale_volume(before, method="bicubic")
    shown = Comparison(before, after, desktop.manager.layoutLogic().GetLayoutNode())
    shown.show()
    yield shown
    shown.close()


def views(layout: int = SIDE_BY_SIDE) -> Views:
    return [application_logic().GetSliceLogicByLayoutName(name) for name in VIEWS[layout]]


def same_plane(a: slicer.vtkMRMLSliceLogic, b: slicer.vtkMRMLSliceLogic) -> bool:
    planes = [slicer.util.arrayFromVTKMatrix(logic.GetSliceNode().GetSliceToRAS()) for logic in (a, b)]
    return np.allclose(*planes, atol=1e-6)


def test_each_view_shows_its_volume_in_one_group(comparison: Comparison) -> None:
    first, second = views()
    assert first.GetSliceCompositeNode().GetBackgroundVolumeID() == comparison.before.GetID()
    assert second.GetSliceCompositeNode().GetBackgroundVolumeID() == comparison.after.GetID()
    assert first.GetSliceNode().GetViewGroup() == second.GetSliceNode().GetViewGroup() != 0
    assert same_plane(first, second)
    normal = slicer.util.arrayFromVTKMatrix(first.GetSliceNode().GetSliceToRAS())[:3, 2]
    across = OBLIQUE[:3, 2] / np.linalg.norm(OBLIQUE[:3, 2])
    assert abs(normal @ across) == pytest.approx(1, abs=1e-6)


def test_the_views_turn_to_slices_under_a_transform(desktop: Desktop, comparison: Comparison) -> None:
    turned = vtk.vtkTransform()
    turned.RotateWXYZ(40, 1, 2, 3)
    transform = desktop.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(turned.GetMatrix())
    for volume in (comparison.before, comparison.after):
        volume.SetAndObserveTransformNodeID(transform.GetID())
    comparison.fit()
    across = np.array(turned.TransformVector(*OBLIQUE[:3, 2] / np.linalg.norm(OBLIQUE[:3, 2])))
    for logic in views():
        normal = slicer.util.arrayFromVTKMatrix(logic.GetSliceNode().GetSliceToRAS())[:3, 2]
        assert abs(normal @ across) == pytest.approx(1, abs=1e-6)


def test_a_change_of_slice_in_one_view_reaches_the_other(comparison: Comparison) -> None:
    first, second = views()
    offset = first.GetSliceOffset() + 8
    first.StartSliceOffsetInteraction()
    first.SetSliceOffset(offset)
    first.EndSliceOffsetInteraction()
    assert second.GetSliceOffset() == pytest.approx(offset)
    assert same_plane(first, second)


def test_zoom_in_one_view_reaches_the_other_and_not_the_users_views(desktop: Desktop, comparison: Comparison) -> None:
    first, second = views()
    red = desktop.manager.sliceWidget("Red").sliceLogic().GetSliceNode()
    untouched = red.GetFieldOfView()
    width, height, depth = second.GetSliceNode().GetFieldOfView()
    second.StartSliceNodeInteraction(slicer.vtkMRMLSliceNode.FieldOfViewFlag)
    second.GetSliceNode().SetFieldOfView(width / 2, height / 2, depth)
    second.EndSliceNodeInteraction()
    assert first.GetSliceNode().GetFieldOfView() == pytest.approx((width / 2, height / 2, depth))
    assert red.GetFieldOfView() == untouched


def test_unlinked_views_go_their_own_way(comparison: Comparison) -> None:
    first, second = views()
    comparison.set_linked(False)
    offset = second.GetSliceOffset()
    first.StartSliceOffsetInteraction()
    first.SetSliceOffset(offset + 8)
    first.EndSliceOffsetInteraction()
    assert second.GetSliceOffset() == offset


def test_window_and_level_stay_in_step_in_both_directions(comparison: Comparison) -> None:
    displays = comparison.before.GetDisplayNode(), comparison.after.GetDisplayNode()
    for source, target in (displays, displays[::-1]):
        source.SetWindowLevel(source.GetWindow() + 50, source.GetLevel() - 20)
        assert (target.GetWindow(), target.GetLevel()) == (source.GetWindow(), source.GetLevel())
    comparison.set_matched(False)
    level = displays[1].GetLevel()
    displays[0].SetLevel(level + 99)
    assert displays[1].GetLevel() == level
    comparison.set_matched(True)
    assert displays[1].GetLevel() == level + 99


def test_the_original_is_smooth_as_in_every_viewer_unless_pixels_are_wanted(comparison: Comparison) -> None:
    display = comparison.before.GetDisplayNode()
    assert display.GetInterpolate() == 1
    comparison.set_smooth(False)
    assert display.GetInterpolate() == 0
    comparison.show(ONE_VIEW)
    assert display.GetInterpolate() == 0  # the choice outlives a change of layout


def test_the_left_button_drags_window_and_level_until_the_comparison_is_left(comparison: Comparison) -> None:
    interaction = application_logic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.AdjustWindowLevel
    comparison.close()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_third_view_shows_what_the_result_adds(desktop: Desktop, comparison: Comparison) -> None:
    comparison.show(WITH_DIFFERENCE)
    *_, third = views(WITH_DIFFERENCE)
    volume = desktop.scene.GetNodeByID(third.GetSliceCompositeNode().GetBackgroundVolumeID())
    after = slicer.util.arrayFromVolume(comparison.after)
    values = slicer.util.arrayFromVolume(volume)
    assert values.shape == after.shape
    assert np.abs(values).mean() < 0.01 * np.ptp(after)  # bicubic, cubically interpolated: almost the same
    assert third.GetSliceNode().GetViewGroup() == views(WITH_DIFFERENCE)[0].GetSliceNode().GetViewGroup()
    slicer.util.updateVolumeFromArray(comparison.after, after + 7)
    changed = slicer.util.arrayFromVolume(volume)
    assert np.median(changed) == pytest.approx(7, abs=0.5)
    display = volume.GetDisplayNode()
    assert (display.GetLevel(), display.GetWindow()) != (comparison.before.GetDisplayNode().GetLevel(), None)
    level = display.GetLevel()
    comparison.before.GetDisplayNode().SetWindowLevel(11, 22)
    assert display.GetLevel() == level == 0
    comparison.close()
    assert not desktop.scene.IsNodePresent(volume)


def test_difference_is_exact_on_a_ramp(make_node: Callable) -> None:
    """A ramp in space, sampled on two grids that cover the same field of view, in an oblique position."""
    rows, columns = np.mgrid[0:12, 0:16]
    coarse = make_node(np.tile(3.0 * columns + 5.0 * rows, (3, 1, 1)), OBLIQUE)
    fine = upscale_volume(coarse, method="bicubic")
    y, x = (np.mgrid[0:24, 0:32] + 0.5) / 2 - 0.5
    slicer.util.arrayFromVolume(fine)[:] = 3.0 * x + 5.0 * y + 2
    slicer.util.arrayFromVolumeModified(fine)
    inner = slicer.util.arrayFromVolume(difference(coarse, fine))[:, 4:-4, 4:-4]
    assert np.allclose(inner, 2, atol=1e-3)


@pytest.fixture
def beating(desktop: Desktop, cine: slicer.vtkMRMLScalarVolumeNode) -> Iterator[Comparison]:
    """A cine of four phases and its bicubic enlargement."""
    after = shown_by_proxy(upscale_sequence(cine, method="bicubic"))
    shown = Comparison(cine, after, desktop.manager.layoutLogic().GetLayoutNode())
    yield shown
    shown.close()


def test_two_phases_stand_above_each_other_each_with_its_original(desktop: Desktop, beating: Comparison) -> None:
    beating.show(TWO_PHASES)
    assert beating.phases == (0, 3)
    volumes = [
        desktop.scene.GetNodeByID(logic.GetSliceCompositeNode().GetBackgroundVolumeID()) for logic in views(TWO_PHASES)
    ]
    means = [float(slicer.util.arrayFromVolume(volume).mean()) for volume in volumes]
    assert means[2] / means[0] == pytest.approx(1.3, rel=1e-4)
    assert means[3] / means[1] == pytest.approx(1.3, rel=1e-3)
    assert list(beating.labels().values())[::2] == [
        "Original  1.40 mm  phase 1 (0 ms)",
        "Original  1.40 mm  phase 4 (120 ms)",
    ]
    volumes[3].GetDisplayNode().SetWindowLevel(77, 33)
    assert all(volume.GetDisplayNode().GetWindow() == 77 for volume in (*volumes, beating.before, beating.after))
    assert all(volume.GetHideFromEditors() and not volume.GetSaveWithScene() for volume in volumes)
    beating.show(TWO_PHASES, phases=(1, 2))
    assert not any(desktop.scene.IsNodePresent(volume) for volume in volumes)
    beating.close()
    assert desktop.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_the_difference_follows_the_cine(desktop: Desktop, beating: Comparison) -> None:
    beating.show(WITH_DIFFERENCE)
    volume = desktop.scene.GetNodeByID(views(WITH_DIFFERENCE)[2].GetSliceCompositeNode().GetBackgroundVolumeID())
    first = np.abs(slicer.util.arrayFromVolume(volume)).mean()
    browser = browser_of(sequence_of(beating.after))
    browser.SetSelectedItemNumber(3)
    sequences_logic().UpdateProxyNodesFromSequences(browser)
    assert np.abs(slicer.util.arrayFromVolume(volume)).mean() == pytest.approx(1.3 * first, rel=1e-3)


def test_what_is_no_cine_has_no_two_phases(comparison: Comparison) -> None:
    with pytest.raises(VolumeError, match="cines of the same length"):
        comparison.show(TWO_PHASES)
    assert comparison.layout == SIDE_BY_SIDE


def test_end_systole_of_a_real_cine_is_where_the_blood_pool_is_smallest(data: Path, scene: slicer.vtkMRMLScene) -> None:
    """The 25 phases of a mid-ventricular slice: bright pixels around the heart's middle are counted."""
    sequence = load_cine(choose_stack(contents_of(data / "cmr" / "cine_dicom" / "Se2")))
    first, systole = heart_phases(shown_by_proxy(sequence))
    assert first == 0
    assert 6 <= systole <= 12


def test_fit_brings_both_views_back(comparison: Comparison) -> None:
    first, second = views()
    fitted = first.GetSliceNode().GetFieldOfView()
    first.GetSliceNode().SetFieldOfView(10, 10, 1)
    comparison.fit()
    assert first.GetSliceNode().GetFieldOfView() == pytest.approx(fitted)
    assert second.GetSliceNode().GetFieldOfView() == pytest.approx(fitted)


def test_leaving_restores_layout_and_display_and_nothing_else_was_touched(
    desktop: Desktop, make_node: Callable, heart_slices: np.ndarray
) -> None:
    layout = desktop.manager.layoutLogic().GetLayoutNode()
    before = make_node(heart_slices)
    after = upscale_volume(before, method="bicubic")
    red = desktop.manager.sliceWidget("Red").sliceLogic()
    red.GetSliceCompositeNode().SetBackgroundVolumeID(before.GetID())
    user = layout.GetViewArrangement(), before.GetDisplayNode().GetInterpolate(), red.GetSliceOffset()
    shown = Comparison(before, after, layout)
    shown.show(SIDE_BY_SIDE)
    shown.show(ONE_VIEW)
    shown.set_smooth(False)
    assert before.GetDisplayNode().GetInterpolate() == 0
    shown.close()
    assert (layout.GetViewArrangement(), before.GetDisplayNode().GetInterpolate(), red.GetSliceOffset()) == user
    assert red.GetSliceCompositeNode().GetBackgroundVolumeID() == before.GetID()
    after.GetDisplayNode().SetLevel(1234)
    assert before.GetDisplayNode().GetLevel() != 1234


def test_volumes_without_display_nodes_can_be_compared(desktop: Desktop, scene: slicer.vtkMRMLScene) -> None:
    volumes = []
    for name in ("a", "b"):
        volumes.append(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name))
        slicer.util.updateVolumeFromArray(volumes[-1], np.random.default_rng(0).random((3, 16, 16)))
    shown = Comparison(*volumes, desktop.manager.layoutLogic().GetLayoutNode())
    shown.show()
    assert shown.layout == SIDE_BY_SIDE
    shown.close()


def test_choosing_another_layout_ends_the_comparison(desktop: Desktop, comparison: Comparison) -> None:
    ended = []
    comparison.on_end = lambda: ended.append(True)
    desktop.manager.layoutLogic().GetLayoutNode().SetViewArrangement(
        slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    )
    assert ended
    assert comparison.layout is None
    assert comparison.before.GetDisplayNode().GetInterpolate() == 1


def test_one_view_holds_both_volumes(comparison: Comparison) -> None:
    comparison.show(ONE_VIEW)
    layer = views(ONE_VIEW)[0].GetSliceCompositeNode()
    assert layer.GetBackgroundVolumeID() == comparison.before.GetID()
    assert layer.GetForegroundVolumeID() == comparison.after.GetID()
    assert comparison.labels() == {"DURNBlink": "bicubic x2  0.70 mm"}
    comparison.set_fade(0.0)
    assert comparison.labels() == {"DURNBlink": "Original  1.40 mm"}


@pytest.mark.parametrize("shown", [SIDE_BY_SIDE, ONE_VIEW, WITH_DIFFERENCE])
def test_a_saved_comparison_opens_again(desktop: Desktop, comparison: Comparison, tmp_path: Path, shown: int) -> None:
    comparison.show(shown)
    layout = desktop.manager.layoutLogic().GetLayoutNode()
    desktop.scene.SetURL(str(tmp_path / "scene.mrml"))
    assert desktop.scene.Commit()
    names = comparison.before.GetName(), comparison.after.GetName()
    comparison.close()
    assert Comparison.resume(layout) is None
    desktop.scene.Clear(False)
    assert desktop.scene.Import()
    resumed = Comparison.resume(layout)
    assert resumed is not None
    assert resumed.layout == shown
    assert all(logic.GetSliceCompositeNode().GetBackgroundVolumeID() for logic in views(shown)[:2])
    assert (resumed.before.GetName(), resumed.after.GetName()) == names
    resumed.before.GetDisplayNode().SetWindowLevel(77, 33)
    assert resumed.after.GetDisplayNode().GetWindow() == 77
    interaction = application_logic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.AdjustWindowLevel
    resumed.close()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert layout.GetViewArrangement() not in VIEWS
