"""What the panel tells of a result's trustworthiness, in a radiographer's words, and the uncertainty map."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import slicer

from desktop.standin import Desktop, choose
from DURNSuperResLib.scene.sequences import sequence_of


def test_the_panel_says_how_far_the_result_can_be_trusted(panel: Any, desktop: Desktop) -> None:
    assert panel.ui.summaryLabel._target.isHidden()
    panel.ui.applyButton.click()
    text, details = panel.ui.summaryLabel.text, panel.ui.detailsLabel.text
    output = panel._parameterNode.outputVolume
    within = r"90 % of the pixels are within [\d.]+ of what a finer scan would show, at rims within [\d.]+\."
    assert re.fullmatch(rf"What was measured is kept\. {within}", text)
    assert f"Error bars: {output.GetAttribute('DURNSuperRes.Within')}" in details
    assert "dB" not in text
    assert output.GetAttribute("DURNSuperRes.Consistency") in details
    assert "Model: durn-" in details
    assert panel.ui.detailsCollapsibleButton.collapsed
    panel._parameterNode.outputVolume = None
    assert panel.ui.summaryLabel.text == panel.ui.detailsLabel.text == ""
    panel._parameterNode.outputVolume = output  # as after loading a scene
    assert panel.ui.summaryLabel.text == text


@pytest.fixture
def words(desktop: Desktop) -> Any:
    return importlib.import_module("DURNSuperResLib.panel.words")


@pytest.fixture
def result(make_node: Callable, heart_slices: Any) -> slicer.vtkMRMLScalarVolumeNode:
    """A volume that says it was upscaled."""
    node = make_node(heart_slices)
    for name, value in {"ConsistencyPSNR": "39.1", "ConsistencyPercent": "10.3", "Domain": "inside"}.items():
        node.SetAttribute(f"DURNSuperRes.{name}", value)
    return node


def test_numbers_are_round(words: Any, result: slicer.vtkMRMLScalarVolumeNode) -> None:
    assert words.summary(result) == ("What was measured differs in it by 1 % of its brightness, 10 % at most.")
    assert [words.percent(share) for share in (0.0123, 0.96, 3.4, 12)] == ["0.01 %", "1 %", "3 %", "10 %"]
    times = [words.duration(seconds) for seconds in (0.2, 7.6, 89, 91, 600, 5400, 9000)]
    assert times == ["1 s", "8 s", "89 s", "2 min", "10 min", "1 h 30 min", "2 h 30 min"]


def test_what_was_kept_is_said_and_one_warning_that_matters(words: Any, result: slicer.vtkMRMLScalarVolumeNode) -> None:
    result.SetAttribute("DURNSuperRes.KeepMeasured", "true")
    found = "pixels of 5.00 mm are coarser than the 2 to 3 mm that it was trained on; the modality is CT, not MR"
    result.SetAttribute("DURNSuperRes.Domain", found)
    assert words.summary(result) == "What was measured is kept. Take care: the modality is CT, not MR."
    assert f"Domain: {found}" in words.details(result)
    assert words.summary(slicer.vtkMRMLScalarVolumeNode()) == ""


def test_an_image_without_error_bars_is_said_to_have_none(words: Any, result: slicer.vtkMRMLScalarVolumeNode) -> None:
    result.SetAttribute("DURNSuperRes.NoErrorBars", "the modality is CT, not MR")
    assert "There are no error bars for such an image." in words.summary(result)
    assert "Error bars: the modality is CT, not MR" in words.details(result)


def test_the_uncertainty_lies_over_the_result_and_not_over_the_original(panel: Any, small_sax: Any) -> None:
    panel._parameterNode.inputVolume = small_sax
    panel.ui.uncertaintyCheckBox.click()
    choose(panel.ui.qualityComboBox, "Best (slower)")
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetAttribute("DURNSuperRes.BestQuality") == "true"
    assert "of what a finer scan would show" in panel.ui.summaryLabel.text
    uncertainty = output.GetNodeReference("DURNSuperRes.Uncertainty")
    panel.ui.sideBySideButton.click()
    before, after = (logic.GetSliceCompositeNode() for logic in panel.comparePanel.comparison._logics())
    assert after.GetForegroundVolumeID() == uncertainty.GetID()
    assert 0 < after.GetForegroundOpacity() < 1
    assert before.GetForegroundVolumeID() is None
    panel.ui.showUncertaintyCheckBox.click()
    assert after.GetForegroundVolumeID() is None
    panel.ui.showUncertaintyCheckBox.click()
    panel.ui.oneViewButton.click()
    (both,) = (logic.GetSliceCompositeNode() for logic in panel.comparePanel.comparison._logics())
    assert both.GetForegroundVolumeID() == output.GetID()


def test_eight_orientations_are_for_the_network_only(panel: Any, desktop: Desktop) -> None:
    panel.ui.uncertaintyCheckBox.click()
    choose(panel.ui.qualityComboBox, "Best (slower)")
    choose(panel.ui.methodComboBox, "Bicubic")
    assert not panel.ui.uncertaintyCheckBox.enabled
    assert not panel.ui.qualityComboBox.enabled
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetNodeReference("DURNSuperRes.Uncertainty") is None
    assert panel.ui.summaryLabel.text.startswith("What was measured differs")
    assert not desktop.errors


def test_what_was_measured_is_kept_unless_the_box_is_cleared(panel: Any, desktop: Desktop) -> None:
    assert panel.ui.keepMeasuredCheckBox.checked
    for words in ("What was measured is kept.", "What was measured differs"):
        panel.ui.applyButton.click()
        output = panel._parameterNode.outputVolume
        assert (float(output.GetAttribute("DURNSuperRes.ConsistencyPercent")) <= 1e-3) is words.endswith("kept.")
        assert panel.ui.summaryLabel.text.startswith(words)
        panel.ui.keepMeasuredCheckBox.click()
    assert not desktop.errors


def test_a_cine_shows_the_uncertainty_of_its_phase(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    panel._parameterNode.inputVolume = cine
    panel.ui.uncertaintyCheckBox.click()
    panel.ui.applyButton.click()
    assert panel.ui.summaryLabel.text.startswith("What was measured is kept.")
    panel.ui.sideBySideButton.click()
    after = panel.comparePanel.comparison._logics()[1].GetSliceCompositeNode()
    shown = slicer.mrmlScene.GetNodeByID(after.GetForegroundVolumeID())
    assert sequence_of(shown).GetName().endswith("uncertainty")
