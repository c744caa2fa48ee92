"""What the scene says of an output's trust: the input's domain and resolution, and how close the output stays to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.geometry import slices_first, voxel_spacing
from ..core.network.domain import refusal_of, unlike, warnings_of
from ..core.network.models import model_for
from ..core.signal.measured import Measured, Resolution, Statement
from ..core.signal.padding import Padding, padding_of
from ..core.upscaling import Upscaling
from .dicom.acquired import KEYWORDS, statement_of
from .nodes import VolumeError, axis_across, ijk_to_ras_of
from .provenance import ATTRIBUTE_PREFIX
from .uncertainty import WITHDRAWN

DICOM_PREFIX = "DICOM."
STATED = ("Modality", "ImageType", "ScanningSequence", *KEYWORDS)  # attributes of a node, by keyword with the prefix
INSIDE = "inside"
THIRD = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """An input, held against the domain of its model.

    Attributes:
        how: the options as they suit this image.
        measured: what the scanner measured of its slices.
        padding: the value that stands for no image, in all phases of a cine; None if there is none.
        entries: for :func:`~.provenance.record`: the resolution, and what is outside the domain.
    """

    how: Upscaling
    measured: Measured
    padding: Padding | None
    entries: Mapping[str, str]


def examine(
    node: slicer.vtkMRMLNode,
    items: Sequence[NDArray],
    axis: int,
    ijk_to_ras: NDArray[np.float64],
    how: Upscaling,
) -> Examined:
    """Find out what was measured of an input, and hold it against the domain of its model.

    Only of magnitude MR is the measured band kept; all others are taken as they are stored.

    Args:
        node: the volume or sequence; what its attributes ``DICOM.Modality`` and the like say, by keyword, is believed
            (``STATED``), of its acquisition as far as the spectrum bears it out.
        items: slices ``(n, rows, columns)`` of the volume, or of each phase.
        axis, ijk_to_ras: the axis across the slices, and the matrix.
        how: the options; only ``durn`` has a domain, and with ``any_image`` nothing is refused.

    Raises:
        VolumeError: a phase image, a mask or a label map; more lines measured than pixels stored, by the options.
    """
    stated = _stated_by(node)
    refusal = refusal_of(items, stated)
    if refusal and not how.any_image:
        raise VolumeError(f"{node.GetName()} {refusal}")
    if refusal or stated.get("Modality", "MR") != "MR":
        how = replace(how, keep_measured=False, acquired="full")
    try:
        resolution = _resolution(items, axis, ijk_to_ras, stated, how.acquired)
    except ValueError as error:
        raise VolumeError(f"{node.GetName()}: {error}") from error
    measured = resolution.measured
    entries = {"Resolution": str(resolution)}
    if resolution.interpolated:
        entries["Measured"] = f"{measured.rows.lines}x{measured.columns.lines}"
        entries["MeasuredFrom"] = resolution.source
    if how.is_durn:
        lines = measured.columns.lines, measured.rows.lines
        card = model_for(how.scale, how.model)
        found = warnings_of(card, items, resolution.effective_mm, lines, stated)
        entries["Domain"] = "; ".join(found) or INSIDE
        if foreign := ([f"the image {refusal}"] if refusal else unlike(items, stated)):
            entries[WITHDRAWN], how = "; ".join(foreign), replace(how, uncertainty=False)
    return Examined(how, measured, padding_of(items), entries)


def tell(notes: Mapping[str, str]) -> None:
    """Log what :func:`examine` found, once the run has gone well: a run that fails says one thing only."""
    if "Measured" in notes:
        logger.info("%s", notes["Resolution"])
    if notes.get("Domain", INSIDE) != INSIDE:
        logger.warning("outside the model's domain: %s", notes["Domain"])
    if "Within" in notes:
        logger.info("%s", notes["Within"])
    if WITHDRAWN in notes:
        logger.info("no error bars: %s", notes[WITHDRAWN])


def in_words(output: slicer.vtkMRMLNode) -> str:
    """What was found of a volume's or sequence's run; empty for one that was not upscaled."""
    found = output.GetAttribute(f"{ATTRIBUTE_PREFIX}Consistency")
    domain = output.GetAttribute(f"{ATTRIBUTE_PREFIX}Domain") or INSIDE
    outside = "" if domain == INSIDE else f" Outside the model's domain: {domain}."
    within = output.GetAttribute(f"{ATTRIBUTE_PREFIX}Within")
    bars = f" {within}." if within else ""
    return f"Consistency: {found}.{bars}{outside}" if found else ""


def measured_in_words(output: slicer.vtkMRMLNode) -> str:
    """What was measured of a run's input, and how much of it was kept."""
    resolution, kept = (output.GetAttribute(ATTRIBUTE_PREFIX + name) for name in ("Resolution", "ConsistencyPercent"))
    return f"{resolution}; what was measured is kept to within {float(kept):.2f} %" if resolution and kept else ""


def resolution_of_node(node: slicer.vtkMRMLNode) -> Resolution:
    """Resolution of a volume or of the volumes of a sequence, across their widest spaced axis."""
    count = node.GetNumberOfDataNodes() if node.IsA("vtkMRMLSequenceNode") else 0
    volumes = [node.GetNthDataNode(n) for n in range(count)] or [node]
    matrix = ijk_to_ras_of(volumes[0])
    axis = axis_across(volumes[0])
    slices = [slices_first(slicer.util.arrayFromVolume(volume), axis) for volume in volumes]
    return _resolution(slices, axis, matrix, _stated_by(node), "auto")


def _stated_by(node: slicer.vtkMRMLNode) -> dict[str, str]:
    return {name: value for name in STATED if (value := node.GetAttribute(DICOM_PREFIX + name))}


def _resolution(
    items: Sequence[NDArray], axis: int, ijk_to_ras: NDArray[np.float64], stated: Mapping[str, str], acquired: str
) -> Resolution:
    """Of slices across ``axis``; a header speaks of those across the third axis."""
    statement = statement_of(stated, *items[0].shape[1:]) if axis == THIRD else Statement()
    padding = padding_of(items)
    images = items if padding is None else [padding.filled(item) for item in items]
    return Resolution(_pixel_mm(ijk_to_ras, axis), Measured.of(images, acquired, statement))


def _pixel_mm(ijk_to_ras: NDArray[np.float64], axis: int) -> tuple[float, float]:
    """Distance of pixel centres between the columns and between the rows of slices across ``axis``."""
    spacing = voxel_spacing(ijk_to_ras)
    first, second = (float(spacing[n]) for n in range(3) if n != axis)
    return first, second
