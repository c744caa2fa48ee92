"""Stacks of a DICOM folder as nodes: a sequence for a cine, a volume for a static stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import slicer

from .app import current_scene
from .dicom.acquired import header_of
from .dicom.pixels import PixelReader
from .dicom.stacks import Stack
from .sequences import add_item, new_sequence
from .trust import DICOM_PREFIX

TIME_INDEX = ("TriggerTime", "ms")
COUNT_INDEX = ("Phase", "")


def load_cine(stack: Stack, shelf: Path | None = None) -> slicer.vtkMRMLSequenceNode:
    """A stack's phases as a new sequence of the current scene, indexed by trigger time in ms or counted from 0.

    With ``shelf``, a folder, the phases wait there and not in memory.

    Raises:
        DicomError: pixels that cannot be read; nothing is added then.
    """
    reader, words = PixelReader(stack), description_of(stack)
    sequence = new_sequence(name_of(stack), *(TIME_INDEX if stack.timed else COUNT_INDEX))
    for number, time in enumerate(stack.times):
        index_value = f"{time:g}" if not stack.timed else f"{time:.3f}"
        add_item(sequence, reader.phase(number), stack.ijk_to_ras, index_value, words, shelf)
    sequence.SetName(current_scene().GenerateUniqueName(sequence.GetName()))
    return described(current_scene().AddNode(sequence), words)


def load_static(stack: Stack) -> slicer.vtkMRMLScalarVolumeNode:
    """The only phase of a stack as a new volume of the current scene.

    Raises:
        DicomError: pixels that cannot be read; nothing is added then.
    """
    voxels = PixelReader(stack).phase(0)
    scene = current_scene()
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name_of(stack)))
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(stack.ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return described(node, description_of(stack))


def described(node: slicer.vtkMRMLNode, words: Mapping[str, str]) -> slicer.vtkMRMLNode:
    """Let a node know :func:`description_of` its stack, for its examination."""
    for name, value in words.items():
        node.SetAttribute(name, value)
    return node


def description_of(stack: Stack) -> dict[str, str]:
    """What a stack's DICOM headers say of the kind of image and of its acquisition, as attributes of a node."""
    kind, modality, sequence = stack.first.kind[:3]
    values = {"ImageType": f"\\\\{kind}" if kind else "", "Modality": modality, "ScanningSequence": sequence}
    values |= header_of(stack.first.path, stack.first.number)
    return {f"{DICOM_PREFIX}{name}": value for name, value in values.items() if value}


def name_of(stack: Stack) -> str:
    """A node's name for a stack: its series description, else its view."""
    return stack.descriptions[0] if stack.descriptions else stack.view.name
