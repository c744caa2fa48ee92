"""Playing a cine by Slicer's own means: the toolbar of the module Sequences, and one button in the panel."""

from __future__ import annotations

import slicer

from ..scene.sequences import browser_of, sequence_of


def browser_playing(volume: slicer.vtkMRMLScalarVolumeNode | None) -> slicer.vtkMRMLSequenceBrowserNode | None:
    """The browser that plays the cine of which a volume shows a phase; None if it shows none."""
    sequence = sequence_of(volume)
    return None if sequence is None else browser_of(sequence)


def show_play_button(volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Show the browser of a volume's cine in Slicer's toolbar, as Slicer does with a sequence that it loads."""
    browser = browser_playing(volume)
    if browser is not None and slicer.app.layoutManager() is not None:
        slicer.modules.sequences.showSequenceBrowser(browser)


def play_or_stop(volume: slicer.vtkMRMLScalarVolumeNode | None) -> bool:
    """Play the cine of a volume, or stop it if it plays; whether it plays now."""
    browser = browser_playing(volume)
    if browser is None:
        return False
    browser.SetPlaybackActive(not browser.GetPlaybackActive())
    return bool(browser.GetPlaybackActive())
