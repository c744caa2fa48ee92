"""What the panel tells of a result's trustworthiness: consistency, domain, uncertainty map."""

from __future__ import annotations

from typing import Any

import slicer

from desktop.standin import Desktop, choose
from DURNSuperResLib.scene.sequences import sequence_of


def test_the_panel_says_how_far_the_result_can_be_trusted(panel: Any, desktop: Desktop) -> None:
    panel.ui.applyButton.click()
    text = panel.ui.trustLabel.text
    output = panel._parameterNode.outputVolume
    assert text.startswith(f"Consistency: {output.GetAttribute('DURNSuperRes.Consistency')}.")
    assert "Outside the model's domain: pixels of 1.40 mm are finer" in text
    desktop.app.pumped.append(panel._cancelRequested.set)
    panel.ui.applyButton.click()
    assert panel.ui.trustLabel.text == ""


def test_the_uncertainty_lies_over_the_result_and_not_over_the_original(panel: Any, small_sax: Any) -> None:
    panel._parameterNode.inputVolume = small_sax
    panel.ui.uncertaintyCheckBox.click()
    panel.ui.bestQualityCheckBox.click()
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetAttribute("DURNSuperRes.BestQuality") == "true"
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
    choose(panel.ui.methodComboBox, "Bicubic")
    assert not panel.ui.uncertaintyCheckBox.enabled
    assert not panel.ui.bestQualityCheckBox.enabled
    panel.ui.applyButton.click()
    output = panel._parameterNode.outputVolume
    assert output.GetNodeReference("DURNSuperRes.Uncertainty") is None
    assert not desktop.errors


def test_what_was_measured_is_kept_unless_the_box_is_cleared(panel: Any, desktop: Desktop) -> None:
    assert panel.ui.keepMeasuredCheckBox.checked
    for kept in (True, False):
        panel.ui.applyButton.click()
        output = panel._parameterNode.outputVolume
        assert (output.GetAttribute("DURNSuperRes.KeepMeasured") == "true") is kept
        assert (float(output.GetAttribute("DURNSuperRes.ConsistencyPercent")) <= 0.001) is kept
        panel.ui.keepMeasuredCheckBox.click()
    assert not desktop.errors


def test_a_cine_shows_the_uncertainty_of_its_phase(panel: Any, cine: slicer.vtkMRMLScalarVolumeNode) -> None:
    panel._parameterNode.inputVolume = cine
    panel.ui.uncertaintyCheckBox.click()
    panel.ui.applyButton.click()
    assert panel.ui.trustLabel.text.startswith("Consistency: what was measured is kept")
    panel.ui.sideBySideButton.click()
    after = panel.comparePanel.comparison._logics()[1].GetSliceCompositeNode()
    shown = slicer.mrmlScene.GetNodeByID(after.GetForegroundVolumeID())
    assert sequence_of(shown).GetName().endswith("uncertainty")
