"""``durn-superres upscale``: a volume, a cine or a DICOM folder in, a file or a DICOM folder out."""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import ProgressBar
from ..version import NOTICE
from .reporting import check_report, report_run

if TYPE_CHECKING:
    from slicer import vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLSequenceNode, vtkMRMLVolumeNode

    from ..scene.dicom.stacks import Stack

FILE_ENDING = re.compile(r"\.[a-z]{2,5}", re.IGNORECASE)


@dataclass(frozen=True)
class Done:
    """A run that is done: its input and output nodes, both volumes or both sequences, and the output in words."""

    source: vtkMRMLVolumeNode | vtkMRMLSequenceNode
    result: vtkMRMLVolumeNode | vtkMRMLSequenceNode
    summary: str


def upscale(options: argparse.Namespace) -> None:
    """Run the command."""
    start = time.monotonic()
    summary = upscale_one(options)
    logging.info("%s: %s, %.1f s%s. %s", options.output, summary, time.monotonic() - start, _peak_memory(), NOTICE)


def upscale_one(options: argparse.Namespace) -> str:
    """Upscale one input into one output, its uncertainty map and report; the result in words."""
    start = time.monotonic()
    options.told = []  # which model ran where
    _make_deterministic(options)
    if options.report:
        check_report(options.report, options.overwrite)
    done = _upscaled(options)
    seconds = time.monotonic() - start
    _write_uncertainty(done, options)
    if options.report:
        report_run(done, options, seconds)
    return f"{done.summary}; {done.result.GetAttribute('DURNSuperRes.Consistency')}"


def _upscaled(options: argparse.Namespace) -> Done:
    if options.input.is_dir():
        return _from_dicom(options)
    if options.series is not None:
        raise ValueError(f"--series chooses from a DICOM folder, and {options.input} is none")
    return _cine_file(options) if _is_cine(options.input) else _volume_file(options)


def _make_deterministic(options: argparse.Namespace) -> None:
    """Fix what could differ from run to run on one machine: device, precision and the choice of algorithms."""
    if not options.deterministic:
        return
    if options.device == "cuda" or options.precision not in ("auto", "float32"):
        raise ValueError("--deterministic computes in float32 on the CPU; leave --device and --precision away")
    options.device, options.precision = "cpu", "float32"
    if options.method == "durn":
        import torch

        torch.use_deterministic_algorithms(True)


def _volume_file(options: argparse.Namespace) -> Done:
    from ..scene import storage

    _check_outputs(options, storage.check_output)
    source = storage.read_volume(options.input)
    result = _upscaled_volume(source, options)
    storage.write_volume(result, options.output, overwrite=options.overwrite)
    return Done(source, result, _of_volume(result))


def _cine_file(options: argparse.Namespace) -> Done:
    from ..scene import sequence_storage

    _check_outputs(options, sequence_storage.check_sequence_output)
    source = sequence_storage.read_sequence(options.input)
    result = _upscaled_sequence(source, options)
    sequence_storage.write_sequence(result, options.output, overwrite=options.overwrite)
    return Done(source, result, _of_sequence(result))


def _check_outputs(options: argparse.Namespace, check: Callable[[Path, bool], None], to_folder: bool = False) -> None:
    """Whether output and uncertainty can be written, before the work starts."""
    for path in (None if to_folder else options.output, options.uncertainty):
        if path is not None:
            check(path, options.overwrite)


def _write_uncertainty(done: Done, options: argparse.Namespace) -> None:
    if options.uncertainty is None:
        return
    from ..scene.sequence_storage import write_sequence
    from ..scene.storage import write_volume
    from ..scene.trust import uncertainty_of

    write = write_sequence if done.result.IsA("vtkMRMLSequenceNode") else write_volume
    write(uncertainty_of(done.result), options.uncertainty, overwrite=options.overwrite)
    logging.info("%s: standard deviation over the eight flips and rotations", options.uncertainty)


def _from_dicom(options: argparse.Namespace) -> Done:
    from ..scene.dicom.stacks import choose_stack, contents_of

    contents = contents_of(options.input)
    stack = choose_stack(contents, options.series)
    if options.images is not None and {image.path for image in stack.every_frame} != set(options.images):
        raise ValueError(f"{options.input} has changed since its stacks were listed; run it again")
    for note in stack.notes:
        logging.warning("%s: %s", options.input, note)
    return _dicom_cine(stack, options) if stack.phases > 1 else _dicom_static(stack, options)


def _dicom_cine(stack: Stack, options: argparse.Namespace) -> Done:
    from ..scene import sequence_storage
    from ..scene.cine import load_cine
    from ..scene.sequences import items_of

    to_folder = _is_folder(options, sequence_storage.WRITABLE)
    _check_outputs(options, sequence_storage.check_sequence_output, to_folder)
    source = _described(load_cine(stack), stack)
    result = _upscaled_sequence(source, options, slice_axis=_across(options, to_folder))
    if to_folder:
        items = items_of(result)
        _write_dicom(stack, items.__getitem__, options)
    else:
        sequence_storage.write_sequence(result, options.output, overwrite=options.overwrite)
    return Done(source, result, _of_sequence(result))


def _dicom_static(stack: Stack, options: argparse.Namespace) -> Done:
    from ..scene import storage
    from ..scene.cine import load_static

    to_folder = _is_folder(options, storage.WRITABLE)
    _check_outputs(options, storage.check_output, to_folder)
    source = _described(load_static(stack), stack)
    result = _upscaled_volume(source, options, slice_axis=_across(options, to_folder))
    if to_folder:
        _write_dicom(stack, lambda _: result, options)
    else:
        storage.write_volume(result, options.output, overwrite=options.overwrite)
    return Done(source, result, _of_volume(result))


def _described(node: vtkMRMLNode, stack: Stack) -> vtkMRMLNode:
    """Let a node know what its DICOM headers say of the kind of image, for the check of the domain."""
    kind, modality, sequence = stack.first.kind[:3]
    for name, value in (("ImageType", f"\\\\{kind}"), ("Modality", modality), ("ScanningSequence", sequence)):
        if value:
            node.SetAttribute(f"DICOM.{name}", value)
    return node


def _is_folder(options: argparse.Namespace, endings: tuple[str, ...]) -> bool:
    """Whether the output is to be a DICOM folder; checked before the work starts."""
    from ..scene.dicom.derived import check_folder
    from ..scene.sequence_storage import WRITABLE, ending
    from ..scene.storage import WRITABLE as VOLUMES

    output: Path = options.output
    if ending(output) in (*WRITABLE, *VOLUMES):
        return False
    if FILE_ENDING.fullmatch(output.suffix) and not output.is_dir():
        known = ", ".join(endings)
        raise ValueError(f"the output {output} must end in one of {known}, or be a DICOM folder without an ending")
    check_folder(output, options.overwrite)
    return True


def _across(options: argparse.Namespace, to_folder: bool) -> str:
    """The axis across the slices, which DICOM states: k."""
    if to_folder and options.slice_axis not in ("auto", "k"):
        raise ValueError("DICOM output keeps the planes of its input; leave --slice-axis away, or write a file")
    return "k" if options.slice_axis == "auto" else options.slice_axis


def _write_dicom(stack: Stack, item: Callable[[int], Any], options: argparse.Namespace) -> None:
    from slicer.util import arrayFromVolume

    from ..scene.dicom.derived import write_derived

    write_derived(
        stack,
        lambda phase: arrayFromVolume(item(phase)),
        options.output,
        scale=options.scale,
        method=options.method,
        overwrite=options.overwrite,
    )


def _upscaled_volume(
    source: vtkMRMLScalarVolumeNode, options: argparse.Namespace, slice_axis: str | None = None
) -> vtkMRMLScalarVolumeNode:
    from ..scene.volumes import repair_non_finite, upscale_volume

    _check_slices(source, options, slice_axis or options.slice_axis)
    _state_modality(source, options)
    _repair([source], options, repair_non_finite)
    with ProgressBar(shown=not options.quiet) as bar:
        return upscale_volume(source, **_choices(options, slice_axis), progress=bar)


def _upscaled_sequence(
    source: vtkMRMLSequenceNode, options: argparse.Namespace, slice_axis: str | None = None
) -> vtkMRMLSequenceNode:
    from ..scene.sequences import items_of, upscale_sequence
    from ..scene.volumes import repair_non_finite

    _state_modality(source, options)
    _repair(items_of(source), options, repair_non_finite)
    with ProgressBar(shown=not options.quiet) as bar:
        return upscale_sequence(source, **_choices(options, slice_axis), progress=bar)


def _choices(options: argparse.Namespace, slice_axis: str | None) -> dict[str, Any]:
    names = ("scale", "method", "device", "precision", "keep_type", "best_quality", "data_consistency", "any_image")
    more = {"slice_axis": slice_axis or options.slice_axis, "uncertainty": options.uncertainty is not None}
    more |= {"announce": options.told.append, "cancelled": options.cancelled}
    return {name: getattr(options, name) for name in names} | more


def _state_modality(node: vtkMRMLNode, options: argparse.Namespace) -> None:
    if options.modality:
        node.SetAttribute("DICOM.Modality", options.modality.upper())


def _repair(
    nodes: list[vtkMRMLScalarVolumeNode],
    options: argparse.Namespace,
    repair: Callable[[vtkMRMLScalarVolumeNode], int],
) -> None:
    repaired = sum(repair(node) for node in nodes) if options.repair else 0
    if repaired:
        logging.warning("%d NaN or infinite voxels were set to the smallest finite value", repaired)


def _check_slices(node: vtkMRMLScalarVolumeNode, options: argparse.Namespace, axis: str) -> None:
    from ..core.geometry import slice_axis
    from ..scene.storage import InputError
    from ..scene.volumes import ijk_to_ras_of

    size = node.GetImageData().GetDimensions()
    if size[slice_axis(ijk_to_ras_of(node), axis)] == 1 and not options.single_slice:
        extent = " x ".join(map(str, size))
        raise InputError(f"{options.input} holds one slice ({extent}), not a stack; give --single-slice to upscale it")


def _is_cine(path: Path) -> bool:
    """Whether a file has a fourth dimension; what is wrong with a file is told by whoever reads it."""
    from ..scene.headers import FileFacts, facts_of
    from ..scene.storage import InputError

    try:
        facts: FileFacts = facts_of(path)
    except InputError:
        return False
    return facts.is_cine


def _of_volume(node: vtkMRMLScalarVolumeNode) -> str:
    size = " x ".join(str(extent) for extent in node.GetImageData().GetDimensions())
    spacing = " x ".join(f"{step:.3f}" for step in node.GetSpacing())
    return f"{size} voxels of {spacing} mm"


def _of_sequence(sequence: vtkMRMLSequenceNode) -> str:
    from ..scene.sequences import items_of

    items = items_of(sequence)
    return f"{len(items)} phases of {_of_volume(items[0])}"


def _peak_memory() -> str:
    """The most memory that this process has held so far, where the system tells (Linux and macOS)."""
    mebibytes = peak_memory_mib()
    return "" if mebibytes is None else f", peak memory {mebibytes:.0f} MiB"


def peak_memory_mib() -> float | None:
    """The largest resident set of this process in MiB; None where the system does not tell.

    Linux's ``getrusage`` would count the process that started this one, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 2**10
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
