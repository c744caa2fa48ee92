"""Volumes that a comparison shows and nobody else should see: a difference, and single phases of a cine.

They are hidden from selectors and not saved with the scene.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from .nodes import VolumeError, ijk_to_ras_of
from .sequences import sequence_of

GREY = "vtkMRMLColorTableNodeGrey"
WHITE_PERCENTILE = 99.8
SAMPLE = 4  # every fourth pixel along each axis is enough to tell phases apart


def hidden_volume(like: slicer.vtkMRMLScalarVolumeNode, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """A new hidden volume without voxels, with the display and parent transform of another."""
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(name)
    volume.SetHideFromEditors(True)
    volume.SetSaveWithScene(False)
    like.GetScene().AddNode(volume)
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().CopyContent(like.GetDisplayNode())
    volume.GetDisplayNode().SetSaveWithScene(False)
    volume.SetAndObserveTransformNodeID(like.GetTransformNodeID())
    return volume


def difference(
    before: slicer.vtkMRMLScalarVolumeNode, after: slicer.vtkMRMLScalarVolumeNode
) -> slicer.vtkMRMLScalarVolumeNode:
    """A hidden volume of ``after`` less ``before``: medium grey where both are equal, brighter where ``after`` is."""
    volume = hidden_volume(after, f"{after.GetName()} less original")
    update_difference(volume, before, after)
    display = volume.GetDisplayNode()
    display.SetAndObserveColorNodeID(GREY)
    display.SetApplyThreshold(False)
    display.SetAutoWindowLevel(False)
    top = float(np.percentile(np.abs(slicer.util.arrayFromVolume(volume)), WHITE_PERCENTILE)) or 1.0
    display.SetWindowLevel(2 * top, 0.0)
    return volume


def update_difference(
    volume: slicer.vtkMRMLScalarVolumeNode,
    before: slicer.vtkMRMLScalarVolumeNode,
    after: slicer.vtkMRMLScalarVolumeNode,
) -> None:
    """Set the voxels of :func:`difference` anew, after one of the two volumes has changed."""
    smooth = _on_the_grid_of(after, before)
    image = vtk.vtkImageData()
    image.DeepCopy(smooth)
    volume.SetAndObserveImageData(image)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras_of(after)))
    values = slicer.util.arrayFromVolume(volume)
    values[:] = slicer.util.arrayFromVolume(after) - values
    slicer.util.arrayFromVolumeModified(volume)


def _on_the_grid_of(target: slicer.vtkMRMLVolumeNode, source: slicer.vtkMRMLVolumeNode) -> vtk.vtkImageData:
    """A volume's voxels as float32, interpolated cubically at the voxel centres of another."""
    matrix = np.linalg.inv(ijk_to_ras_of(source)) @ ijk_to_ras_of(target)
    transform = vtk.vtkTransform()
    transform.SetMatrix(slicer.util.vtkMatrixFromArray(matrix))
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(source.GetImageData())
    reslice.SetResliceTransform(transform)
    reslice.SetOutputExtent(target.GetImageData().GetExtent())
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetInterpolationModeToCubic()
    reslice.SetOutputScalarType(vtk.VTK_FLOAT)
    reslice.Update()
    return reslice.GetOutput()


def still(volume: slicer.vtkMRMLScalarVolumeNode, phase: int) -> slicer.vtkMRMLScalarVolumeNode:
    """A hidden volume that holds one phase, from 0, of the cine that a volume shows; it shares the cine's voxels."""
    item = _cine_of(volume).GetNthDataNode(phase)
    node = hidden_volume(volume, f"{volume.GetName()} phase {phase + 1}")
    node.SetAndObserveImageData(item.GetImageData())
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras_of(item)))
    return node


def phase_count(volume: slicer.vtkMRMLScalarVolumeNode | None) -> int:
    """How many phases the cine has that a volume shows; 0 if it shows none."""
    sequence = sequence_of(volume)
    return 0 if sequence is None else sequence.GetNumberOfDataNodes()


def heart_phases(volume: slicer.vtkMRMLScalarVolumeNode) -> tuple[int, int]:
    """End-diastole and end-systole of the cine that a volume shows, as far as the images tell: the first phase, which
    is end-diastole where the ECG's R wave triggers, and the one of its size that differs most from it.
    """
    sequence = _cine_of(volume)
    phases = (sequence.GetNthDataNode(n) for n in range(sequence.GetNumberOfDataNodes()))
    images = [slicer.util.arrayFromVolume(node)[:, ::SAMPLE, ::SAMPLE].astype(np.float32) for node in phases]
    first = images[0]
    return 0, int(np.argmax([np.abs(image - first).mean() if image.shape == first.shape else 0.0 for image in images]))


def _cine_of(volume: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSequenceNode:
    sequence = sequence_of(volume)
    if sequence is None:
        raise VolumeError(f"{volume.GetName()} shows no cine")
    return sequence
