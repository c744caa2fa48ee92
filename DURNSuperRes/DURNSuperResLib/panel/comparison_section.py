"""The Compare section of the module's panel: buttons, check boxes and blinking around one :class:`Comparison`."""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from ..scene.comparison import ONE_VIEW, SIDE_BY_SIDE, Comparison, register_layouts
from ..scene.sequences import uncertainty_shown_with

BLINK_MILLISECONDS = 500


def layout_node() -> slicer.vtkMRMLLayoutNode | None:
    """The application's layout node; None without a main window."""
    manager = slicer.app.layoutManager()
    return None if manager is None else manager.layoutLogic().GetLayoutNode()


class ComparePanel:
    """Shows and leaves comparisons as the panel's widgets ask.

    Args:
        ui: the panel's widgets by name.
    """

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self.comparison: Comparison | None = None
        self._parameters: Any = None
        self._timer = qt.QTimer()
        self._timer.setInterval(BLINK_MILLISECONDS)
        self._timer.connect("timeout()", self.blink)
        ui.sideBySideButton.connect("clicked(bool)", lambda *_: self.show(SIDE_BY_SIDE))
        ui.oneViewButton.connect("clicked(bool)", lambda *_: self.show(ONE_VIEW))
        ui.closeComparisonButton.connect("clicked(bool)", lambda *_: self.close())
        ui.fitButton.connect("clicked(bool)", lambda *_: self._fit())
        ui.fadeSlider.connect("valueChanged(int)", self._on_fade)
        ui.blinkButton.connect("toggled(bool)", self._on_blink)
        if layout_node() is not None:
            register_layouts(layout_node())

    def update(self, parameters: Any) -> None:
        """Follow the parameter node: what can be compared, and how; None when there is none."""
        self._parameters = parameters
        if parameters is None:
            return
        if self.comparison is None and layout_node() is not None:
            self._take(Comparison.resume(layout_node()))
        if self.comparison is not None and not self.comparison.intact:
            self.close()
        if self.comparison is not None:
            self.comparison.set_linked(parameters.linkViews)
            self.comparison.set_matched(parameters.matchWindowLevel)
            self.comparison.set_smooth(parameters.smoothOriginal)
            uncertainty = uncertainty_shown_with(self.comparison.after) if parameters.showUncertainty else None
            self.comparison.set_overlay(uncertainty)
        self._enable(self._hindrance())

    def show(self, layout: int) -> None:
        """Compare input and output in ``layout``."""
        with slicer.util.tryWithErrorDisplay(_("The volumes cannot be compared.")):
            before, after = self._parameters.inputVolume, self._parameters.outputVolume
            comparison = self.comparison
            if comparison is None or (comparison.before, comparison.after) != (before, after):
                self.close()
                comparison = Comparison(before, after, layout_node())
            comparison.show(layout, settle=slicer.app.processEvents)
            self.ui.fadeSlider.value = self.ui.fadeSlider.maximum
            self._take(comparison)
            self.update(self._parameters)

    def close(self) -> None:
        """Leave the comparison, if there is one; the layout from before comes back."""
        self._timer.stop()
        if self.comparison is not None:
            self.comparison.close()

    def blink(self) -> None:
        """From one volume to the other."""
        slider = self.ui.fadeSlider
        slider.value = 0 if slider.value > slider.maximum / 2 else slider.maximum

    def _fit(self) -> None:
        if self.comparison is not None:
            self.comparison.fit()

    def _take(self, comparison: Comparison | None) -> None:
        self.comparison = comparison
        if comparison is not None:
            comparison.on_end = self._on_end
            self._label_views()

    def _on_end(self) -> None:
        self.comparison = None
        self._enable(self._hindrance())

    def _hindrance(self) -> str:
        if layout_node() is None:
            return _("There are no views without a main window.")
        if self._parameters is None or not self._parameters.inputVolume or not self._parameters.outputVolume:
            return _("Choose an input and an output volume, or press Apply first.")
        return ""

    def _enable(self, hindrance: str) -> None:
        ui = self.ui
        for button, text in (
            (ui.sideBySideButton, _("Show original and result in two linked views.")),
            (ui.oneViewButton, _("Show original and result in one view, to fade or blink between them.")),
        ):
            button.enabled, button.toolTip = not hindrance, hindrance or text
        layout = None if self.comparison is None else self.comparison.layout
        ui.closeComparisonButton.enabled = ui.fitButton.enabled = layout is not None
        ui.fadeSlider.enabled = ui.blinkButton.enabled = layout == ONE_VIEW
        if layout != ONE_VIEW:
            ui.blinkButton.checked = False

    def _label_views(self) -> None:
        """Name and spacing at the upper edge of each view, where Slicer writes no annotation of its own."""
        for name, text in self.comparison.labels().items() if self.comparison else ():
            view = slicer.app.layoutManager().sliceWidget(name).sliceView()
            view.cornerAnnotation().SetText(vtk.vtkCornerAnnotation.UpperEdge, text)
            view.scheduleRender()

    def _on_fade(self, value: int) -> None:
        if self.comparison is not None and self.comparison.layout == ONE_VIEW:
            self.comparison.set_fade(value / self.ui.fadeSlider.maximum)
            self._label_views()

    def _on_blink(self, checked: bool) -> None:
        if checked:
            self._timer.start()
        else:
            self._timer.stop()
