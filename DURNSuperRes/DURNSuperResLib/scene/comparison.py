"""Before and after in views of their own: linked, equally windowed, and gone again without a trace.

Two layouts are added to Slicer's: both volumes side by side, and both in one view to fade or blink between. Their views
belong to no other layout, so the user's own views keep what they show. What must be put back later (layout, display
interpolation) is kept in attributes of the first view, which are saved with the scene.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import slicer
import vtk

from .app import application_logic
from .layouts import ONE_VIEW, SIDE_BY_SIDE, VIEWS, register_layouts
from .views import describe, face_slices, follow

OVERLAY_OPACITY = 0.6
_LAYOUT, _INTERPOLATE = "DURNSuperRes.PreviousLayout", "DURNSuperRes.PreviousInterpolate"
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
        self._layout_node = layout_node
        self.on_end: Callable[[], None] = lambda: None
        self._matched = True
        self._observed: list[tuple[vtk.vtkObject, int]] = []
        register_layouts(layout_node)

    @classmethod
    def resume(cls, layout_node: slicer.vtkMRMLLayoutNode) -> Comparison | None:
        """The comparison that layout and views show, as after opening a saved scene; None if there is none."""
        layout = layout_node.GetViewArrangement()
        logics = [logic for name in VIEWS.get(layout, ()) if (logic := _logic(name)) is not None]
        layers = [logic.GetSliceCompositeNode() for logic in logics]
        if not layers or len(layers) < len(VIEWS[layout]):
            return None
        shown = [layer.GetBackgroundVolumeID() for layer in layers] + [layers[0].GetForegroundVolumeID()]
        before, after = (layout_node.GetScene().GetNodeByID(node_id or "") for node_id in shown[:2])
        if before is None or after is None:
            return None
        comparison = cls(before, after, layout_node)
        comparison._observe()
        return comparison

    @property
    def layout(self) -> int | None:
        """The layout on show, ``SIDE_BY_SIDE`` or ``ONE_VIEW``; None once the user or :meth:`close` left it."""
        arrangement = self._layout_node.GetViewArrangement()
        return arrangement if arrangement in VIEWS else None

    @property
    def intact(self) -> bool:
        """Whether both volumes are still in the scene."""
        return all(node.GetScene() is not None and node.GetDisplayNode() for node in (self.before, self.after))

    def show(self, layout: int = SIDE_BY_SIDE, settle: Callable[[], None] = lambda: None) -> None:
        """Show the volumes, slices facing the viewer, at the middle slice and fitted to the view.

        Args:
            layout: ``SIDE_BY_SIDE`` or ``ONE_VIEW``.
            settle: called once the layout is set, so that views find their size before the fit.
        """
        self._unobserve()
        for volume in (self.before, self.after):
            volume.CreateDefaultDisplayNodes()  # a script may have made it without
        previous = self._kept(_LAYOUT) or str(self._layout_node.GetViewArrangement())
        interpolate = self._kept(_INTERPOLATE) or str(self.before.GetDisplayNode().GetInterpolate())
        self._layout_node.SetViewArrangement(layout)
        settle()
        self._keep(_LAYOUT, previous)
        self._keep(_INTERPOLATE, interpolate)
        self._fill_views()
        self.set_linked(True)
        self.set_smooth(False)
        self.set_matched(True)
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
        """Offset, zoom and orientation of one view go to the other, also while they change."""
        for logic in self._logics():
            logic.GetSliceCompositeNode().SetLinkedControl(linked)
            logic.GetSliceCompositeNode().SetHotLinkedControl(linked)

    def set_matched(self, matched: bool) -> None:
        """Keep window and level of both volumes in step, or let each go its own way."""
        self._matched = matched
        if matched:
            self._copy_window(self.before.GetDisplayNode(), self.after.GetDisplayNode())
        self._observe()

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate the original on screen; without, its pixels show as they are."""
        self.before.GetDisplayNode().SetInterpolate(smooth)

    def set_fade(self, share: float) -> None:
        """In one view: how much of the upscaled volume covers the original, 0 to 1."""
        self._logics()[-1].GetSliceCompositeNode().SetForegroundOpacity(share)

    def set_overlay(self, volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Side by side: lay a volume, such as the uncertainty, over the upscaled one; None takes it away."""
        if self.layout != SIDE_BY_SIDE:
            return
        layer = self._logics()[-1].GetSliceCompositeNode()
        linked, hot = layer.GetLinkedControl(), layer.GetHotLinkedControl()
        layer.SetLinkedControl(False)  # or the overlay would go to the first view, too
        layer.SetHotLinkedControl(False)
        layer.SetForegroundVolumeID(None if volume is None else volume.GetID())
        layer.SetForegroundOpacity(OVERLAY_OPACITY)
        layer.SetLinkedControl(linked)
        layer.SetHotLinkedControl(hot)

    def labels(self) -> dict[str, str]:
        """What to write into each view, by the view's name."""
        original = f"Original  {min(self.before.GetSpacing()):.2f} mm"
        if self.layout == SIDE_BY_SIDE:
            return dict(zip(VIEWS[SIDE_BY_SIDE], (original, describe(self.after)), strict=True))
        if self.layout == ONE_VIEW:
            share = self._logics()[0].GetSliceCompositeNode().GetForegroundOpacity()
            return {VIEWS[ONE_VIEW][0]: describe(self.after) if share >= 0.5 else original}
        return {}

    def close(self) -> None:
        """Give the user's layout and display back; harmless if that has happened."""
        self._unobserve()
        previous, interpolate = self._kept(_LAYOUT), self._kept(_INTERPOLATE)
        if interpolate is not None and self.before.GetDisplayNode() is not None:
            self.before.GetDisplayNode().SetInterpolate(int(interpolate))
        self._keep(_LAYOUT, None)
        self._keep(_INTERPOLATE, None)
        if self.layout is not None:
            self._layout_node.SetViewArrangement(int(previous or _FALLBACK_LAYOUT))
        self.on_end()

    def _fill_views(self) -> None:
        layers = [logic.GetSliceCompositeNode() for logic in self._logics()]
        for layer in layers:
            layer.SetLinkedControl(False)  # or the second volume would go to the first view, too
            layer.SetHotLinkedControl(False)
        layers[0].SetBackgroundVolumeID(self.before.GetID())
        if len(layers) == 1:
            layers[0].SetForegroundVolumeID(self.after.GetID())
            layers[0].SetForegroundOpacity(1.0)
        else:
            layers[1].SetBackgroundVolumeID(self.after.GetID())

    def _logics(self) -> list[slicer.vtkMRMLSliceLogic]:
        return [_logic(name) for name in VIEWS.get(self.layout or 0, ())]

    def _observe(self) -> None:
        self._unobserve()
        displays = self.before.GetDisplayNode(), self.after.GetDisplayNode()
        for source, target in (displays, displays[::-1]) if self._matched else ():
            copy = functools.partial(self._copy_window, source, target)
            self._observed.append((source, source.AddObserver(vtk.vtkCommand.ModifiedEvent, copy)))
        tag = self._layout_node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_layout)
        self._observed.append((self._layout_node, tag))

    def _unobserve(self) -> None:
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed = []

    def _on_layout(self, *_: object) -> None:
        if self.layout is None:  # the user chose another layout
            self.close()

    @staticmethod
    def _copy_window(
        source: slicer.vtkMRMLScalarVolumeDisplayNode, target: slicer.vtkMRMLScalarVolumeDisplayNode, *_: object
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


def _logic(view_name: str) -> slicer.vtkMRMLSliceLogic | None:
    return application_logic().GetSliceLogicByLayoutName(view_name)


def _keepers() -> list[slicer.vtkMRMLSliceNode]:
    """The first view of each layout, as far as they exist: they remember what to put back."""
    logics = [_logic(names[0]) for names in VIEWS.values()]
    return [logic.GetSliceNode() for logic in logics if logic is not None]
