"""``durn-superres upscale``: a volume, a cine or a DICOM folder in, a file or a DICOM folder out."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.network.memory import peak_memory_mib
from ..core.upscaling import Upscaling
from ..version import NOTICE
from .progress import progress_bar
from .reporting import Done, check_report, report_run

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from slicer import vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLSequenceNode

    from ..core.monitor import Monitor
    from ..scene.dicom.stacks import Stack

FILE_ENDING = re.compile(r"\.[a-z]{2,5}", re.IGNORECASE)


@dataclass(frozen=True)
class Order:
    """What one input is upscaled with: the command's options, those of the run, and which model ran where."""

    options: argparse.Namespace
    how: Upscaling
    told: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Order:
        """The order that a command line gives.

        Raises:
            ValueError: options that contradict each other.
        """
        how = Upscaling.from_mapping(vars(options) | {"uncertainty": options.uncertainty is not None})
        return cls(options, _deterministic(how) if options.deterministic else how)

    def across(self, slice_axis: str) -> Order:
        """The same with another axis across the slices."""
        return replace(self, how=replace(self.how, slice_axis=slice_axis))

    def done(self, source: vtkMRMLNode, result: vtkMRMLNode) -> Done:
        """What to report of it."""
        of = _of_sequence if result.IsA("vtkMRMLSequenceNode") else _of_volume
        return Done(self.how, tuple(self.told), source, result, of(result))

    @contextlib.contextmanager
    def monitor(self) -> Iterator[Monitor]:
        """A progress bar, and whether to stop."""
        from ..core.monitor import Monitor

        with progress_bar(shown=not self.options.quiet) as bar:
            yield Monitor(bar, self.options.cancelled, self.told.append)


def upscale(options: argparse.Namespace) -> None:
    """Run the command."""
    start = time.monotonic()
    summary = upscale_one(options)
    logging.info("%s: %s, %.1f s%s. %s", options.output, summary, time.monotonic() - start, _peak_memory(), NOTICE)


def upscale_one(options: argparse.Namespace) -> str:
    """Upscale one input into one output, its uncertainty map and report; the result in words."""
    start = time.monotonic()
    order = Order.of(options)
    _check_apart(options)
    if options.report:
        check_report(options.report, options.overwrite)
    done = _upscaled(order)
    seconds = time.monotonic() - start
    _write_uncertainty(done, options)
    if options.report:
        report_run(done, options, seconds)
    return f"{done.summary}; {done.result.GetAttribute('DURNSuperRes.Consistency')}"


def _check_apart(options: argparse.Namespace) -> None:
    """Whether output and uncertainty leave the input, and each other, alone, whatever may be overwritten.

    Raises:
        ValueError: two of them are one file or folder.
    """
    named = {"output": options.output, "uncertainty": options.uncertainty, "input": options.input}
    known: dict[Path, str] = {}
    for what, path in named.items():
        if path is not None and (other := known.setdefault(path.resolve(), what)) != what:
            raise ValueError(f"the {other} {path} is the {what} as well; give it another name")


def _upscaled(order: Order) -> Done:
    options = order.options
    if options.input.is_dir():
        return _from_dicom(order)
    if options.series is not None:
        raise ValueError(f"--series chooses from a DICOM folder, and {options.input} is none")
    return _cine_file(order) if _is_cine(options.input) else _volume_file(order)


def _deterministic(how: Upscaling) -> Upscaling:
    """Fix what could differ from run to run on one machine: device, precision and the choice of algorithms."""
    if how.device == "cuda" or how.precision not in ("auto", "float32"):
        raise ValueError("--deterministic computes in float32 on the CPU; leave --device and --precision away")
    if how.is_durn:
        import torch

        torch.use_deterministic_algorithms(True)
    return replace(how, device="cpu", precision="float32")


def _volume_file(order: Order) -> Done:
    from ..scene import storage

    options = order.options
    _check_outputs(options, storage.check_volume_output)
    storage.check_kept_type(options.input, order.how.keep_type)
    source = storage.read_volume(options.input)
    result = _upscaled_volume(source, order)
    storage.write_volume(result, options.output, overwrite=options.overwrite)
    return order.done(source, result)


def _cine_file(order: Order) -> Done:
    from ..scene import sequence_storage
    from ..scene.storage import check_kept_type

    options = order.options
    _check_outputs(options, sequence_storage.check_sequence_output)
    check_kept_type(options.input, order.how.keep_type)
    source = sequence_storage.read_sequence(options.input)
    result = _upscaled_sequence(source, order)
    sequence_storage.write_sequence(result, options.output, overwrite=options.overwrite)
    return order.done(source, result)


def _check_outputs(options: argparse.Namespace, check: Callable[[Path, bool], None], to_folder: bool = False) -> None:
    """Whether output and uncertainty can be written, before the work starts."""
    for path in (None if to_folder else options.output, options.uncertainty):
        if path is not None:
            check(path, options.overwrite)


def _write_uncertainty(done: Done, options: argparse.Namespace) -> None:
    if options.uncertainty is None:
        return
    from ..scene.provenance import ATTRIBUTE_PREFIX
    from ..scene.sequence_storage import write_sequence
    from ..scene.storage import write_volume
    from ..scene.uncertainty import WITHDRAWN, uncertainty_of

    if reason := done.result.GetAttribute(f"{ATTRIBUTE_PREFIX}{WITHDRAWN}"):
        logging.warning("%s is not written: %s", options.uncertainty, reason)
        return
    write = write_sequence if done.result.IsA("vtkMRMLSequenceNode") else write_volume
    write(uncertainty_of(done.result), options.uncertainty, overwrite=options.overwrite)
    share = 100 * done.how.uncertainty_level
    logging.info("%s: half-width of the %g %% interval of each voxel", options.uncertainty, share)


def _from_dicom(order: Order) -> Done:
    from ..scene.dicom.stacks import beside_of, choose_stack, contents_of

    options = order.options
    contents = contents_of(options.input, options.order)
    stack = choose_stack(contents, options.series)
    if options.images is not None and {image.path for image in stack.every_frame} != set(options.images):
        raise ValueError(f"{options.input} has changed since its stacks were listed; run it again")
    for note in stack.notes:
        logging.warning("%s: %s", options.input, note)
    if options.images is None and (beside := beside_of(contents)):
        logging.info("%s: beside it %s; durn-superres info lists them", options.input, beside)
    return _dicom_cine(stack, order) if stack.phases > 1 else _dicom_static(stack, order)


def _dicom_cine(stack: Stack, order: Order) -> Done:
    from ..scene import sequence_storage
    from ..scene.cine import load_cine

    options = order.options
    to_folder = _is_folder(options, sequence_storage.WRITABLE)
    _check_outputs(options, sequence_storage.check_sequence_output, to_folder)
    order = order.across(_across(options, to_folder))
    source = load_cine(stack, _shelf(options))
    result = _upscaled_sequence(source, order)
    if to_folder:
        _write_dicom(stack, result, order)
    else:
        sequence_storage.write_sequence(result, options.output, overwrite=options.overwrite)
    return order.done(source, result)


def _dicom_static(stack: Stack, order: Order) -> Done:
    from ..scene import storage
    from ..scene.cine import load_static

    options = order.options
    to_folder = _is_folder(options, storage.WRITABLE)
    _check_outputs(options, storage.check_volume_output, to_folder)
    order = order.across(_across(options, to_folder))
    source = load_static(stack)
    result = _upscaled_volume(source, order)
    if to_folder:
        _write_dicom(stack, result, order)
    else:
        storage.write_volume(result, options.output, overwrite=options.overwrite)
    return order.done(source, result)


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


def _write_dicom(stack: Stack, result: vtkMRMLNode, order: Order) -> None:
    from slicer.util import arrayFromVolume

    from ..scene.dicom.derived import write_derived
    from ..scene.sequences import one_by_one
    from ..scene.trust import measured_in_words

    def phases() -> Iterator[NDArray]:
        return map(arrayFromVolume, one_by_one(result) if result.IsA("vtkMRMLSequenceNode") else [result])

    write_derived(
        stack,
        phases,
        order.options.output,
        scale=order.how.scale,
        method=order.how.method,
        model=order.how.model,
        found=measured_in_words(result),
        overwrite=order.options.overwrite,
    )


def _upscaled_volume(source: vtkMRMLScalarVolumeNode, order: Order) -> vtkMRMLScalarVolumeNode:
    from ..scene.volumes import enlarge_volume

    _check_slices(source, order)
    _prepare(source, [source], order.options)
    with order.monitor() as monitor:
        return enlarge_volume(source, None, order.how, monitor)


def _upscaled_sequence(source: vtkMRMLSequenceNode, order: Order) -> vtkMRMLSequenceNode:
    from ..scene.sequences import enlarge_sequence, items_of

    _prepare(source, items_of(source), order.options)
    with order.monitor() as monitor:
        return enlarge_sequence(source, order.how, monitor, shelf=_shelf(order.options))


def _shelf(options: argparse.Namespace) -> Path:
    """A folder with room for the output, where what is not worked on can wait."""
    return Path(options.output).resolve().parent


def _prepare(source: vtkMRMLNode, volumes: list[vtkMRMLScalarVolumeNode], options: argparse.Namespace) -> None:
    """State the modality, and repair voxels, as far as the options ask for it."""
    from ..scene.nodes import repair_non_finite

    if options.modality:
        source.SetAttribute("DICOM.Modality", options.modality.upper())
    repaired = sum(repair_non_finite(volume) for volume in volumes) if options.repair else 0
    if repaired:
        logging.warning("%d NaN or infinite voxels were set to the smallest finite value", repaired)


def _check_slices(node: vtkMRMLScalarVolumeNode, order: Order) -> None:
    from ..scene.nodes import axis_across
    from ..scene.storage import InputError

    size = node.GetImageData().GetDimensions()
    if size[axis_across(node, order.how.slice_axis)] == 1 and not order.options.single_slice:
        extent, path = " x ".join(map(str, size)), order.options.input
        raise InputError(f"{path} holds one slice ({extent}), not a stack; give --single-slice to upscale it")


def _is_cine(path: Path) -> bool:
    """Whether a file has a fourth dimension.

    Raises:
        InputError: a file that is neither a volume nor a cine, or damaged.
    """
    from ..scene.headers import facts_of

    return facts_of(path).is_cine


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
