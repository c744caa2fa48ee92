"""The MRML scene to work in: the desktop's own, or one brought up from slicer-core in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import slicer
from vtkmodules.vtkCommonCore import vtkCollection, vtkOutputWindow, vtkStringOutputWindow

_application_logic: slicer.vtkSlicerApplicationLogic | None = None
_sequences_logic: slicer.vtkSlicerSequencesLogic | None = None


def current_scene() -> slicer.vtkMRMLScene:
    """The scene of the running Slicer, else ``slicer.mrmlScene`` of this process, made on the first call."""
    if getattr(slicer, "mrmlScene", None) is None:
        slicer.mrmlScene = _new_scene()
    return slicer.mrmlScene


@contextmanager
def scene_of_its_own() -> Iterator[None]:
    """Work in a new scene within: what is done has the same result whatever was done before.

    Slicer's own scene cannot be exchanged; there, what was added within is removed again.
    """
    global _application_logic
    if hasattr(slicer, "app"):
        with _nothing_left_in(slicer.mrmlScene):
            yield
        return
    before = getattr(slicer, "mrmlScene", None), _application_logic
    slicer.mrmlScene = _new_scene()
    try:
        yield
    finally:
        slicer.mrmlScene, _application_logic = before


@contextmanager
def _nothing_left_in(scene: slicer.vtkMRMLScene) -> Iterator[None]:
    before = {node.GetID() for node in _nodes_of(scene)}
    try:
        yield
    finally:
        for node in _nodes_of(scene):
            if node.GetID() not in before and scene.IsNodePresent(node):
                scene.RemoveNode(node)


def _nodes_of(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLNode]:
    return [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]


def application_logic() -> slicer.vtkSlicerApplicationLogic:
    """The application logic of the scene that :func:`current_scene` gives."""
    if hasattr(slicer, "app"):
        return slicer.app.applicationLogic()
    current_scene()
    assert _application_logic is not None
    return _application_logic


def sequences_logic() -> slicer.vtkSlicerSequencesLogic:
    """The logic that keeps proxy nodes at the item their browser selects: the desktop's, or one for our scene."""
    global _sequences_logic
    if hasattr(slicer, "app"):
        return slicer.modules.sequences.logic()
    if _sequences_logic is None or _sequences_logic.GetMRMLScene() is not current_scene():
        _sequences_logic = slicer.vtkSlicerSequencesLogic()
        _sequences_logic.SetMRMLApplicationLogic(application_logic())
        _sequences_logic.SetMRMLScene(current_scene())
    return _sequences_logic


def _new_scene() -> slicer.vtkMRMLScene:
    """A scene as the desktop's core sets it up: colour nodes, slice orientations; VTK's messages kept off stderr."""
    global _application_logic
    vtkOutputWindow.SetInstance(vtkStringOutputWindow())
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    logic.SetSliceLogics(vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    _application_logic = logic
    return scene
