"""The stand-in desktop as fixtures; Qt draws off screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import slicer

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PySide6", reason="the stand-in desktop needs PySide6; install the test extra")

from desktop.standin import Desktop
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.scene.sequences import add_item, new_sequence, shown_by_proxy


@pytest.fixture
def desktop(scene: slicer.vtkMRMLScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """The module in a stand-in desktop with a main window."""
    with_window = Desktop(monkeypatch)
    yield with_window
    with_window.close()


@pytest.fixture
def panel(desktop: Desktop, sax: slicer.vtkMRMLScalarVolumeNode) -> Iterator[Any]:
    """The module's panel, a short-axis phantom chosen as its input."""
    widget = desktop.panel()
    widget._parameterNode.inputVolume = sax
    widget._parameterNode.outputVolume = None
    yield widget
    widget.cleanup()


@pytest.fixture
def sax(make_node: Callable) -> slicer.vtkMRMLScalarVolumeNode:
    """A phantom stack in the scene, large enough that events come in between during a run."""
    return make_node(short_axis_phantom(2, slices=6, size=256).acquired, name="SAX")


@pytest.fixture
def small_sax(make_node: Any, heart_slices: np.ndarray) -> slicer.vtkMRMLScalarVolumeNode:
    """Two small slices, for eight passes each."""
    return make_node(np.ascontiguousarray(heart_slices[:2, 16:48, 16:48]), name="small")


@pytest.fixture
def cine(scene: slicer.vtkMRMLScene, heart_slices: np.ndarray) -> slicer.vtkMRMLScalarVolumeNode:
    """The volume that shows a cine of four phases."""
    sequence = new_sequence("Cine", "time", "ms")
    for phase in range(4):
        add_item(sequence, heart_slices * (1 + 0.1 * phase), np.diag([1.4, 1.4, 8.0, 1.0]), str(40 * phase))
    scene.AddNode(sequence)
    return shown_by_proxy(sequence)
