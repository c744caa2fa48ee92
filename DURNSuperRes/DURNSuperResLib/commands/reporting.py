"""What ``durn-superres upscale --report`` writes: the run, its consistency, its domain, and some slices."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..report import Row, page_of, sha256_of, sha256_of_voxels, write_report
from ..version import __version__

if TYPE_CHECKING:
    from slicer import vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLSequenceNode, vtkMRMLVolumeNode

    from ..core.upscaling import Upscaling

PREFIX = "DURNSuperRes."
NOT_COVERED = "motion, artefacts, pathology never seen in training, and what the truth itself does not show"
PACKAGES = ("numpy", "torch", "slicer-core", "SimpleITK", "pydicom")


@dataclass(frozen=True)
class Done:
    """A run that is done.

    Attributes:
        how: its options.
        told: which model ran where.
        source, result: its input and output nodes, both volumes or both sequences.
        summary: the output in words.
    """

    how: Upscaling
    told: tuple[str, ...]
    source: vtkMRMLVolumeNode | vtkMRMLSequenceNode
    result: vtkMRMLVolumeNode | vtkMRMLSequenceNode
    summary: str


def check_report(path: Path, overwrite: bool) -> None:
    """Whether report and page can be written, asked before the work starts.

    Raises:
        OutputError: as :func:`~..scene.storage.check_output`.
    """
    from ..scene.storage import check_output

    check_output(path, overwrite, (".json",))
    check_output(page_of(path), overwrite, (".html",))


def report_run(done: Done, options: argparse.Namespace, seconds: float) -> None:
    """Write the report and its page."""
    from ..scene.uncertainty import uncertainty_of

    uncertainty = uncertainty_of(done.result)
    made = [options.output, options.report, page_of(options.report)]
    made += [] if options.uncertainty is None else [options.uncertainty]
    entries = {
        "input": {
            "name": options.input.absolute().name,
            "sha256": sha256_of(options.input, without=made),  # the run may write into its input folder
            **_size(done.source),
        },
        "output": {"name": options.output.name, **_size(done.result), **_voxels(done.result)},
        "uncertainty": _uncertainty(options, done, uncertainty),
        "run": _run(done, options, seconds),
        "consistency": _consistency(done.result),
        "domain": _domain(done.result),
        "versions": _versions(),
    }
    write_report(options.report, entries, _rows(done, uncertainty))


def _items(node: vtkMRMLNode) -> list[vtkMRMLScalarVolumeNode]:
    from ..scene.sequences import items_of

    return items_of(node) if node.IsA("vtkMRMLSequenceNode") else [node]


def _size(node: vtkMRMLNode) -> dict[str, Any]:
    items = _items(node)
    spacing = [round(step, 6) for step in items[0].GetSpacing()]
    return {"size": list(items[0].GetImageData().GetDimensions()), "spacing_mm": spacing, "phases": len(items)}


def _voxels(node: vtkMRMLNode) -> dict[str, Any]:
    from slicer.util import arrayFromVolume

    from ..scene.sequences import one_by_one

    items = one_by_one(node) if node.IsA("vtkMRMLSequenceNode") else [node]
    voxel_type = str(arrayFromVolume(_items(node)[0]).dtype)
    return {"voxel_type": voxel_type, "voxels_sha256": sha256_of_voxels(arrayFromVolume(item) for item in items)}


def _uncertainty(options: argparse.Namespace, done: Done, node: vtkMRMLNode | None) -> dict[str, Any]:
    from ..scene.uncertainty import WITHDRAWN

    found = {name: done.result.GetAttribute(f"{PREFIX}{name}") for name in ("Within", "WithinBody", "WithinRims")}
    withdrawn = done.result.GetAttribute(f"{PREFIX}{WITHDRAWN}")
    if found["Within"] is None:
        return {"withdrawn": withdrawn} if withdrawn else {}
    entries = {
        "summary": found["Within"],
        "level": done.how.uncertainty_level,
        "body_within": float(found["WithinBody"] or 0),
        "rims_within": float(found["WithinRims"] or 0),
        "not_covered": NOT_COVERED,
    }
    if node is None:
        return entries
    measure = f"half-width of the {100 * done.how.uncertainty_level:g} % interval, in intensity units"
    return entries | {"name": options.uncertainty.name, "measure": measure, **_voxels(node)}


def _run(done: Done, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    return {
        "method": done.how.method,
        "scale": done.how.scale,
        "model": done.result.GetAttribute(f"{PREFIX}Model"),
        "model_sha256": done.result.GetAttribute(f"{PREFIX}ModelSHA256"),
        "computed_by": "; then ".join(done.told),
        "best_quality": done.how.best_quality,
        "keep_measured": done.result.GetAttribute(f"{PREFIX}KeepMeasured") == "true",
        "deterministic": options.deterministic,
        "seconds": round(seconds, 3),
        "finished": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _consistency(node: vtkMRMLNode) -> dict[str, Any]:
    def figure(name: str) -> float | None:
        value = float(node.GetAttribute(f"{PREFIX}Consistency{name}"))
        return value if value < float("inf") else None  # JSON has no infinity

    return {
        "summary": node.GetAttribute(f"{PREFIX}Consistency"),
        "psnr_db": figure("PSNR"),
        "largest_deviation": figure("Largest"),
        "largest_deviation_percent": figure("Percent"),
        "input_range": node.GetAttribute(f"{PREFIX}ConsistencyRange"),
    }


def _domain(node: vtkMRMLNode) -> dict[str, Any]:
    domain = node.GetAttribute(f"{PREFIX}Domain")
    outside = None if domain in (None, "inside") else domain
    return {"inside": None if domain is None else outside is None, "outside": outside} | {
        "resolution": node.GetAttribute(f"{PREFIX}Resolution"),
        "measured_matrix": node.GetAttribute(f"{PREFIX}Measured"),
        "measured_from": node.GetAttribute(f"{PREFIX}MeasuredFrom"),
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"DURNSuperRes": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found | {"system": f"{platform.system()} {platform.machine()}"}


def _rows(done: Done, uncertainty: vtkMRMLNode | None) -> list[Row]:
    """Three slices of the middle phase, or fewer if there are not so many."""
    from slicer.util import arrayFromVolume

    from ..core.geometry import slices_first
    from ..scene.nodes import axis_across

    phase = len(_items(done.source)) // 2
    source = _items(done.source)[phase]
    axis = axis_across(source, done.how.slice_axis)
    nodes = [done.source, done.result, *([] if uncertainty is None else [uncertainty])]
    before, after, *half_width = (slices_first(arrayFromVolume(_items(node)[phase]), axis) for node in nodes)
    chosen = sorted({round(share * (len(before) - 1)) for share in (0.25, 0.5, 0.75)})
    return [Row(f"slice {n + 1}", before[n], after[n], half_width[0][n] if half_width else None) for n in chosen]
