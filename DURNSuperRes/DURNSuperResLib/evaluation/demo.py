"""The demonstration: a truth, what a scanner of lower resolution would acquire of it, and both methods' enlargements.

Without an input the truth is the analytic heart phantom, so it runs on a fresh machine with no data; with one, the
given volume is the truth and the centre of its k-space what was acquired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.geometry import AXES, slices_back, slices_first, upscaled_ijk_to_ras
from ..core.monitor import Monitor
from ..core.signal.kspace import kspace_truncate
from ..core.signal.phantom import SLICE_SPACING_MM, short_axis_phantom
from ..core.signal.quality import psnr, ssim
from ..core.upscaling import Upscaling
from ..scene.app import current_scene
from ..scene.nodes import VolumeError, axis_across, checked_voxels, ijk_to_ras_of
from ..scene.storage import OutputError, check_output, write_volume
from ..scene.views import compare_picture
from ..scene.volumes import enlarge_volume, upscale_volume

OUTPUTS = ("acquired.nrrd", "truth.nrrd", "bicubic.nrrd", "durn.nrrd")
PICTURE = "comparison.png"
SMALLEST = 16  # rows and columns of a truth worth comparing with


@dataclass(frozen=True)
class Figures:
    """Quality of one method: mean PSNR in dB and mean SSIM over the slices, peak = 99.9th percentile of the truth."""

    method: str
    psnr: float
    ssim: float


def run_demo(
    folder: Path,
    source: slicer.vtkMRMLScalarVolumeNode | None = None,
    *,
    scale: int = 2,
    device: str = "auto",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Figures]:
    """Write the truth, the acquired volume, both enlargements and a picture into ``folder``; return the figures.

    Raises:
        OutputError: a folder that cannot be made or written, or results that exist already without ``overwrite``.
        VolumeError: a ``source`` that cannot be used.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"the output {folder} is a file; the results need a folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*OUTPUTS, PICTURE):
        check_output(folder / name, overwrite, (Path(name).suffix,))
    acquired, truth = _phantom_nodes(scale) if source is None else _truncated_nodes(source, scale)
    axis = AXES[axis_across(truth)]  # the acquired volume's wider pixels could suggest another
    bicubic = upscale_volume(acquired, scale=scale, method="bicubic", slice_axis=axis)
    how = Upscaling(scale, "durn", device, "float32", slice_axis=axis)  # the same figures on every processor
    durn = enlarge_volume(acquired, None, how, Monitor(progress))
    nodes = [acquired, truth, bicubic, durn]
    for node, name in zip(nodes, OUTPUTS, strict=True):
        write_volume(node, folder / name, overwrite=overwrite)
    shown = [acquired, bicubic, durn, truth]
    compare_picture(shown, folder / PICTURE, slice_axis=axis, zoom=2.4, size=480, overwrite=overwrite)
    return [_figures(method, node, truth) for method, node in (("bicubic", bicubic), ("durn", durn))]


def _phantom_nodes(scale: int) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLScalarVolumeNode]:
    phantom = short_axis_phantom(scale, size=256 // (4 * scale) * 4 * scale)
    coarse = np.diag([-phantom.spacing_mm, -phantom.spacing_mm, SLICE_SPACING_MM, 1.0])
    return (
        _node("Acquired", phantom.acquired, coarse),
        _node("Truth", phantom.truth, upscaled_ijk_to_ras(coarse, scale)),
    )


def _truncated_nodes(
    source: slicer.vtkMRMLScalarVolumeNode, scale: int
) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLScalarVolumeNode]:
    """The source cropped to a multiple of ``4 * scale``, and its k-space's centre, both with exact geometry."""
    ijk_to_ras = ijk_to_ras_of(source)
    axis = axis_across(source)
    slices = slices_first(checked_voxels(source), axis)
    rows, columns = (size // (4 * scale) * 4 * scale for size in slices.shape[1:])
    if min(rows, columns) < SMALLEST:
        raise VolumeError(f"{source.GetName()} is too small to be made coarser: {slices.shape[1]} x {slices.shape[2]}")
    truth = slices[:, :rows, :columns].astype(np.float32)
    acquired = kspace_truncate(truth, scale).astype(np.float32)
    fine_to_coarse = np.linalg.inv(upscaled_ijk_to_ras(np.eye(4), scale, axis))
    return (
        _node("Acquired", np.ascontiguousarray(slices_back(acquired, axis)), ijk_to_ras @ fine_to_coarse),
        _node("Truth", np.ascontiguousarray(slices_back(truth, axis)), ijk_to_ras),
    )


def _node(name: str, voxels: NDArray[np.float32], ijk_to_ras: NDArray[np.float64]) -> slicer.vtkMRMLScalarVolumeNode:
    node = current_scene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def _figures(method: str, node: slicer.vtkMRMLScalarVolumeNode, truth_node: slicer.vtkMRMLScalarVolumeNode) -> Figures:
    axis = axis_across(truth_node)
    image, truth = (slices_first(slicer.util.arrayFromVolume(volume), axis) for volume in (node, truth_node))
    peak = float(np.percentile(truth, 99.9))
    return Figures(method, float(psnr(image, truth, peak).mean()), float(ssim(image, truth, peak).mean()))
