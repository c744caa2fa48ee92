"""Which of the panel's settings can be changed, and why those that cannot."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from ..scene.sequences import is_cine


def enable_settings(ui: Any, parameters: Any, busy: bool) -> None:
    """Enable what has an effect on the next run: nothing during a run, of *Bicubic* only what is not DURN's alone.

    Args:
        ui: the panel's widgets by name.
        parameters: the settings; None without a scene to keep them.
        busy: whether a run is under way, which keeps the settings that it began with.
    """
    ui.inputsCollapsibleButton.enabled = ui.advancedCollapsibleButton.enabled = not busy
    if parameters is None:
        return
    of_durn = (
        ui.qualityComboBox,
        ui.keepMeasuredCheckBox,
        ui.uncertaintyCheckBox,
        ui.deviceComboBox,
        ui.precisionComboBox,
    )
    for widget in of_durn:
        widget.enabled = parameters.method.value == "durn"
    ui.wholeCineCheckBox.enabled = is_cine(parameters.inputVolume)
    ui.wholeCineCheckBox.toolTip = (
        _("Upscale every phase of the sequence that the input volume shows, into a new sequence.")
        if ui.wholeCineCheckBox.enabled
        else _("The input volume does not belong to a sequence.")
    )
