"""Which volumes the panel chooses by itself, so that the next click does what its user expects."""

from __future__ import annotations

from typing import Any

import slicer

from ..scene.app import application_logic
from ..scene.provenance import ATTRIBUTE_PREFIX, SOURCE_REFERENCE
from ..scene.sequences import sequence_of

INPUT_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLMultiVolumeNode")  # those of the form's selector


def likely_input() -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume that Slicer has in its views, if it can be an input; else the first that can; None without any."""
    scene = slicer.mrmlScene
    active = scene.GetNodeByID(application_logic().GetSelectionNode().GetActiveVolumeID() or "")
    nodes = [active, *_scalar_volumes(scene)]
    return next((node for node in nodes if node is not None and _can_be_chosen(node)), None)


def follow_input(parameters: Any, known: slicer.vtkMRMLNode | None) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The input, None without parameters. Where it is another than the one known so far, and the output was made of
    yet another, be that deleted since, choose what was made of it last, or a new one: *Apply* would replace another
    volume's result, and a comparison would show the two as one.
    """
    volume = None if parameters is None else parameters.inputVolume
    if volume is not None and volume is not known:
        output = parameters.outputVolume
        if _is_result(output) and _source_of(output) not in _sources(volume):
            parameters.outputVolume = _last_result_of(volume)
    return volume


def _last_result_of(volume: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    volumes, sources = reversed(_scalar_volumes(volume.GetScene())), _sources(volume)
    return next((node for node in volumes if _source_of(node) in sources and _can_be_chosen(node)), None)


def _sources(volume: slicer.vtkMRMLScalarVolumeNode) -> list[slicer.vtkMRMLNode]:
    """What a result of a volume may name as its source: the volume, or the sequence that it shows a phase of."""
    return [node for node in (volume, sequence_of(volume)) if node is not None]


def _is_result(output: slicer.vtkMRMLScalarVolumeNode | None) -> bool:
    return output is not None and bool((sequence_of(output) or output).GetAttribute(f"{ATTRIBUTE_PREFIX}Method"))


def _source_of(output: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLNode | None:
    return (sequence_of(output) or output).GetNodeReference(SOURCE_REFERENCE)


def _scalar_volumes(scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLScalarVolumeNode]:
    name = INPUT_CLASSES[0]  # and what is derived from it
    return [scene.GetNthNodeByClass(n, name) for n in range(scene.GetNumberOfNodesByClass(name))]


def _can_be_chosen(node: slicer.vtkMRMLNode) -> bool:
    return node.GetClassName() in INPUT_CLASSES and not node.GetHideFromEditors()
