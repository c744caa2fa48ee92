"""What the panel says below Apply of the chosen result, also of one that was loaded with a scene."""

from __future__ import annotations

from typing import Any

import slicer

from . import words


def show_result(ui: Any, output: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Write the summary and the details of an output into the panel; nothing shows without one."""
    summary, details = ("", "") if output is None else (words.summary(output), words.details(output))
    ui.summaryLabel.text, ui.detailsLabel.text = summary, details
    ui.summaryLabel.visible = bool(summary)
    ui.detailsCollapsibleButton.visible = bool(details)
