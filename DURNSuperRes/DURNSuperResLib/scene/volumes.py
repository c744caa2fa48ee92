"""Upscaling a volume node: geometry, scalar type, display, transform, place in the subject hierarchy, provenance."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from ..core.engine import Cancelled
from ..core.geometry import slice_axis as chosen_axis
from ..core.geometry import slices_back, slices_first, upscaled_ijk_to_ras
from ..core.network.ensemble import Enlarged, enlarge
from ..core.network.models import model_for
from ..core.options import METHODS
from ..core.signal.consistency import ConsistencyMeter
from ..version import __version__

ATTRIBUTE_PREFIX = "DURNSuperRes."
SOURCE_REFERENCE = "DURNSuperRes.Source"
NOT_INHERITED = "DICOM.instanceUIDs"

Run = Callable[[Callable[[], Enlarged]], Enlarged]


class VolumeError(ValueError):
    """A volume node that cannot be upscaled; the message says why."""


def upscale_volume(
    input_node: slicer.vtkMRMLScalarVolumeNode,
    output_node: slicer.vtkMRMLScalarVolumeNode | None = None,
    scale: int = 2,
    *,
    method: str = "durn",
    device: str = "auto",
    precision: str = "auto",
    slice_axis: str = "auto",
    keep_type: bool = False,
    best_quality: bool = False,
    uncertainty: bool = False,
    data_consistency: bool = False,
    any_image: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    announce: Callable[[str], None] | None = None,
    run: Run | None = None,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Enlarge the slices of a volume in their plane; the field of view in RAS stays the same.

    The scene is touched only when all slices are done: an error or a cancel adds no node and changes none.

    Args:
        input_node: a grey-level volume; it is not changed.
        output_node: receives the result; a new node in the input's scene if None.
        scale, method, device, precision, progress, cancelled, announce: as :func:`~..core.engine.upscale_slices`.
        best_quality, uncertainty, data_consistency: as :func:`~..core.ensemble.enlarge`. The uncertainty is a second
            volume, :func:`~.trust.uncertainty_of` the output.
        any_image: take phase images, masks and label maps, too.
        slice_axis: ``auto``, ``i``, ``j`` or ``k``; ``auto`` takes the widest spaced axis if it is not k.
        keep_type: give the output the input's scalar type (clipped to its range and rounded) instead of float32.
        run: where to compute, such as :meth:`~..worker.Worker.run`; here and now if None. What it is given works on a
            copy of the voxels and touches neither nodes nor views, so it may run on another thread while this one
            lets events through.

    Returns:
        The output node. Its attributes ``DURNSuperRes.Consistency...``, ``.Resolution`` and ``.Domain`` say how well it
        reproduces the input, and what of the input is outside the model's domain.

    Raises:
        VolumeError: no image, a mask, a label map, a phase image, colour or vector voxels, NaN or infinite voxels, a
            constant image.
        ValueError, ModelError, DeviceError: as ``upscale_slices``.
        Cancelled: as ``upscale_slices``, or a node was removed from the scene while ``run`` was busy.
    """
    if output_node is not None and output_node is input_node:
        raise VolumeError("the output volume must not be the input volume, which stays as it is")
    from .trust import examine, give_uncertainty, tell  # they build on this module

    voxels = checked_voxels(input_node)
    ijk_to_ras = ijk_to_ras_of(input_node)
    axis = chosen_axis(ijk_to_ras, slice_axis)
    notes = examine(input_node, [slices_first(voxels, axis)], axis, ijk_to_ras, scale, method, any_image)
    options: dict[str, Any] = {"method": method, "device": device, "precision": precision}
    options |= {"best_quality": best_quality, "uncertainty": uncertainty, "data_consistency": data_consistency}
    options |= {"progress": progress, "cancelled": cancelled, "announce": announce}
    meter = ConsistencyMeter()
    given = voxels.copy() if run else voxels
    compute = functools.partial(enlarged_voxels, given, axis, scale, keep_type, meter, **options)
    result = run(compute) if run else compute()
    _check_still_there(input_node, output_node)
    if output_node is None:
        output_node = _new_output(input_node, f"{input_node.GetName()} {label_of(method)} x{scale}")
    dress(output_node, input_node)  # first, or a display node of its own would look through all voxels for a window
    slicer.util.updateVolumeFromArray(output_node, result.image)
    output_node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(upscaled_ijk_to_ras(ijk_to_ras, scale, axis)))
    record(output_node, input_node, scale, method, notes | measured(meter, options))
    give_uncertainty(output_node, result.spread)
    tell(notes)
    return output_node


def enlarged_voxels(
    voxels: NDArray, axis: int, scale: int, keep_type: bool, meter: ConsistencyMeter, **options: Any
) -> Enlarged:
    """:func:`~..core.ensemble.enlarge` on ``(k, j, i)`` voxels, whose consistency ``meter`` takes in; image and spread
    are such voxels again.
    """
    slices = slices_first(voxels, axis)
    result = enlarge(slices, scale, **options)
    image = as_type(result.image, voxels.dtype) if keep_type else result.image
    meter.add(image, slices, scale)
    spread = None if result.spread is None else np.ascontiguousarray(slices_back(result.spread, axis))
    return Enlarged(np.ascontiguousarray(slices_back(image, axis)), spread)


def measured(meter: ConsistencyMeter, options: dict[str, Any]) -> dict[str, str]:
    """What a run found of itself, as entries for :func:`record`."""
    found = meter.result
    figures = {"PSNR": found.psnr, "Largest": found.largest, "Percent": found.percent}
    entries = {f"Consistency{name}": f"{value:.6g}" for name, value in figures.items()}
    entries |= {"Consistency": str(found), "ConsistencyRange": f"{found.low:g} to {found.high:g}"}
    flags = {"BestQuality": "best_quality", "DataConsistency": "data_consistency"}
    return entries | {name: "true" for name, option in flags.items() if options[option]}


def _check_still_there(*nodes: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    for node in nodes:
        if node is not None and node.GetScene() is None:
            raise Cancelled(f"{node.GetName()} was removed from the scene during the run")


def label_of(method: str) -> str:
    """A method's name as people write it."""
    return dict(zip(METHODS, ("DURN", "bicubic"), strict=True))[method]


def checked_voxels(node: slicer.vtkMRMLScalarVolumeNode | None) -> NDArray:
    """View of a node's voxels ``(k, j, i)`` after checking that they can be upscaled.

    Raises:
        VolumeError: as :func:`upscale_volume`.
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
        raise VolumeError(f"{name}: {bad} of {voxels.size} voxels are NaN or infinite")
    return voxels


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


def as_type(values: NDArray[np.float32], dtype: np.dtype) -> NDArray:
    """``values`` in ``dtype``; for integers clipped to its range and rounded."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(values.astype(np.float64)) if dtype.itemsize > 2 else np.rint(values)
    return np.clip(rounded, limits.min, limits.max).astype(dtype)


def ijk_to_ras_of(node: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """A volume's own IJK-to-RAS matrix, 4 x 4, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _new_output(input_node: slicer.vtkMRMLScalarVolumeNode, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    scene = input_node.GetScene()
    return scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(name))


def dress(output: slicer.vtkMRMLScalarVolumeNode, source: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Give the output the source's display, parent transform and place in the subject hierarchy."""
    output.CreateDefaultDisplayNodes()
    if source.GetDisplayNode() is not None:
        output.GetDisplayNode().CopyContent(source.GetDisplayNode())
        output.GetDisplayNode().SetAutoWindowLevel(False)
    output.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(source.GetScene())
    item = hierarchy.GetItemByDataNode(source)
    if item == hierarchy.GetInvalidItemID():
        return
    parent, place = hierarchy.GetItemParent(item), hierarchy.GetItemByDataNode(output)
    if place == hierarchy.GetInvalidItemID():
        hierarchy.CreateItem(parent, output)
    else:
        hierarchy.SetItemParent(place, parent)


def record(
    output: slicer.vtkMRMLNode, source: slicer.vtkMRMLNode, scale: int, method: str, more: dict[str, str]
) -> None:
    """Write the provenance into the output's attributes, and a reference to its source; volumes and sequences alike.

    ``more`` are further entries, without the prefix; those of an earlier run are removed.
    """
    for name in [name for name in output.GetAttributeNames() if name.startswith(ATTRIBUTE_PREFIX)]:
        output.RemoveAttribute(name)
    entries = provenance(source, scale, method) | {ATTRIBUTE_PREFIX + name: value for name, value in more.items()}
    for name, value in entries.items():
        output.SetAttribute(name, value)
    output.RemoveAttribute(NOT_INHERITED)
    output.SetNodeReferenceID(SOURCE_REFERENCE, source.GetID())


def provenance(source: slicer.vtkMRMLNode, scale: int, method: str) -> dict[str, str]:
    """The attributes that say what an output was made of and how."""
    entries = {"Version": __version__, "Method": method, "Scale": str(scale)}
    entries |= {"SourceID": source.GetID() or "", "SourceName": source.GetName() or ""}
    if method == "durn":
        card = model_for(scale)
        entries |= {"Model": card.name, "ModelSHA256": card.sha256}
    return {ATTRIBUTE_PREFIX + name: value for name, value in entries.items()}
