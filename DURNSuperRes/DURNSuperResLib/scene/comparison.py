"""Before and after in views of their own: linked, equally windowed, and gone again without a trace.

Layouts are added to Slicer's: both volumes side by side, with their difference, in one view to fade or blink between,
and two phases of a cine. Their views belong to no other layout, so the user's own views keep what they show. What must
be put back later (layout, display interpolation) and what is compared is kept in the first view, which is saved with
the scene.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import slicer
import vtk

from .app import application_logic
from .aside import difference, heart_phases, phase_count, still, update_difference
from .layouts import (
    AFTER,
    AFTER_LATER,
    BEFORE,
    BEFORE_LATER,
    BLINK,
    DIFFERENCE,
    ONE_VIEW,
    SIDE_BY_SIDE,
    TWO_PHASES,
    VIEWS,
    register_layouts,
)
from .nodes import VolumeError
from .sequences import sequence_of
from .views import check_overlap, describe, face_slices, follow

OVERLAY_OPACITY = 0.6
_LAYOUT, _INTERPOLATE = "DURNSuperRes.PreviousLayout", "DURNSuperRes.PreviousInterpolate"
_COMPARED = ("DURNSuperRes.Before", "DURNSuperRes.After")  # node references
_FALLBACK_LAYOUT = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView


class Comparison:
    """One comparison of two volumes that cover the same field of view, from showing it to leaving it.

    Args:
        before: the original; decides plane, field of view, window and level.
        after: the upscaled volume.
        layout_node: the application's.
    """

    def __init__(
        self,
        before: slicer.vtkMRMLScalarVolumeNode,
        after: slicer.vtkMRMLScalarVolumeNode,
        layout_node: slicer.vtkMRMLLayoutNode,
    ) -> None:
        self.before, self.after = before, after
        self.phases: tuple[int, int] | None = None
        self._layout_node = layout_node
        self.on_end: Callable[[], None] = lambda: None
        self._matched, self._smooth = True, True
        self._shown: dict[str, slicer.vtkMRMLScalarVolumeNode] = {}
        self._aside: list[slicer.vtkMRMLScalarVolumeNode] = []
        self._observed: list[tuple[vtk.vtkObject, int]] = []
        self._drags = False
        register_layouts(layout_node)

    @classmethod
    def resume(cls, layout_node: slicer.vtkMRMLLayoutNode) -> Comparison | None:
        """The comparison that layout and views show, as after opening a saved scene; None if there is none."""
        layout = layout_node.GetViewArrangement()
        lead = _logic(VIEWS[layout][0]) if layout in VIEWS else None
        if lead is None:
            return None
        before, after = (lead.GetSliceNode().GetNodeReference(role) for role in _COMPARED)
        if before is None or after is None:
            return None
        comparison = cls(before, after, layout_node)
        comparison._fill_views()
        comparison.set_linked(True)
        comparison._observe()
        comparison._drag_for_window(True)
        return comparison

    @property
    def layout(self) -> int | None:
        """The layout on show, one of ``VIEWS``; None once the user or :meth:`close` left it."""
        arrangement = self._layout_node.GetViewArrangement()
        return arrangement if arrangement in VIEWS else None

    @property
    def intact(self) -> bool:
        """Whether both volumes are still in the scene."""
        return all(node.GetScene() is not None and node.GetDisplayNode() for node in (self.before, self.after))

    @property
    def phase_count(self) -> int:
        """How many phases both volumes can show; 0 unless both show cines of equal length."""
        count = phase_count(self.before)
        return count if count == phase_count(self.after) else 0

    def show(
        self,
        layout: int = SIDE_BY_SIDE,
        settle: Callable[[], None] = lambda: None,
        phases: tuple[int, int] | None = None,
    ) -> None:
        """Show the volumes, slices facing the viewer, at the middle slice and fitted to the view.

        Args:
            layout: one of ``VIEWS``.
            settle: called once the layout is set, so that views find their size before the fit.
            phases: the two, from 0, that ``TWO_PHASES`` shows; by default end-diastole and end-systole, as far as the
                images tell.

        Raises:
            VolumeError: volumes that share no region of space, ``TWO_PHASES`` of what is no cine.
        """
        check_overlap(self.before, self.after)
        if layout == TWO_PHASES and self.phase_count < 2:
            raise VolumeError("two phases need an original and a result that are cines of the same length")
        self._unobserve()
        for volume in (self.before, self.after):
            volume.CreateDefaultDisplayNodes()  # a script may have made it without
        previous = self._kept(_LAYOUT) or str(self._layout_node.GetViewArrangement())
        interpolate = self._kept(_INTERPOLATE) or str(self.before.GetDisplayNode().GetInterpolate())
        self._layout_node.SetViewArrangement(layout)
        settle()
        self._keep(_LAYOUT, previous)
        self._keep(_INTERPOLATE, interpolate)
        self.phases = phases
        self._fill_views()
        self.set_linked(True)
        self.set_smooth(self._smooth)
        self.set_matched(self._matched)
        self._drag_for_window(True)
        self.fit()

    def fit(self) -> None:
        """The whole field of view in each view, on a slice of the original."""
        logics = self._logics()
        lead = logics[0].GetSliceNode()
        face_slices(lead, self.before)
        logics[0].FitSliceToBackground()
        logics[0].SnapSliceOffsetToIJK()
        for logic in logics[1:]:
            follow(lead, logic.GetSliceNode())

    def set_linked(self, linked: bool) -> None:
        """Offset, zoom and orientation of one view go to the others, also while they change."""
        for logic in self._logics():
            logic.GetSliceCompositeNode().SetLinkedControl(linked)
            logic.GetSliceCompositeNode().SetHotLinkedControl(linked)

    def set_matched(self, matched: bool) -> None:
        """Keep window and level of all volumes in step, or let each go its own way; a difference has its own."""
        self._matched = matched
        if matched:
            lead, *others = self._windowed()
            for display in others:
                self._copy_window(lead, display)
        self._observe()

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate the original on screen, as viewers do; without, its pixels show as they are."""
        self._smooth = smooth
        for view, volume in self._shown.items():
            if view in (BEFORE, BEFORE_LATER, BLINK):
                volume.GetDisplayNode().SetInterpolate(smooth)

    def set_fade(self, share: float) -> None:
        """In one view: how much of the upscaled volume covers the original, 0 to 1."""
        self._logics()[-1].GetSliceCompositeNode().SetForegroundOpacity(share)

    def set_overlay(self, volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Lay a volume, such as the uncertainty, over the upscaled one where it has a view of its own; None takes it
        away.
        """
        if self.layout in (None, ONE_VIEW, TWO_PHASES):
            return
        with _unlinked(self._layer(AFTER)) as layer:
            layer.SetForegroundVolumeID(None if volume is None else volume.GetID())
            layer.SetForegroundOpacity(OVERLAY_OPACITY)

    def labels(self) -> dict[str, str]:
        """What to write into each view, by the view's name."""
        original, result = f"Original  {min(self.before.GetSpacing()):.2f} mm", describe(self.after)
        if self.layout == ONE_VIEW:
            return {BLINK: result if self._layer(BLINK).GetForegroundOpacity() >= 0.5 else original}
        first, second = self._phase_labels()
        texts = {
            BEFORE: original + first,
            AFTER: result + first,
            DIFFERENCE: "Result less original",
            BEFORE_LATER: original + second,
            AFTER_LATER: result + second,
        }
        return {view: texts[view] for view in VIEWS.get(self.layout or 0, ())}

    def close(self) -> None:
        """Give the user's layout and display back; harmless if that has happened."""
        self._unobserve()
        self._drag_for_window(False)
        previous, interpolate = self._kept(_LAYOUT), self._kept(_INTERPOLATE)
        if interpolate is not None and self.before.GetDisplayNode() is not None:
            self.before.GetDisplayNode().SetInterpolate(int(interpolate))
        self._keep(_LAYOUT, None)
        self._keep(_INTERPOLATE, None)
        if self.layout is not None:
            self._layout_node.SetViewArrangement(int(previous or _FALLBACK_LAYOUT))
        self._put_away()
        self.on_end()

    def _fill_views(self) -> None:
        self._put_away()
        views = VIEWS[self._layout_node.GetViewArrangement()]
        if DIFFERENCE in views and self._have_voxels:
            self._aside.append(difference(self.before, self.after))
        if BEFORE_LATER in views:
            self.phases = self.phases or heart_phases(self.before)
            self._aside += [still(volume, n) for n in self.phases for volume in (self.before, self.after)]
        shown = self._aside if BEFORE_LATER in views else [self.before, self.after, *self._aside]
        self._shown = dict(zip(views, shown, strict=False))
        for view, volume in self._shown.items():
            with _unlinked(self._layer(view)) as layer:  # or a volume would go to the other views, too
                layer.SetBackgroundVolumeID(volume.GetID())
                layer.SetForegroundVolumeID(self.after.GetID() if view == BLINK else None)
                layer.SetForegroundOpacity(1.0)
        for role, volume in zip(_COMPARED, (self.before, self.after), strict=True):
            self._logics()[0].GetSliceNode().SetNodeReferenceID(role, volume.GetID())

    def _put_away(self) -> None:
        for volume in self._aside:
            if volume.GetScene() is not None:
                volume.GetScene().RemoveNode(volume.GetDisplayNode())
                volume.GetScene().RemoveNode(volume)
        self._aside, self._shown = [], {}

    def _phase_labels(self) -> tuple[str, str]:
        if self.layout != TWO_PHASES or self.phases is None:
            return "", ""
        sequence = sequence_of(self.before)
        if sequence is None:
            return "", ""
        unit = f" {sequence.GetIndexUnit()}" if sequence.GetIndexUnit() else ""
        first, second = (
            f"  phase {n + 1} ({float(sequence.GetNthIndexValue(n)):.0f}{unit})" if unit else f"  phase {n + 1}"
            for n in self.phases
        )
        return first, second

    def _windowed(self) -> list[slicer.vtkMRMLScalarVolumeDisplayNode]:
        """The displays that share window and level, the original's first."""
        volumes = [self.before, self.after]
        volumes += [volume for view, volume in self._shown.items() if volume not in volumes and view != DIFFERENCE]
        return [volume.GetDisplayNode() for volume in volumes]

    def _logics(self) -> list[slicer.vtkMRMLSliceLogic]:
        return [_logic(name) for name in VIEWS.get(self.layout or 0, ())]

    @staticmethod
    def _layer(view: str) -> slicer.vtkMRMLSliceCompositeNode:
        logic = _logic(view)
        assert logic is not None, view
        return logic.GetSliceCompositeNode()

    def _observe(self) -> None:
        self._unobserve()
        displays = self._windowed() if self._matched else []
        for source in displays:
            others = [display for display in displays if display is not source]
            self._watch(source, vtk.vtkCommand.ModifiedEvent, functools.partial(self._copy_windows, source, others))
        if DIFFERENCE in self._shown:
            for volume in (self.before, self.after):
                self._watch(volume, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, self._on_voxels)
        self._watch(self._layout_node, vtk.vtkCommand.ModifiedEvent, self._on_layout)

    def _watch(self, node: vtk.vtkObject, event: int, act: Callable[..., None]) -> None:
        self._observed.append((node, node.AddObserver(event, act)))

    def _unobserve(self) -> None:
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed = []

    def _on_layout(self, *_: object) -> None:
        if self.layout is None:  # the user chose another layout
            self.close()

    @property
    def _have_voxels(self) -> bool:
        """A scene may have been saved without its images."""
        return all(volume.GetImageData() is not None for volume in (self.before, self.after))

    def _on_voxels(self, *_: object) -> None:
        if self._have_voxels:
            update_difference(self._shown[DIFFERENCE], self.before, self.after)

    def _drag_for_window(self, wanted: bool) -> None:
        """Let the left mouse button change window and level, where it does nothing else, and no longer at the end."""
        node = application_logic().GetInteractionNode()
        if node is None:
            return
        idle, drags = node.ViewTransform, node.AdjustWindowLevel
        if wanted and node.GetCurrentInteractionMode() == idle:
            node.SetCurrentInteractionMode(drags)
            self._drags = True
        elif not wanted and self._drags:
            self._drags = False
            if node.GetCurrentInteractionMode() == drags:
                node.SetCurrentInteractionMode(idle)

    @classmethod
    def _copy_windows(cls, source: slicer.vtkMRMLScalarVolumeDisplayNode, others: list, *_: object) -> None:
        for target in others:
            cls._copy_window(source, target)

    @staticmethod
    def _copy_window(
        source: slicer.vtkMRMLScalarVolumeDisplayNode, target: slicer.vtkMRMLScalarVolumeDisplayNode
    ) -> None:
        wanted = source.GetWindow(), source.GetLevel()
        if (target.GetWindow(), target.GetLevel()) != wanted or target.GetAutoWindowLevel():
            target.SetAutoWindowLevel(False)
            target.SetWindowLevel(*wanted)

    @staticmethod
    def _kept(name: str) -> str | None:
        return next((value for node in _keepers() if (value := node.GetAttribute(name))), None)

    @staticmethod
    def _keep(name: str, value: str | None) -> None:
        for node in _keepers():
            if value is None:
                node.RemoveAttribute(name)
            else:
                node.SetAttribute(name, value)


@contextmanager
def _unlinked(layer: slicer.vtkMRMLSliceCompositeNode) -> Iterator[slicer.vtkMRMLSliceCompositeNode]:
    """Within, what is done to one view's layers stays in that view."""
    linked, hot = layer.GetLinkedControl(), layer.GetHotLinkedControl()
    layer.SetLinkedControl(False)
    layer.SetHotLinkedControl(False)
    try:
        yield layer
    finally:
        layer.SetLinkedControl(linked)
        layer.SetHotLinkedControl(hot)


def _logic(view_name: str) -> slicer.vtkMRMLSliceLogic | None:
    return application_logic().GetSliceLogicByLayoutName(view_name)


def _keepers() -> list[slicer.vtkMRMLSliceNode]:
    """The first view of each layout, as far as they exist: they remember what to put back."""
    logics = [_logic(name) for name in dict.fromkeys(views[0] for views in VIEWS.values())]
    return [logic.GetSliceNode() for logic in logics if logic is not None]
