"""What the scene says of an output's trust: the input's domain and resolution, and how close the output stays to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.geometry import slice_axis, slices_first, voxel_spacing
from ..core.network.domain import refusal_of, warnings_of
from ..core.network.models import model_for
from ..core.signal.spectrum import Resolution, resolution_of
from ..core.upscaling import Upscaling
from .nodes import VolumeError, ijk_to_ras_of
from .provenance import ATTRIBUTE_PREFIX

DICOM_PREFIX = "DICOM."
STATED = ("Modality", "ImageType", "ScanningSequence")  # attributes of a node, by DICOM keyword with the prefix
INSIDE, ZERO_FILLED = "inside", "zero-filled"

logger = logging.getLogger(__name__)


def examine(
    node: slicer.vtkMRMLNode,
    items: Sequence[NDArray],
    axis: int,
    ijk_to_ras: NDArray[np.float64],
    how: Upscaling,
) -> dict[str, str]:
    """Hold an input against the domain of its model.

    Args:
        node: the volume or sequence; what its attributes ``DICOM.Modality``, ``DICOM.ImageType`` and
            ``DICOM.ScanningSequence`` say is believed.
        items: slices ``(n, rows, columns)`` of the volume, or of each phase.
        axis, ijk_to_ras: the axis across the slices, and the matrix.
        how: the options; only ``durn`` has a domain, and with ``any_image`` nothing is refused.

    Returns:
        Entries for :func:`~.provenance.record`: the resolution, and what is outside the domain.

    Raises:
        VolumeError: a phase image, a mask or a label map.
    """
    stated = {name: value for name in STATED if (value := node.GetAttribute(DICOM_PREFIX + name))}
    refusal = "" if how.any_image else refusal_of(items, stated)
    if refusal:
        raise VolumeError(f"{node.GetName()} {refusal}")
    resolution = resolution_of(items, _pixel_mm(ijk_to_ras, axis))
    entries = {"Resolution": f"{resolution} ({ZERO_FILLED})" if resolution.interpolated else str(resolution)}
    if how.is_durn:
        matrix = items[0].shape[2], items[0].shape[1]
        found = warnings_of(model_for(how.scale), items, resolution.pixel_mm, matrix, stated)
        entries["Domain"] = "; ".join(found) or INSIDE
    return entries


def tell(notes: Mapping[str, str]) -> None:
    """Log what :func:`examine` found, once the run has gone well: a run that fails says one thing only."""
    if ZERO_FILLED in notes["Resolution"]:
        logger.info("%s", notes["Resolution"])
    if notes.get("Domain", INSIDE) != INSIDE:
        logger.warning("outside the model's domain: %s", notes["Domain"])


def in_words(output: slicer.vtkMRMLNode) -> str:
    """What was found of a volume's or sequence's run; empty for one that was not upscaled."""
    found = output.GetAttribute(f"{ATTRIBUTE_PREFIX}Consistency")
    domain = output.GetAttribute(f"{ATTRIBUTE_PREFIX}Domain") or INSIDE
    outside = "" if domain == INSIDE else f" Outside the model's domain: {domain}."
    return f"Consistency: {found}.{outside}" if found else ""


def resolution_of_node(node: slicer.vtkMRMLNode) -> Resolution:
    """Resolution of a volume or of the volumes of a sequence, across their widest spaced axis."""
    count = node.GetNumberOfDataNodes() if node.IsA("vtkMRMLSequenceNode") else 0
    volumes = [node.GetNthDataNode(n) for n in range(count)] or [node]
    matrix = ijk_to_ras_of(volumes[0])
    axis = slice_axis(matrix)
    slices = [slices_first(slicer.util.arrayFromVolume(volume), axis) for volume in volumes]
    return resolution_of(slices, _pixel_mm(matrix, axis))


def _pixel_mm(ijk_to_ras: NDArray[np.float64], axis: int) -> tuple[float, float]:
    """Distance of pixel centres between the columns and between the rows of slices across ``axis``."""
    spacing = voxel_spacing(ijk_to_ras)
    first, second = (float(spacing[n]) for n in range(3) if n != axis)
    return first, second
