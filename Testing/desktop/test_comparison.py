"""Linked views over Slicer's own layout, slice and link logics; only the widgets around them are a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer

from desktop.standin import Desktop
from DURNSuperResLib.scene.app import application_logic
from DURNSuperResLib.scene.comparison import Comparison
from DURNSuperResLib.scene.layouts import ONE_VIEW, SIDE_BY_SIDE, VIEWS
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


def test_a_saved_comparison_opens_again(desktop: Desktop, comparison: Comparison, tmp_path: Path) -> None:
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
    assert resumed.layout == SIDE_BY_SIDE
    assert (resumed.before.GetName(), resumed.after.GetName()) == names
    resumed.before.GetDisplayNode().SetWindowLevel(77, 33)
    assert resumed.after.GetDisplayNode().GetWindow() == 77
    resumed.close()
    assert layout.GetViewArrangement() not in VIEWS
