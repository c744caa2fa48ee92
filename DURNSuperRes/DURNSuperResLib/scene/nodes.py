"""What a volume node holds, checked: voxels, geometry, and what an upscaling refuses."""

from __future__ import annotations

import logging

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ..core.geometry import AXES, slice_axis

logger = logging.getLogger(__name__)


class VolumeError(ValueError):
    """A volume node that cannot be upscaled; the message says why."""


def checked_voxels(node: slicer.vtkMRMLScalarVolumeNode | None) -> NDArray:
    """View of a node's voxels ``(k, j, i)`` after checking that they can be upscaled.

    Raises:
        VolumeError: as :func:`finite_voxels`, or a constant image.
    """
    voxels = finite_voxels(node)
    if voxels.min() == voxels.max():
        assert node is not None
        value = f"every voxel is {voxels.flat[0]:g}"
        raise VolumeError(f"{node.GetName()} is constant ({value}): there is nothing to upscale")
    return voxels


def finite_voxels(node: slicer.vtkMRMLScalarVolumeNode | None) -> NDArray:
    """View of a node's voxels ``(k, j, i)``, which may be constant, as one phase of a cine may.

    Raises:
        VolumeError: no image, a label map, colour or vector voxels, NaN or infinite voxels.
    """
    if node is None or node.GetImageData() is None or min(node.GetImageData().GetDimensions()) < 1:
        raise VolumeError("no volume with voxels was given")
    name = node.GetName()
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise VolumeError(f"{name} is a label map; a grey-level volume is needed")
    components = node.GetImageData().GetNumberOfScalarComponents()
    if components != 1:
        raise VolumeError(f"{name} has {components} values a voxel (colour or vector); a grey-level volume is needed")
    voxels = slicer.util.arrayFromVolume(node)
    bad = count_non_finite(voxels)
    if bad:
        what = f"{bad} of {voxels.size} voxels are NaN or infinite"
        raise VolumeError(f"{name}: {what}; the command's --repair sets them to the smallest finite one")
    return voxels


def axis_across(node: slicer.vtkMRMLVolumeNode, choice: str = "auto") -> int:
    """The axis across a volume's slices, 0, 1 or 2 for i, j or k, as :func:`~..core.geometry.slice_axis` finds it."""
    return slice_axis(ijk_to_ras_of(node), choice, node.GetImageData().GetDimensions())


def node_size(node: slicer.vtkMRMLNode) -> tuple[int, int, int]:
    """Voxels along i, j and k of a volume, or of the first volume of a sequence."""
    volume = node.GetNthDataNode(0) if node.IsA("vtkMRMLSequenceNode") else node
    return volume.GetImageData().GetDimensions()


def tell_axis(node: slicer.vtkMRMLNode, axis: int, choice: str) -> None:
    """Log which axis was taken where that is not the one that most files have their slices along."""
    if choice == "auto" and axis != AXES.index("k") and node_size(node)[axis] > 1:
        taken = f"the slices of {node.GetName()} are taken to lie across its axis {AXES[axis]}, the widest spaced one"
        logger.warning("%s; --slice-axis k takes those of the file", taken)


def count_non_finite(voxels: NDArray) -> int:
    """How many voxels are NaN or infinite."""
    return int(voxels.size - np.count_nonzero(np.isfinite(voxels)))


def repair_non_finite(node: slicer.vtkMRMLScalarVolumeNode) -> int:
    """Set a node's NaN and infinite voxels to its smallest finite value; returns how many there were.

    Raises:
        VolumeError: not one finite voxel.
    """
    voxels = slicer.util.arrayFromVolume(node)
    finite = np.isfinite(voxels)
    bad = int(voxels.size - np.count_nonzero(finite))
    if bad == voxels.size:
        raise VolumeError(f"{node.GetName()} has no finite voxel")
    if bad:
        voxels[~finite] = voxels[finite].min()
        slicer.util.arrayFromVolumeModified(node)
    return bad


def ijk_to_ras_of(node: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """A volume's own IJK-to-RAS matrix, 4 x 4, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)
