"""The error bars of an output: the map of their half-widths beside it, and what they come to in one line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.network.error_bars import Errors
from .nodes import ijk_to_ras_of

UNCERTAINTY_REFERENCE = "DURNSuperRes.Uncertainty"
WITHDRAWN = "NoErrorBars"  # entry of the provenance: why an image has none
HEAT = "vtkMRMLColorTableNodeIron"
WHITE_PERCENTILE, CLEAR_SHARE = 99.5, 0.15


def give_uncertainty(output: slicer.vtkMRMLScalarVolumeNode, half_width: NDArray[np.float32] | None) -> None:
    """Add the uncertainty as a volume beside the output and refer to it; without one, end an earlier reference."""
    if half_width is None:
        output.RemoveNodeReferenceIDs(UNCERTAINTY_REFERENCE)
        return
    volume = uncertainty_of(output)
    if volume is None:
        scene = output.GetScene()
        name = scene.GenerateUniqueName(f"{output.GetName()} uncertainty")
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(volume, half_width)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras_of(output)))
    volume.SetAndObserveTransformNodeID(output.GetTransformNodeID())
    colour(volume)
    refer(output, volume)


def summed_up(errors: Errors | None, level: float, found: Mapping[str, str]) -> dict[str, str]:
    """What the error bars of a run come to, as entries for :func:`~.provenance.record`; none if ``found``, entries as
    well, withdraws them.
    """
    within = None if errors is None or WITHDRAWN in found else errors.within
    if within is None:
        return {}
    figures = {"Level": level, "Body": within.body, "Rims": within.rims}
    return {"Within": str(within)} | {f"Within{name}": f"{value:.6g}" for name, value in figures.items()}


def refer(output: slicer.vtkMRMLNode, uncertainty: slicer.vtkMRMLNode) -> None:
    """Let an output know its uncertainty; volumes and sequences alike."""
    output.SetNodeReferenceID(UNCERTAINTY_REFERENCE, uncertainty.GetID())


def uncertainty_of(output: slicer.vtkMRMLNode) -> slicer.vtkMRMLNode | None:
    """The volume or sequence of an output's uncertainty: the half-width of each voxel's error bar, in the output's
    units. None if none was made.
    """
    return output.GetNodeReference(UNCERTAINTY_REFERENCE)


def colour(volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Show an uncertainty from black (none) over red to white (the upper half per cent)."""
    if volume is None:
        return
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.SetAndObserveColorNodeID(HEAT)
    top = float(np.percentile(slicer.util.arrayFromVolume(volume), WHITE_PERCENTILE)) or 1.0
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(top, top / 2)
    display.SetThreshold(CLEAR_SHARE * top, 1e3 * top)  # laid over an image it hides only what is uncertain
    display.SetApplyThreshold(True)
