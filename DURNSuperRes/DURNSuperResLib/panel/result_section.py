"""What the panel says below Apply of the chosen result, also of one that was loaded with a scene."""

from __future__ import annotations

from typing import Any

import slicer

from .words import details, summary


def show_result(ui: Any, output: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Write the summary and the details of an output into the panel; nothing shows without one."""
    ui.summaryLabel.text = "" if output is None else summary(output)
    ui.detailsLabel.text = "" if output is None else details(output)
    ui.summaryLabel.visible = bool(ui.summaryLabel.text)
    ui.detailsCollapsibleButton.visible = bool(ui.detailsLabel.text)
