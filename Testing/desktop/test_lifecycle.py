"""What may happen to scene, panel and Slicer while a run is under way, at any moment of it."""

from __future__ import annotations

import importlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore

from desktop.standin import Desktop, choose
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.signal.phantom import short_axis_phantom

MOMENTS = (0, 1, 2, 4)  # turns of the event loop after the run's begin


def at(desktop: Desktop, moment: int, act: Callable[[], object]) -> None:
    """Do something once, at some turn of the event loop."""
    turns = iter(range(moment + 1))
    desktop.app.pumped.append(lambda: next(turns, None) == moment and act())


def room(name: str) -> Any:
    """A module of the panel's, as the desktop of this test has it."""
    return importlib.import_module(f"DURNSuperResLib.panel.{name}")


def ids(scene: slicer.vtkMRMLScene) -> set[str]:
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice takes at least two turns of the event loop."""
    real = Monitor.report
    monkeypatch.setattr(Monitor, "report", lambda self, *of: (time.sleep(0.08), real(self, *of))[1])


@pytest.fixture
def small(panel: Any, make_node: Callable, slow: None) -> Iterator[Any]:
    """The panel with a stack of eight small slices, interpolated: quick, but with moments in between."""
    choose(panel.ui.methodComboBox, "Bicubic")
    stack = short_axis_phantom(2, slices=1, size=64).acquired + np.arange(8)[:, None, None]
    panel._parameterNode.inputVolume = make_node(stack, name="small")
    return panel


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("act", ["close the scene", "remove the input", "remove the output"])
def test_what_goes_from_the_scene_ends_the_run(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, moment: int, act: str
) -> None:
    small._parameterNode.outputVolume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "chosen")
    node = {
        "remove the input": small._parameterNode.inputVolume,
        "remove the output": small._parameterNode.outputVolume,
    }
    at(desktop, moment, lambda: scene.Clear(False) if act not in node else scene.RemoveNode(node[act]))
    small.ui.applyButton.click()
    assert small.ui.statusLabel.text == "Cancelled; nothing was changed."
    assert small.ui.applyButton.text == "Apply"
    assert not desktop.errors


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cine_that_goes_from_the_scene_ends_the_run(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, cine: slicer.vtkMRMLScalarVolumeNode, moment: int
) -> None:
    small._parameterNode.inputVolume = cine
    sequence = scene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    at(desktop, moment, lambda: scene.RemoveNode(sequence))
    small.ui.applyButton.click()
    assert small.ui.statusLabel.text == "Cancelled; nothing was changed."
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 0
    assert not desktop.errors


def test_a_cines_browser_and_volume_may_go(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, cine: slicer.vtkMRMLScalarVolumeNode
) -> None:
    small._parameterNode.inputVolume = cine
    browser = scene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode")
    at(desktop, 1, lambda: (scene.RemoveNode(browser), scene.RemoveNode(cine)))
    small.ui.applyButton.click()
    assert small._parameterNode.outputVolume is not None
    assert not desktop.errors


@pytest.mark.parametrize("moment", MOMENTS)
def test_another_module_may_be_chosen_meanwhile(small: Any, desktop: Desktop, moment: int) -> None:
    at(desktop, moment, small.exit)
    small.ui.applyButton.click()
    small.enter()
    assert small._parameterNode.outputVolume.GetName().startswith("small bicubic x2")
    assert small.ui.applyButton.text == "Apply"


def test_the_network_is_made_ready_once_when_the_window_is_idle(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = queue.SimpleQueue[str]()
    monkeypatch.setattr(room("install"), "prepare_network", lambda: prepared.put(threading.current_thread().name))
    monkeypatch.setattr(room("runner"), "IDLE_MILLISECONDS", 0)
    panel.enter()
    panel.enter()
    assert prepared.empty()  # the window is drawn first
    QtCore.QCoreApplication.processEvents()
    assert prepared.get(timeout=10).startswith("DURNSuperRes")
    QtCore.QCoreApplication.processEvents()
    assert panel.runner.call(prepared.empty)


def test_a_panel_that_has_gone_makes_nothing_ready(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[int] = []
    monkeypatch.setattr(room("install"), "prepare_network", lambda: prepared.append(1))
    monkeypatch.setattr(room("runner"), "IDLE_MILLISECONDS", 0)
    panel.enter()
    panel.cleanup()
    QtCore.QCoreApplication.processEvents()
    assert not prepared


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_panel_that_was_removed_is_not_touched_any_more(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, moment: int
) -> None:
    before = ids(scene)
    at(desktop, moment, small.cleanup)
    small.ui.applyButton.click()
    assert ids(scene) == before
    assert not small.runner.busy


@pytest.fixture
def library() -> Iterator[dict[str, Any]]:
    """The library's modules, which are the ones in use again afterwards, without any that a reload has brought."""

    def loaded() -> dict[str, Any]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "DURNSuperResLib"}

    before = loaded()
    yield before
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_reload_during_a_run_leaves_a_new_panel_that_works(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, library: dict[str, Any], moment: int
) -> None:
    """The old form's widgets are dead then, and a touch of one would raise."""
    before = ids(scene)
    at(desktop, moment, small.onReload)
    small.onApplyButton()
    assert ids(scene) == before
    assert not desktop.errors
    assert sys.modules["DURNSuperResLib.panel.runner"] is not library["DURNSuperResLib.panel.runner"]
    successor = small.successor
    successor.ui.applyButton.click()
    assert successor._parameterNode.outputVolume is not None
    successor.cleanup()


@pytest.fixture
def ending() -> Iterator[None]:
    """Qt stays told to end until its main loop runs again."""
    yield
    QtCore.QTimer.singleShot(0, QtCore.QCoreApplication.quit)
    QtCore.QCoreApplication.instance().exec()


@pytest.mark.parametrize("moment", MOMENTS)
def test_slicer_told_to_end_does_not_wait_for_the_run(
    small: Any, desktop: Desktop, scene: slicer.vtkMRMLScene, monkeypatch: pytest.MonkeyPatch, ending: None, moment: int
) -> None:
    before, told = ids(scene), []
    reports: list[float] = []
    real = Monitor.report
    monkeypatch.setattr(Monitor, "report", lambda self, *of: (reports.append(time.monotonic()), real(self, *of))[1])

    def end() -> None:
        told.append(time.monotonic())
        QtCore.QCoreApplication.exit(0)

    at(desktop, moment, end)
    small.ui.applyButton.click()
    assert sum(report > told[0] for report in reports) <= 2  # the slice under way, and what the next turn lets begin
    assert ids(scene) == before
    small.cleanup()
