"""The panel as a user works it: the real form, scene, logics and engine; Qt's PythonQt side is a stand-in."""

from __future__ import annotations

import gc
import importlib
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtWidgets

from desktop.mrmlwidgets import qMRMLNodeComboBox
from desktop.standin import Desktop, choose
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network.models import model_for
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.scene.app import application_logic, sequences_logic
from DURNSuperResLib.scene.layouts import ONE_VIEW, SIDE_BY_SIDE, TWO_PHASES
from DURNSuperResLib.scene.nodes import VolumeError
from DURNSuperResLib.scene.sequences import browser_of, sequence_of

LONGEST_GAP = 0.1  # s without an event let through


def node_ids(scene: slicer.vtkMRMLScene) -> set[str]:
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def test_the_first_volume_is_chosen_and_apply_is_ready(desktop: Desktop, sax: Any) -> None:
    panel = desktop.panel()
    assert isinstance(panel.ui.inputSelector._target, qMRMLNodeComboBox)
    assert panel.ui.inputSelector.currentNode() is not None
    assert panel.ui.applyButton.enabled
    assert panel.ui.applyButton.text == "Apply"
    panel.cleanup()


def test_of_several_volumes_the_one_in_the_views_is_chosen_and_never_a_mask(
    desktop: Desktop, scene: slicer.vtkMRMLScene, make_node: Any
) -> None:
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "mask")
    for name in ("first", "second"):
        make_node(np.eye(8)[None], name=name)
    selection = application_logic().GetSelectionNode()
    for active, chosen in ((None, "first"), ("mask", "first"), ("second", "second")):
        node = scene.GetFirstNodeByName(active) if active else None
        selection.SetActiveVolumeID(node and node.GetID())
        panel = desktop.panel()
        assert panel._parameterNode.inputVolume.GetName() == chosen
        assert panel.ui.inputSelector.currentText == chosen
        panel._parameterNode.inputVolume = None
        panel.cleanup()


def test_from_volume_to_side_by_side_in_three_clicks(panel: Any, desktop: Desktop, sax: Any) -> None:
    choose(panel.ui.inputSelector, "SAX")
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetName().startswith("SAX DURN x2")
    assert slicer.util.arrayFromVolume(output).shape == (6, 256, 256)
    assert panel.ui.statusLabel.text.startswith("Done in ")
    assert model_for(2).name in panel.ui.detailsLabel.text
    panel.ui.sideBySideButton.click()
    assert panel.comparePanel.comparison.layout == SIDE_BY_SIDE
    assert not desktop.errors


def test_settings_go_through_to_the_result(panel: Any) -> None:
    choose(panel.ui.scaleComboBox, "3")
    choose(panel.ui.methodComboBox, "Bicubic")
    panel.ui.keepTypeCheckBox.click()
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetAttribute("DURNSuperRes.Scale") == "3"
    assert output.GetAttribute("DURNSuperRes.Method") == "bicubic"
    assert slicer.util.arrayFromVolume(output).dtype == np.float32  # the phantom's own type
    assert panel.ui.statusLabel.text.startswith("Done in ")


def test_best_is_a_network_that_is_better_than_the_mean_of_eight_or_that_mean(
    panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = importlib.import_module("DURNSuperResLib.panel.settings")
    assert "model" not in settings.options_of(panel._parameterNode)
    choose(panel.ui.qualityComboBox, "Best (slower)")
    card = model_for(2)
    for gain, chosen in {-0.3: None, 0.05: None, 0.2: "durn-large"}.items():
        quality = {"sunnybrook bicubic": {"durn": [card.decibels + gain, 0.95]}, "command": "evaluate"}
        large = replace(card, name="durn-large-x2", details={"parameters": 10**9, "quality": quality})
        monkeypatch.setattr(settings, "available_models", lambda large=large: (card, large))
        how = settings.options_of(panel._parameterNode)
        assert how.get("model") == chosen
        assert how.get("bestQuality", False) == (chosen is None)


def test_apply_says_why_it_is_disabled(panel: Any, sax: Any) -> None:
    panel._parameterNode.outputVolume = sax
    assert not panel.ui.applyButton.enabled
    assert panel.ui.applyButton.toolTip == "Choose an output volume that is not the input volume."
    panel._parameterNode.inputVolume = None
    assert panel.ui.applyButton.toolTip == "Choose an input volume."
    assert not panel.ui.sideBySideButton.enabled
    assert "Apply" in panel.ui.sideBySideButton.toolTip


def test_apply_turns_into_cancel_and_a_cancel_leaves_nothing(panel: Any, desktop: Desktop) -> None:
    before, seen = node_ids(desktop.scene), []

    def cancel() -> None:
        seen.append((panel.ui.applyButton.text, panel.ui.progressBar._target.isVisibleTo(panel.parent.widget._target)))
        panel.ui.applyButton.click()

    desktop.app.pumped.append(cancel)
    panel.ui.applyButton.click()
    assert seen[0] == ("Cancel", True)
    assert panel.ui.applyButton.text == "Apply"
    assert panel.ui.statusLabel.text == "Cancelled; nothing was changed."
    assert panel._parameterNode.outputVolume is None
    assert node_ids(desktop.scene) == before
    assert not desktop.errors


def test_a_cancel_stops_within_one_batch(
    panel: Any, desktop: Desktop, make_node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = short_axis_phantom(2, slices=1, size=512).acquired + np.arange(12)[:, None, None]
    panel._parameterNode.inputVolume = make_node(stack)
    batches, cancelled_at = [], []
    real = Monitor.report
    monkeypatch.setattr(Monitor, "report", lambda self, *of: (batches.append(of[0]), real(self, *of)))

    def cancel_after_two() -> None:
        if batches and not cancelled_at:
            cancelled_at.append(len(batches))
            panel.ui.applyButton.click()

    desktop.app.pumped.append(cancel_after_two)
    panel.ui.applyButton.click()
    assert cancelled_at
    assert len(batches) <= cancelled_at[0] + 1 < 12


def test_a_second_run_cannot_start(panel: Any, desktop: Desktop, sax: Any) -> None:
    refused = []

    def start_another() -> None:
        with pytest.raises(RuntimeError, match="under way"):
            panel.logic.process(sax, run=panel.runner.call)
        refused.append(True)

    desktop.app.pumped.append(start_another)
    panel.ui.applyButton.click()
    assert refused
    assert panel._parameterNode.outputVolume is not None


def test_events_keep_flowing_during_a_run(panel: Any, desktop: Desktop, make_node: Any) -> None:
    """36 slices; the best of three runs counts, since another process may take the cores for a moment."""
    stack = short_axis_phantom(2, slices=1, size=256).acquired + np.arange(36)[:, None, None]
    panel._parameterNode.inputVolume = make_node(stack)
    longest = []
    for _ in range(3):
        times: list[float] = []
        desktop.app.pumped[:] = [lambda times=times: times.append(time.monotonic())]
        panel.ui.applyButton.click()
        longest.append(float(np.diff(times).max()))
        assert len(times) > 12
    assert min(longest) < LONGEST_GAP


def test_progress_shows_slices_and_time_left(panel: Any, desktop: Desktop, make_node: Any) -> None:
    panel._parameterNode.inputVolume = make_node(short_axis_phantom(2, slices=3, size=512).acquired)  # three batches
    texts = set()
    desktop.app.pumped.append(lambda: texts.add(panel.ui.statusLabel.text))
    panel.ui.applyButton.click()
    assert any("of 3 slices" in text and " left" in text for text in texts), texts
    assert not panel.ui.progressBar._target.isVisibleTo(panel.parent.widget._target)


def test_every_run_uses_the_same_thread(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    real = Monitor.check
    monkeypatch.setattr(Monitor, "check", lambda self: (threads.append(threading.current_thread()), real(self))[1])
    panel.ui.applyButton.click()
    panel.ui.applyButton.click()
    assert len(set(threads)) == 1
    assert threads[0] is not threading.main_thread()


def test_cancelled_runs_leave_no_memory_behind(panel: Any, desktop: Desktop) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    desktop.app.pumped.append(panel.runner.cancel)
    counts = []
    for _ in range(6):
        panel.ui.applyButton.click()
        gc.collect()
        counts.append(sum(array.nbytes for array in gc.get_objects() if type(array) is np.ndarray))
    assert counts[-1] <= counts[1]


def test_a_failure_is_shown_and_changes_nothing(panel: Any, desktop: Desktop, make_node: Any) -> None:
    bad = np.ones((3, 16, 16), dtype=np.float32)
    panel._parameterNode.inputVolume = make_node(bad, name="flat")
    before = node_ids(desktop.scene)
    with pytest.raises(ValueError, match="constant"):
        panel.onApplyButton()
    assert desktop.errors == [
        "The volume was not upscaled. flat is constant (every voxel is 1): there is nothing to upscale"
    ]
    assert panel.ui.statusLabel.text == "Failed; nothing was changed."
    assert node_ids(desktop.scene) == before
    assert panel.ui.applyButton.text == "Apply"


def test_a_panel_without_main_window_works_and_offers_no_views(
    scene: slicer.vtkMRMLScene, sax: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = Desktop(monkeypatch, main_window=False)
    panel = desktop.panel()
    panel._parameterNode.inputVolume = sax
    panel.ui.applyButton.click()
    assert panel._parameterNode.outputVolume is not None
    assert not panel.ui.sideBySideButton.enabled
    assert "main window" in panel.ui.sideBySideButton.toolTip
    assert desktop.module.DURNSuperResLogic.showSideBySide(sax, sax) is None
    panel.cleanup()


def test_settings_survive_saving_and_reloading_the_scene(panel: Any, desktop: Desktop, tmp_path: Path) -> None:
    choose(panel.ui.scaleComboBox, "4")
    choose(panel.ui.methodComboBox, "Bicubic")
    panel.ui.linkCheckBox.click()
    desktop.scene.SetURL(str(tmp_path / "scene.mrml"))
    assert desktop.scene.Commit()
    choose(panel.ui.scaleComboBox, "2")
    panel._parameterNode.linkViews = True
    assert desktop.scene.Import()
    assert panel.ui.scaleComboBox.currentText == "4"
    assert panel.ui.methodComboBox.currentText == "Bicubic"
    assert not panel.ui.linkCheckBox.checked


def test_the_cine_switch_is_for_sequences_only(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    assert not panel.ui.wholeCineCheckBox.enabled
    assert "sequence" in panel.ui.wholeCineCheckBox.toolTip
    panel._parameterNode.inputVolume = cine
    assert panel.ui.wholeCineCheckBox.enabled


def test_a_whole_cine_is_upscaled_and_plays_along(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = cine
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    sequence = sequence_of(output)
    assert sequence.GetNumberOfDataNodes() == 4
    browser = browser_of(sequence)
    before = slicer.util.arrayFromVolume(output).mean()
    browser.SetSelectedItemNumber(3)
    sequences_logic().UpdateProxyNodesFromSequences(browser)
    assert slicer.util.arrayFromVolume(output).mean() == pytest.approx(1.3 * before, rel=1e-3)
    panel.ui.sideBySideButton.click()
    assert panel.comparePanel.comparison.layout == SIDE_BY_SIDE
    assert slicer.modules.sequences.shown == [browser]
    assert panel.ui.playButton._target.shortcut().toString() == "Space"
    panel.ui.playButton.click()
    assert (browser.GetPlaybackActive(), panel.ui.playButton.text) == (True, "Stop")
    panel.ui.playButton.click()
    assert (browser.GetPlaybackActive(), panel.ui.playButton.text) == (False, "Play")
    for plays, text in ((True, "Stop"), (False, "Play")):  # by Slicer's own toolbar
        browser.SetPlaybackActive(plays)
        assert panel.ui.playButton.text == text


def test_a_phase_never_goes_into_the_volume_that_plays_a_result(
    panel: Any, cine: slicer.vtkMRMLScalarVolumeNode
) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = cine
    panel.ui.applyButton.click()
    playing = panel._parameterNode.outputVolume
    panel.ui.wholeCineCheckBox.click()
    panel.ui.applyButton.click()
    single = panel._parameterNode.outputVolume
    assert single is not playing
    assert sequence_of(single) is None
    assert sequence_of(playing) is not None


def test_another_input_leaves_the_result_of_the_first_alone_and_finds_it_again(
    panel: Any, desktop: Desktop, sax: Any, cine: slicer.vtkMRMLScalarVolumeNode
) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    results = {}
    for volume in (sax, cine):
        panel._parameterNode.inputVolume = volume
        assert panel._parameterNode.outputVolume is None
        assert not panel.ui.sideBySideButton.enabled
        panel.ui.applyButton.click()
        results[volume] = panel._parameterNode.outputVolume
    assert results[sax] is not results[cine]
    for volume in (sax, cine):
        panel._parameterNode.inputVolume = volume
        assert panel._parameterNode.outputVolume is results[volume]
    assert not desktop.errors


def test_another_input_leaves_a_result_alone_whose_own_input_is_gone(
    panel: Any, desktop: Desktop, sax: Any, cine: slicer.vtkMRMLScalarVolumeNode
) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = sax
    panel.ui.applyButton.click()
    result = panel._parameterNode.outputVolume
    desktop.scene.RemoveNode(sax)
    panel._parameterNode.inputVolume = cine
    assert panel._parameterNode.outputVolume is None
    assert desktop.scene.IsNodePresent(result)


def test_a_run_keeps_the_settings_that_it_began_with(panel: Any, desktop: Desktop) -> None:
    during = set()
    sections = panel.ui.inputsCollapsibleButton, panel.ui.advancedCollapsibleButton
    desktop.app.pumped.append(lambda: during.add(tuple(section.enabled for section in sections)))
    panel.ui.applyButton.click()
    assert during == {(False, False)}
    assert all(section.enabled for section in sections)


def test_two_phases_of_a_cine_stand_beside_each_other(
    panel: Any, desktop: Desktop, cine: slicer.vtkMRMLScalarVolumeNode
) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = cine
    assert not panel.ui.twoPhasesButton.enabled
    panel.ui.applyButton.click()
    panel.ui.twoPhasesButton.click()
    comparison = panel.comparePanel.comparison
    assert (comparison.layout, comparison.phases) == (TWO_PHASES, (0, 3))
    assert (panel.ui.firstPhaseSpinBox.value, panel.ui.secondPhaseSpinBox.value) == (1, 4)
    panel.ui.secondPhaseSpinBox.value = 2
    assert panel.comparePanel.comparison.phases == (0, 1)
    assert panel.ui.outputSelector._target.count() == panel.ui.inputSelector._target.count() + 1  # one is "none"
    assert not desktop.errors


def test_a_cancelled_cine_leaves_no_node(panel: Any, desktop: Desktop, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    panel._parameterNode.inputVolume = cine
    choose(panel.ui.qualityComboBox, "Best (slower)")  # a plain run may be done before the window is alive again
    before = node_ids(desktop.scene)
    desktop.app.pumped.append(panel.runner.cancel)
    panel.ui.applyButton.click()
    assert node_ids(desktop.scene) == before
    assert panel.ui.statusLabel.text == "Cancelled; nothing was changed."


def test_without_the_switch_only_the_shown_phase_is_upscaled(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = cine
    panel.ui.wholeCineCheckBox.click()
    panel.ui.applyButton.click()
    assert sequence_of(panel._parameterNode.outputVolume) is None


def test_one_view_fades_and_blinks(panel: Any) -> None:
    panel.ui.applyButton.click()
    panel.ui.oneViewButton.click()
    compare = panel.comparePanel
    layer = compare.comparison._logics()[0].GetSliceCompositeNode()
    assert compare.comparison.layout == ONE_VIEW
    assert layer.GetForegroundOpacity() == 1
    panel.ui.fadeSlider.value = 25
    assert layer.GetForegroundOpacity() == 0.25
    compare.blink()
    assert layer.GetForegroundOpacity() == 1
    panel.ui.blinkButton.click()
    assert compare._timer.active
    panel.ui.sideBySideButton.click()
    assert not compare._timer.active
    assert panel.ui.fadeRow._target.isHidden()


def test_views_are_labelled_and_the_users_layout_comes_back(panel: Any, desktop: Desktop) -> None:
    panel.ui.applyButton.click()
    layout = desktop.manager.layoutLogic().GetLayoutNode()
    before = layout.GetViewArrangement()
    panel.ui.sideBySideButton.click()
    texts = [
        desktop.manager.sliceWidget(name).sliceView().cornerAnnotation().GetText(7)
        for name in ("DURNBefore", "DURNAfter")
    ]
    assert texts == ["Original  1.40 mm", "DURN x2  0.70 mm"]
    panel.ui.closeComparisonButton.click()
    assert layout.GetViewArrangement() == before
    assert panel.comparePanel.comparison is None
    assert not panel.ui.closeComparisonButton.enabled


def test_deleting_a_compared_volume_ends_the_comparison(panel: Any, desktop: Desktop) -> None:
    panel.ui.applyButton.click()
    layout = desktop.manager.layoutLogic().GetLayoutNode()
    before = layout.GetViewArrangement()
    panel.ui.sideBySideButton.click()
    desktop.scene.RemoveNode(panel._parameterNode.outputVolume)
    panel.onParametersModified()
    assert panel.comparePanel.comparison is None
    assert layout.GetViewArrangement() == before


@pytest.mark.parametrize("width", [320, 480])
def test_the_panel_draws_at_normal_and_narrow_width(panel: Any, desktop: Desktop, width: int) -> None:
    window = panel.parent.widget._target
    window.resize(width, 640)
    window.show()
    desktop.app.processEvents()
    assert window.width() == width  # nothing in the panel forces it wider
    picture = window.grab().toImage()
    assert len({picture.pixel(x, y) for x in range(0, width, 4) for y in range(0, 600, 4)}) > 10


def test_the_everyday_part_fits_a_laptop(panel: Any, desktop: Desktop, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Of 768 lines Slicer's own bars, the module chooser and the folded data probe leave about 570 to a module."""
    panel._parameterNode.inputVolume = cine
    choose(panel.ui.methodComboBox, "Bicubic")
    panel.ui.applyButton.click()
    window = panel.parent.widget._target
    for button in (panel.ui.sideBySideButton, panel.ui.oneViewButton, panel.ui.twoPhasesButton):
        button.click()
        window.show()
        desktop.app.processEvents()
        assert window.layout().heightForWidth(400) <= 570
    panel.ui.compareOptionsCollapsibleButton.collapsed = False
    assert panel.ui.linkCheckBox._target.isVisible()


def test_a_button_that_is_disabled_says_why(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    choose(panel.ui.methodComboBox, "Bicubic")
    ui = panel.ui
    buttons = ui.sideBySideButton, ui.twoPhasesButton, ui.fitButton, ui.playButton, ui.closeComparisonButton
    assert not any(button.enabled for button in buttons)
    reasons = [button.toolTip for button in buttons]
    panel._parameterNode.inputVolume = cine
    ui.applyButton.click()
    ui.sideBySideButton.click()
    assert all(button.enabled for button in buttons)
    assert all(button.toolTip != reason for button, reason in zip(buttons, reasons, strict=True))


def test_what_bicubic_does_without_is_disabled_and_says_so(panel: Any) -> None:
    ui = panel.ui
    of_durn = ui.qualityComboBox, ui.keepMeasuredCheckBox, ui.uncertaintyCheckBox, ui.deviceComboBox
    assert all(widget.enabled for widget in of_durn)
    choose(ui.methodComboBox, "Bicubic")
    assert not any(widget.enabled for widget in of_durn)
    assert all("icubic" in widget.toolTip or "DURN" in widget.toolTip for widget in of_durn)


def test_labels_belong_to_their_controls_for_who_hears_the_panel(panel: Any) -> None:
    fields = [widget._target for widget in vars(panel.ui).values() if isinstance(widget._target, QtWidgets.QComboBox)]
    labels = [widget._target for widget in vars(panel.ui).values() if isinstance(widget._target, QtWidgets.QLabel)]
    assert len(fields) == 8
    assert {field.objectName() for field in fields} == {label.buddy().objectName() for label in labels if label.buddy()}


def test_volumes_of_different_places_are_not_compared(panel: Any, desktop: Desktop, make_node: Any) -> None:
    far = np.diag([1.0, 1.0, 1.0, 1.0])
    far[:3, 3] = 1000
    panel._parameterNode.outputVolume = make_node(np.eye(8)[None], far, name="far")
    with pytest.raises(VolumeError):
        panel.comparePanel.show(SIDE_BY_SIDE)
    assert desktop.errors[0].startswith("The volumes cannot be compared.")
    assert "share no region" in desktop.errors[0]
    assert panel.comparePanel.comparison is None


def test_every_control_says_what_it_does(panel: Any) -> None:
    kinds = (QtWidgets.QPushButton, QtWidgets.QCheckBox, QtWidgets.QComboBox, QtWidgets.QSpinBox, QtWidgets.QSlider)
    silent = [
        name for name, widget in vars(panel.ui).items() if isinstance(widget._target, kinds) and not widget.toolTip
    ]
    assert not silent
