"""Upscaling a volume node: geometry, scalar type, display, transform, place in the subject hierarchy, provenance."""

from __future__ import annotations

import re
from typing import Any

import slicer

from ..core.geometry import slices_first, upscaled_ijk_to_ras
from ..core.monitor import Announce, Cancelled, IsCancelled, Monitor, Progress
from ..core.signal.consistency import ConsistencyMeter
from ..core.upscaling import Upscaling
from .nodes import VolumeError, axis_across, checked_voxels, ijk_to_ras_of, tell_axis
from .provenance import ATTRIBUTE_PREFIX, dress, record
from .trust import examine, tell
from .uncertainty import give_uncertainty, summed_up, uncertainty_of
from .voxels import Run, computed, consistency_of

SCALAR_VOLUME = "vtkMRMLScalarVolumeNode"


def upscale_volume(
    input_node: slicer.vtkMRMLScalarVolumeNode,
    output_node: slicer.vtkMRMLScalarVolumeNode | None = None,
    scale: int = 2,
    *,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
    run: Run | None = None,
    **options: Any,
) -> slicer.vtkMRMLScalarVolumeNode:
    """:func:`enlarge_volume` by keywords: ``scale`` and ``options`` are those of :class:`~..core.upscaling.Upscaling`;
    ``progress``, ``cancelled`` and ``announce`` those of :class:`~..core.monitor.Monitor`.
    """
    monitor = Monitor(progress, cancelled, announce)
    return enlarge_volume(input_node, output_node, Upscaling(scale=scale, **options), monitor, run)


def enlarge_volume(
    input_node: slicer.vtkMRMLScalarVolumeNode,
    output_node: slicer.vtkMRMLScalarVolumeNode | None,
    how: Upscaling,
    monitor: Monitor,
    run: Run | None = None,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Enlarge the slices of a volume in their plane; the field of view in RAS stays the same.

    The scene is touched only when all slices are done: an error or a cancel adds no node and changes none.

    Args:
        input_node: a grey-level volume; it is not changed.
        output_node: receives the result; a new node in the input's scene if None.
        how: the options.
        monitor: told of the slices that are done, asked whether to stop.
        run: where to compute, such as :meth:`~..worker.Worker.run`; here and now if None. What it is given works on a
            copy of the voxels and touches neither nodes nor views, so it may run on another thread while this one
            lets events through.

    Returns:
        The output node, with :func:`~.uncertainty.uncertainty_of` it beside it where that was asked for. Its attributes
        ``DURNSuperRes.Consistency...``, ``.Resolution`` and ``.Domain`` say how well it reproduces the input, and what
        of the input is outside the model's domain.

    Raises:
        VolumeError: no image, a mask, a label map, a phase image, colour or vector voxels, NaN or infinite voxels, a
            constant image; an input or output in no scene, an output that is the input or is for other voxels.
        ValueError, ModelError, DeviceError: as :func:`~..core.engine.enlarge`.
        Cancelled: as ``enlarge``, or a node was removed from the scene while ``run`` was busy.
    """
    voxels, ijk_to_ras = checked_voxels(input_node), ijk_to_ras_of(input_node)
    _check_nodes(input_node, output_node)
    axis = axis_across(input_node, how.slice_axis)
    found = examine(input_node, [slices_first(voxels, axis)], axis, ijk_to_ras, how)
    meter = ConsistencyMeter()
    result = computed(voxels, axis, found, meter, monitor, run)
    _check_still_there(input_node, output_node)
    name = f"{input_node.GetName()} {how.label}"
    if output_node is None:
        output_node = _new_output(input_node, name)
    else:
        _name_anew(output_node, name)
    dress(output_node, input_node)  # first, or a display node of its own would look through all voxels for a window
    slicer.util.updateVolumeFromArray(output_node, result.image)
    output_node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(upscaled_ijk_to_ras(ijk_to_ras, how.scale, axis)))
    entries = {**found.entries} | consistency_of(meter) | summed_up(result.errors, how.uncertainty_level, found.entries)
    record(output_node, input_node, found.how, entries)
    give_uncertainty(output_node, result.half_width)
    tell(entries)
    tell_axis(input_node, axis, how.slice_axis)
    return output_node


def _check_nodes(
    input_node: slicer.vtkMRMLScalarVolumeNode, output_node: slicer.vtkMRMLScalarVolumeNode | None
) -> None:
    if output_node is not None and output_node is input_node:
        raise VolumeError("the output volume must not be the input volume, which stays as it is")
    if output_node is not None and output_node.GetClassName() != SCALAR_VOLUME:
        raise VolumeError(f"{output_node.GetName()} cannot hold the result: it is no plain scalar volume")
    for node in (input_node, output_node):
        if node is not None and node.GetScene() is None:
            raise VolumeError(f"{node.GetName()} is in no scene; add it to one first")


def _check_still_there(*nodes: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    for node in nodes:
        if node is not None and node.GetScene() is None:
            raise Cancelled(f"{node.GetName()} was removed from the scene during the run")


def _new_output(input_node: slicer.vtkMRMLScalarVolumeNode, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    scene = input_node.GetScene()
    return scene.AddNewNodeByClass(SCALAR_VOLUME, scene.GenerateUniqueName(name))


def _name_anew(output_node: slicer.vtkMRMLScalarVolumeNode, name: str) -> None:
    """Rename an output, and its uncertainty, where an earlier run has named it for another input, method or scale."""
    known, source = output_node.GetName() or "", output_node.GetAttribute(f"{ATTRIBUTE_PREFIX}SourceName") or ""
    named_by_run = re.fullmatch(rf"{re.escape(source)} \S+ x\d(_\d+)?", known)
    if named_by_run and not re.fullmatch(rf"{re.escape(name)}(_\d+)?", known):
        uncertainty = uncertainty_of(output_node)
        output_node.SetName(output_node.GetScene().GenerateUniqueName(name))
        if uncertainty is not None:
            uncertainty.SetName(uncertainty.GetName().replace(known, output_node.GetName()))
