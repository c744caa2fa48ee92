"""Upscaling a cine: a sequence of volumes, item by item, into a new sequence that the same slider plays.

Items are read from the sequence node itself, so the browser's selected item and its proxy volumes stay as they are
while the work goes on. One intensity map serves the whole cine; a map of its own for each phase would make it flicker.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.engine import Announce, Cancelled
from ..core.geometry import slice_axis as chosen_axis
from ..core.geometry import slices_first, upscaled_ijk_to_ras
from ..core.network.ensemble import ORIENTATIONS, Enlarged
from ..core.signal.consistency import ConsistencyMeter
from ..core.signal.intensity import IntensityMap
from .app import current_scene, sequences_logic
from .trust import colour, examine, refer, tell, uncertainty_of
from .volumes import (
    Run,
    VolumeError,
    dress,
    enlarged_voxels,
    finite_voxels,
    ijk_to_ras_of,
    label_of,
    measured,
    provenance,
    record,
)

MULTI_VOLUME = "MultiVolume"  # prefix of the attributes that Slicer's MultiVolumeImporter writes

Progress = Callable[[int, int], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class _Options:
    """What every item of one cine is upscaled with."""

    scale: int
    slice_axis: str
    keep_type: bool
    any_image: bool
    engine: dict[str, Any]  # of core.ensemble.enlarge


class _Calls:
    """What a run tells its caller and asks of it, for a whole cine of which each item is a run of its own."""

    def __init__(
        self, progress: Progress | None, cancelled: IsCancelled | None, announce: Announce | None, run: Run
    ) -> None:
        self.cancelled, self.run = cancelled, run
        self._progress, self._announce = progress, announce
        self._last = ""

    def announce(self, what: str) -> None:
        """Pass on what has not just been said."""
        if self._announce is not None and what != self._last:
            self._announce(what)
        self._last = what

    def progress_of(self, before: int, total: int) -> Progress | None:
        """``progress`` of the whole cine, from that of an item with ``before`` slices done ahead of it."""
        progress = self._progress
        return None if progress is None else lambda done, _: progress(before + done, total)


def _here(compute: Callable[[], Enlarged]) -> Enlarged:
    return compute()


def upscale_sequence(
    source: slicer.vtkMRMLNode,
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
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
    run: Run | None = None,
) -> slicer.vtkMRMLSequenceNode:
    """Enlarge the slices of every volume of a cine in their plane; index name, unit, type and values stay the same.

    Nothing is added to the scene before the last item is done: an error or a cancel leaves it as it was. If the input
    has a sequence browser, the output joins it, with a proxy volume displayed as the input's. In memory there are then
    the input, the output, and one item on its way. Returns the new node, named ``<input> DURN x2`` or the like.

    Args:
        source: a sequence of volumes, a browser (its master sequence is taken), the proxy volume of one, or a
            multi-volume.
        scale, method, device, precision, cancelled: as :func:`~..core.engine.upscale_slices`.
        best_quality, uncertainty, data_consistency, any_image: as :func:`~.volumes.upscale_volume`; the uncertainty is
            a second sequence, :func:`~.trust.uncertainty_of` the output.
        slice_axis, keep_type: as ``upscale_volume``; the axis is chosen once for all items.
        progress, announce: as ``upscale_slices``, over all items.
        run: as :func:`~.volumes.upscale_volume`, asked for each item.

    Raises:
        VolumeError: no sequence, an item that is no grey-level image or has NaN or infinite voxels, a constant cine.
        ValueError, ModelError, DeviceError: as ``upscale_slices``.
        Cancelled: as ``upscale_slices``, or the sequence was removed from the scene while ``run`` was busy.
    """
    sequence, browser = _sequence_and_browser(source)
    engine = {"method": method, "device": device, "precision": precision, "best_quality": best_quality}
    engine |= {"uncertainty": uncertainty, "data_consistency": data_consistency}
    options = _Options(scale, slice_axis, keep_type, any_image, engine)
    known_scene = sequence.GetScene()
    output, spread, notes = _upscaled_items(sequence, options, _Calls(progress, cancelled, announce, run or _here))
    if sequence.GetScene() is not known_scene:
        raise Cancelled(f"{sequence.GetName()} was removed from the scene during the run")
    scene = known_scene or current_scene()
    output.SetName(scene.GenerateUniqueName(f"{sequence.GetName()} {label_of(method)} x{scale}"))
    scene.AddNode(output)
    record(output, sequence, scale, method, notes)
    tell(notes)
    _play_together(browser, output, sequence)
    if uncertainty:
        spread.SetName(f"{output.GetName()} uncertainty")
        scene.AddNode(spread)
        refer(output, spread)
        colour(_play_together(browser, spread, sequence))
    return output


def sequence_of(node: slicer.vtkMRMLNode | None) -> slicer.vtkMRMLSequenceNode | None:
    """The sequence that a proxy volume shows an item of; None for any other node."""
    browser = _browser_of_proxy(node)
    return None if browser is None else browser.GetSequenceNode(node)


def browser_of(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode | None:
    """The first browser that plays a sequence, as its master or along with it; None if none does."""
    for browser in _nodes(sequence.GetScene(), "vtkMRMLSequenceBrowserNode"):
        if browser.IsSynchronizedSequenceNode(sequence, True):
            return browser
    return None


def uncertainty_shown_with(volume: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume that shows an output's uncertainty, at the same phase if it is a cine's; None if there is none."""
    sequence, browser = sequence_of(volume), _browser_of_proxy(volume)
    if sequence is None or browser is None:
        return uncertainty_of(volume)
    spread = uncertainty_of(sequence)
    return None if spread is None else browser.GetProxyNode(spread)


def is_cine(node: slicer.vtkMRMLNode | None) -> bool:
    """Whether a volume stands for a cine: it shows an item of a sequence, or is a multi-volume."""
    return sequence_of(node) is not None or _is_multi_volume(node)


def _is_multi_volume(node: slicer.vtkMRMLNode | None) -> bool:
    return node is not None and bool(node.GetAttribute(f"{MULTI_VOLUME}.NumberOfFrames"))


def _frames_of_multi_volume(node: slicer.vtkMRMLVolumeNode) -> slicer.vtkMRMLSequenceNode:
    """A sequence in no scene of the frames that a multi-volume keeps as the components of its voxels."""
    voxels, ijk_to_ras = slicer.util.arrayFromVolume(node), ijk_to_ras_of(node)
    count = int(node.GetAttribute(f"{MULTI_VOLUME}.NumberOfFrames"))
    labels = [label for label in (node.GetAttribute(f"{MULTI_VOLUME}.FrameLabels") or "").split(",") if label]
    if voxels.ndim != 4 or voxels.shape[-1] != count:
        raise VolumeError(f"{node.GetName()} says that it has {count} frames, and its voxels do not")
    named, unit = (node.GetAttribute(f"{MULTI_VOLUME}.FrameIdentifyingDICOMTag{key}") for key in ("Name", "Units"))
    sequence = new_sequence(node.GetName(), named or "frame", unit or "")
    for n in range(count):
        label = labels[n] if len(labels) == count else str(n)
        add_item(sequence, np.ascontiguousarray(voxels[..., n]), ijk_to_ras, label)
    return sequence


def shown_by_proxy(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLScalarVolumeNode:
    """The volume in which a sequence's browser shows its current item; a browser is added if there is none."""
    return (browser_of(sequence) or add_browser(sequence)).GetProxyNode(sequence)


def add_browser(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode:
    """A new browser for a sequence of the scene, with a proxy volume that shows its first item."""
    scene = sequence.GetScene()
    name = scene.GenerateUniqueName(f"{sequence.GetName()} browser")
    logic = sequences_logic()
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", name)
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    logic.UpdateProxyNodesFromSequences(browser)
    return browser


def items_of(sequence: slicer.vtkMRMLSequenceNode) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """The volumes of a sequence, in the order of their index values.

    Raises:
        VolumeError: an empty sequence, or one of something else than volumes.
    """
    items = [sequence.GetNthDataNode(n) for n in range(sequence.GetNumberOfDataNodes())]
    if not items:
        raise VolumeError(f"the sequence {sequence.GetName()} is empty")
    for item in items:
        if item is None or not item.IsA("vtkMRMLScalarVolumeNode"):
            kind = "nothing" if item is None else item.GetNodeTagName()
            raise VolumeError(f"{sequence.GetName()} is a sequence of {kind}; one of volumes is needed")
    return items


def new_sequence(name: str, index_name: str, index_unit: str) -> slicer.vtkMRMLSequenceNode:
    """An empty sequence with a numeric index, in no scene yet."""
    sequence = slicer.vtkMRMLSequenceNode()
    sequence.SetName(name)
    sequence.SetIndexName(index_name)
    sequence.SetIndexUnit(index_unit)
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    return sequence


def add_item(
    sequence: slicer.vtkMRMLSequenceNode,
    voxels: NDArray,
    ijk_to_ras: NDArray,
    index_value: str,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Append a volume of ``(k, j, i)`` voxels to a sequence; a proxy volume takes ``attributes`` over with the voxels.

    Raises:
        VolumeError: an index value that the sequence has already.
    """
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(sequence.GetName() or "item")
    slicer.util.updateVolumeFromArray(volume, voxels)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    for name, value in (attributes or {}).items():
        volume.SetAttribute(name, value)
    before = sequence.GetNumberOfDataNodes()
    sequence.SetDataNodeAtValue(volume, index_value)
    if sequence.GetNumberOfDataNodes() != before + 1:
        raise VolumeError(f"the index value {index_value} occurs twice in the cine")


def _sequence_and_browser(
    source: slicer.vtkMRMLNode | None,
) -> tuple[slicer.vtkMRMLSequenceNode, slicer.vtkMRMLSequenceBrowserNode | None]:
    if source is not None and source.IsA("vtkMRMLSequenceNode"):
        return source, browser_of(source)
    if source is not None and source.IsA("vtkMRMLSequenceBrowserNode") and source.GetMasterSequenceNode() is not None:
        return source.GetMasterSequenceNode(), source
    if _is_multi_volume(source):
        return _frames_of_multi_volume(source), None
    sequence = sequence_of(source)
    if sequence is None:
        name = source.GetName() if source is not None else "nothing"
        raise VolumeError(f"{name} is no cine: a sequence, its browser or its volume in the views is needed")
    return sequence, _browser_of_proxy(source)


def _browser_of_proxy(node: slicer.vtkMRMLNode | None) -> slicer.vtkMRMLSequenceBrowserNode | None:
    if node is None or node.GetScene() is None:
        return None
    browsers = _nodes(node.GetScene(), "vtkMRMLSequenceBrowserNode")
    return next((browser for browser in browsers if browser.IsProxyNodeID(node.GetID())), None)


def _nodes(scene: slicer.vtkMRMLScene | None, class_name: str) -> list[slicer.vtkMRMLNode]:
    if scene is None:
        return []
    return [scene.GetNthNodeByClass(n, class_name) for n in range(scene.GetNumberOfNodesByClass(class_name))]


def _upscaled_items(
    sequence: slicer.vtkMRMLSequenceNode, options: _Options, calls: _Calls
) -> tuple[slicer.vtkMRMLSequenceNode, slicer.vtkMRMLSequenceNode, dict[str, str]]:
    """Sequences in no scene, of the enlarged items and of their uncertainty, and what was found of them."""
    items = items_of(sequence)
    voxels = [finite_voxels(item) for item in items]
    places = [(ijk_to_ras_of(item), sequence.GetNthIndexValue(n)) for n, item in enumerate(items)]
    axis = chosen_axis(places[0][0], options.slice_axis)
    method, scale = options.engine["method"], options.scale
    engine = options.engine | {"intensity": _common_intensity(sequence, voxels)}
    slices = [slices_first(array, axis) for array in voxels]
    notes = examine(sequence, slices, axis, places[0][0], scale, method, options.any_image)
    output, spread = _empty_like(sequence), _empty_like(sequence)
    passes = len(ORIENTATIONS) if engine["best_quality"] or engine["uncertainty"] else 1
    counts = [passes * len(array) for array in slices]
    attributes = provenance(sequence, scale, method)
    meter = ConsistencyMeter()
    for n, (array, (ijk_to_ras, index_value)) in enumerate(zip(voxels, places, strict=True)):
        copy = array.copy()  # the user may change the sequence while another thread computes
        before = calls.progress_of(sum(counts[:n]), sum(counts))
        talk = {"progress": before, "cancelled": calls.cancelled, "announce": calls.announce}
        compute = functools.partial(enlarged_voxels, copy, axis, scale, options.keep_type, meter, **engine, **talk)
        result = calls.run(compute)
        matrix = upscaled_ijk_to_ras(ijk_to_ras, scale, axis)
        add_item(output, result.image, matrix, index_value, attributes)
        if result.spread is not None:
            add_item(spread, result.spread, matrix, index_value)
    return output, spread, notes | measured(meter, engine)


def _empty_like(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceNode:
    """A sequence in no scene with the same index and no items yet."""
    empty = new_sequence(sequence.GetName(), sequence.GetIndexName(), sequence.GetIndexUnit())
    empty.SetIndexType(sequence.GetIndexType())
    empty.SetNumericIndexValueTolerance(sequence.GetNumericIndexValueTolerance())
    return empty


def _common_intensity(sequence: slicer.vtkMRMLSequenceNode, voxels: list[NDArray]) -> IntensityMap:
    try:
        return IntensityMap.of_items(voxels)
    except ValueError as error:
        raise VolumeError(f"{sequence.GetName()}: {error}") from error


def _play_together(
    browser: slicer.vtkMRMLSequenceBrowserNode | None,
    output: slicer.vtkMRMLSequenceNode,
    sequence: slicer.vtkMRMLSequenceNode,
) -> slicer.vtkMRMLScalarVolumeNode | None:
    """Let the input's browser, if there is one still, play the output too, shown like the input; give its volume."""
    if browser is None or browser.GetScene() is None:
        return None
    browser.AddSynchronizedSequenceNode(output)
    browser.SetOverwriteProxyName(output, browser.GetOverwriteProxyName(sequence))
    sequences_logic().UpdateProxyNodesFromSequences(browser)
    proxy, shown = browser.GetProxyNode(output), browser.GetProxyNode(sequence)
    if proxy is not None and shown is not None:
        dress(proxy, shown)
    return proxy
