"""The Compare section of the module's panel: buttons, check boxes and blinking around one :class:`Comparison`."""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from ..scene.comparison import Comparison
from ..scene.layouts import ONE_VIEW, SIDE_BY_SIDE, TWO_PHASES, WITH_DIFFERENCE, register_layouts
from ..scene.sequences import uncertainty_shown_with
from .playing import browser_playing, play_or_stop

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
        self._setting = False
        self._browser: slicer.vtkMRMLSequenceBrowserNode | None = None
        self._browser_tag = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(BLINK_MILLISECONDS)
        self._timer.connect("timeout()", self.blink)
        for button, layout in (
            (ui.sideBySideButton, SIDE_BY_SIDE),
            (ui.oneViewButton, ONE_VIEW),
            (ui.differenceButton, WITH_DIFFERENCE),
            (ui.twoPhasesButton, TWO_PHASES),
        ):
            button.connect("clicked(bool)", lambda *_, layout=layout: self.show(layout))
        ui.closeComparisonButton.connect("clicked(bool)", lambda *_: self.close())
        ui.fitButton.connect("clicked(bool)", lambda *_: self._fit())
        ui.playButton.connect("clicked(bool)", lambda *_: play_or_stop(self._playable()))
        ui.fadeSlider.connect("valueChanged(int)", self._on_fade)
        ui.blinkButton.connect("toggled(bool)", self._on_blink)
        for box in (ui.firstPhaseSpinBox, ui.secondPhaseSpinBox):
            box.connect("valueChanged(int)", self._on_phase)
        if layout_node() is not None:
            register_layouts(layout_node())

    def update(self, parameters: Any) -> None:
        """Follow the parameter node: what can be compared, and how; None when there is none."""
        self._parameters = parameters
        self._follow_browser()
        if parameters is None:
            return
        if self.comparison is None and layout_node() is not None:
            self._take(Comparison.resume(layout_node()))
        if self.comparison is not None and not self.comparison.intact:
            self.close()
        if self.comparison is not None:
            self._apply_settings(self.comparison, parameters)
        self._enable(self._hindrance())

    def show(self, layout: int, phases: tuple[int, int] | None = None) -> None:
        """Compare input and output in ``layout``, one of :data:`~..scene.layouts.VIEWS`."""
        with slicer.util.tryWithErrorDisplay(_("The volumes cannot be compared.")):
            before, after = self._parameters.inputVolume, self._parameters.outputVolume
            comparison = self.comparison
            if comparison is None or (comparison.before, comparison.after) != (before, after):
                self.close()
                comparison = Comparison(before, after, layout_node())
            comparison.show(layout, settle=slicer.app.processEvents, phases=phases)
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

    @staticmethod
    def _apply_settings(comparison: Comparison, parameters: Any) -> None:
        comparison.set_linked(parameters.linkViews)
        comparison.set_matched(parameters.matchWindowLevel)
        comparison.set_smooth(not parameters.originalAsPixels)
        comparison.set_overlay(uncertainty_shown_with(comparison.after) if parameters.showUncertainty else None)

    def _fit(self) -> None:
        if self.comparison is not None:
            self.comparison.fit()

    def _follow_browser(self) -> None:
        """Let the button say what it will do, whoever else plays or stops the cine, as Slicer's toolbar does."""
        browser = browser_playing(self._playable())
        if browser is not self._browser:
            if self._browser is not None:
                self._browser.RemoveObserver(self._browser_tag)
            if browser is not None:
                self._browser_tag = browser.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._name_play())
            self._browser = browser
        if self._parameters is not None:
            self._name_play()

    def _name_play(self) -> None:
        plays = self._browser is not None and self._browser.GetPlaybackActive()
        self.ui.playButton.text = _("Stop") if plays else _("Play")

    def _playable(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The volume whose cine the button plays: the result's, which takes its original along."""
        if self._parameters is None:
            return None
        volumes = self._parameters.outputVolume, self._parameters.inputVolume
        return next((volume for volume in volumes if browser_playing(volume) is not None), None)

    def _take(self, comparison: Comparison | None) -> None:
        self.comparison = comparison
        if comparison is not None:
            comparison.on_end = self._on_end
            self._show_phases(comparison)
            self._label_views()

    def _show_phases(self, comparison: Comparison) -> None:
        self._setting = True
        for box, n in zip(self._phase_boxes(), comparison.phases or (), strict=False):
            box.maximum = comparison.phase_count
            box.value = n + 1
        self._setting = False

    def _phase_boxes(self) -> tuple[Any, Any]:
        return self.ui.firstPhaseSpinBox, self.ui.secondPhaseSpinBox

    def _on_phase(self, _value: int) -> None:
        if not self._setting and self.comparison is not None and self.comparison.layout == TWO_PHASES:
            first, second = (box.value - 1 for box in self._phase_boxes())
            self.show(TWO_PHASES, (first, second))

    def _on_end(self) -> None:
        self.comparison = None
        self._enable(self._hindrance())

    def _hindrance(self) -> str:
        if layout_node() is None:
            return _("There are no views without a main window.")
        if self._parameters is None or not self._parameters.inputVolume or not self._parameters.outputVolume:
            return _("Choose an input and an output volume, or press Apply first.")
        return ""

    def _no_phases(self) -> str:
        volumes = self._parameters.inputVolume, self._parameters.outputVolume
        both = all(browser_playing(volume) is not None for volume in volumes)
        return "" if both else _("Input and output must be cines.")

    def _enable(self, hindrance: str) -> None:
        ui = self.ui
        for button, text, problem in (
            (ui.sideBySideButton, _("Show original and result in two linked views."), hindrance),
            (ui.oneViewButton, _("Show original and result in one view, to fade or blink between them."), hindrance),
            (
                ui.differenceButton,
                _("A third view shows what the result adds to the smooth original: grey where nothing."),
                hindrance,
            ),
            (
                ui.twoPhasesButton,
                _("End-diastole above end-systole: the first phase, and the one that differs most from it."),
                hindrance or self._no_phases(),
            ),
        ):
            button.enabled, button.toolTip = not problem, problem or text
        layout = None if self.comparison is None else self.comparison.layout
        nothing_compared = "" if layout is not None else _("Nothing is compared yet.")
        for button, text, problem in (
            (
                ui.fitButton,
                _("Fit the whole field of view and turn the views to the slices. Ctrl and wheel zoom."),
                nothing_compared,
            ),
            (ui.closeComparisonButton, _("Go back to the layout from before the comparison."), nothing_compared),
            (
                ui.playButton,
                _("Play or stop the cine, in original and result; the space bar does the same."),
                "" if self._playable() is not None else _("Neither input nor output is a cine."),
            ),
        ):
            button.enabled, button.toolTip = not problem, problem or text
        ui.fadeRow.visible = layout == ONE_VIEW
        ui.phaseRow.visible = layout == TWO_PHASES
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
