"""Which volumes the panel chooses by itself, so that the next click does what its user expects."""

from __future__ import annotations

import slicer

from ..scene.app import application_logic

INPUT_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLMultiVolumeNode")  # those of the form's selector


def likely_input() -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume that Slicer has in its views, if it can be an input; else the first that can; None without any."""
    scene = slicer.mrmlScene
    active = scene.GetNodeByID(application_logic().GetSelectionNode().GetActiveVolumeID() or "")
    nodes = [active, *_scalar_volumes(scene)]
    return next((node for node in nodes if node is not None and _can_be_chosen(node)), None)


def _scalar_volumes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLScalarVolumeNode]:
    name = INPUT_CLASSES[0]  # and what is derived from it
    return [scene.GetNthNodeByClass(n, name) for n in range(scene.GetNumberOfNodesByClass(name))]


def _can_be_chosen(node: slicer.vtkMRMLNode) -> bool:
    return node.GetClassName() in INPUT_CLASSES and not node.GetHideFromEditors()
