"""The stand-in desktop as fixtures; Qt draws off screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import slicer

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PySide6", reason="the stand-in desktop needs PySide6; install the test extra")

from desktop.standin import Desktop


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
def sax(make_node: Callable, heart_slices: Any) -> slicer.vtkMRMLScalarVolumeNode:
    """A phantom stack in the scene."""
    return make_node(heart_slices, name="SAX")
