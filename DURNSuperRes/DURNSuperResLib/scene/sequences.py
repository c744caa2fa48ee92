"""Upscaling a cine: a sequence of volumes, item by item, into a new sequence that the same slider plays.

Items are read from the sequence node itself, so the browser's selected item and its proxy volumes stay as they are
while the work goes on. One intensity map serves the whole cine; a map of its own for each phase would make it flicker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from ..core.geometry import slices_first, upscaled_ijk_to_ras
from ..core.monitor import Announce, Cancelled, IsCancelled, Monitor, Progress
from ..core.network.ensemble import ORIENTATIONS
from ..core.signal.consistency import ConsistencyMeter
from ..core.signal.intensity import IntensityMap
from ..core.upscaling import Upscaling
from .app import current_scene, sequences_logic
from .nodes import VolumeError, axis_across, finite_voxels, ijk_to_ras_of, tell_axis
from .provenance import dress, provenance, record
from .shelf import let_go, shelved
from .trust import examine, tell
from .uncertainty import colour, refer, summed_up, uncertainty_of
from .voxels import Run, computed, consistency_of

MULTI_VOLUME = "MultiVolume"  # prefix of the attributes that Slicer's MultiVolumeImporter writes


def upscale_sequence(
    source: slicer.vtkMRMLNode,
    scale: int = 2,
    *,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
    run: Run | None = None,
    **options: Any,
) -> slicer.vtkMRMLSequenceNode:
    """:func:`enlarge_sequence` by keywords: ``scale`` and ``options`` are those of
    :class:`~..core.upscaling.Upscaling`; ``progress``, ``cancelled`` and ``announce`` those of
    :class:`~..core.monitor.Monitor`, over all items.
    """
    return enlarge_sequence(source, Upscaling(scale=scale, **options), Monitor(progress, cancelled, announce), run)


def enlarge_sequence(
    source: slicer.vtkMRMLNode, how: Upscaling, monitor: Monitor, run: Run | None = None, shelf: Path | None = None
) -> slicer.vtkMRMLSequenceNode:
    """Enlarge the slices of every volume of a cine in their plane; index name, unit, type and values stay the same.

    Nothing is added to the scene before the last item is done: an error or a cancel leaves it as it was. If the input
    has a sequence browser, the output joins it, with a proxy volume displayed as the input's. In memory there are then
    the input, the output unless it is shelved, and one item on its way. Returns the new node, named ``<input> DURN x2``
    or the like.

    Args:
        source: a sequence of volumes, a browser (its master sequence is taken), the proxy volume of one, or a
            multi-volume.
        how: the options; the axis is chosen once for all items, and an uncertainty is a second sequence,
            :func:`~.uncertainty.uncertainty_of` the output.
        monitor: told of the slices of all items that are done, asked whether to stop.
        run: as :func:`~.volumes.enlarge_volume`, asked for each item.
        shelf: a folder with room for the output, whose items wait there for :func:`one_by_one`; None for memory.

    Raises:
        VolumeError: no sequence, an item that is no grey-level image or has NaN or infinite voxels, a constant cine.
        ValueError, ModelError, DeviceError: as :func:`~..core.engine.enlarge`.
        Cancelled: as ``enlarge``, or the sequence was removed from the scene while ``run`` was busy.
    """
    sequence, browser = _sequence_and_browser(source)
    known_scene = sequence.GetScene()
    output, half_widths, how, found = _upscaled_items(sequence, how, monitor, run, shelf)
    if sequence.GetScene() is not known_scene:
        raise Cancelled(f"{sequence.GetName()} was removed from the scene during the run")
    scene = known_scene or current_scene()
    output.SetName(scene.GenerateUniqueName(f"{sequence.GetName()} {how.label}"))
    scene.AddNode(output)
    record(output, sequence, how, found)
    tell(found)
    _play_together(browser, output, sequence)
    if how.uncertainty:
        half_widths.SetName(f"{output.GetName()} uncertainty")
        scene.AddNode(half_widths)
        refer(output, half_widths)
        colour(_play_together(browser, half_widths, sequence))
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
    half_widths = uncertainty_of(sequence)
    return None if half_widths is None else browser.GetProxyNode(half_widths)


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


def one_by_one(sequence: slicer.vtkMRMLSequenceNode) -> Iterator[slicer.vtkMRMLScalarVolumeNode]:
    """:func:`items_of`, of which one at a time takes memory where they are shelved."""
    for item in items_of(sequence):
        yield item
        let_go(slicer.util.arrayFromVolume(item))


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
    shelf: Path | None = None,
) -> None:
    """Append a volume of ``(k, j, i)`` voxels to a sequence; a proxy volume takes ``attributes`` over with the voxels,
    which are :func:`~.shelf.shelved` in a folder or kept in memory.

    Raises:
        VolumeError: an index value that the sequence has already.
    """
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(sequence.GetName() or "item")
    if shelf is None:
        slicer.util.updateVolumeFromArray(volume, voxels)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    for name, value in (attributes or {}).items():
        volume.SetAttribute(name, value)
    before = sequence.GetNumberOfDataNodes()
    sequence.SetDataNodeAtValue(volume, index_value)
    if sequence.GetNumberOfDataNodes() != before + 1:
        raise VolumeError(f"the index value {index_value} occurs twice in the cine")
    if shelf is not None:  # the sequence has taken a copy of the node, with one of its voxels
        sequence.GetDataNodeAtValue(index_value).SetAndObserveImageData(shelved(voxels, shelf))


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
    sequence: slicer.vtkMRMLSequenceNode, how: Upscaling, monitor: Monitor, run: Run | None, shelf: Path | None
) -> tuple[slicer.vtkMRMLSequenceNode, slicer.vtkMRMLSequenceNode, Upscaling, dict[str, str]]:
    """Sequences in no scene, of the enlarged items and of their uncertainty; the options as they suit these images, and
    what was found of them.
    """
    items = items_of(sequence)
    voxels = [finite_voxels(item) for item in items]
    places = [(ijk_to_ras_of(item), sequence.GetNthIndexValue(n)) for n, item in enumerate(items)]
    axis = axis_across(items[0], how.slice_axis)
    intensity = _common_intensity(sequence, voxels)
    slices = [slices_first(array, axis) for array in voxels]
    found = examine(sequence, slices, axis, places[0][0], how)
    how = found.how
    output, half_widths = _empty_like(sequence), _empty_like(sequence)
    passes = len(ORIENTATIONS) if how.best_quality else 1
    counts = [passes * len(array) for array in slices]
    for array in voxels:
        let_go(array)
    attributes = provenance(sequence, how)
    meter, errors = ConsistencyMeter(), None
    for n, (array, (ijk_to_ras, index_value)) in enumerate(zip(voxels, places, strict=True)):
        part = monitor.of_part(sum(counts[:n]), sum(counts))
        result = computed(array, axis, found, meter, part, run, intensity)
        errors = result.errors if errors is None or result.errors is None else errors + result.errors
        matrix = upscaled_ijk_to_ras(ijk_to_ras, how.scale, axis)
        add_item(output, result.image, matrix, index_value, attributes, shelf)
        if result.half_width is not None:
            add_item(half_widths, result.half_width, matrix, index_value, shelf=shelf)
        let_go(array)
        del result  # else it would wait in memory until the next one is there
    tell_axis(sequence, axis, how.slice_axis)
    entries = {**found.entries} | consistency_of(meter) | summed_up(errors, how.uncertainty_level, found.entries)
    return output, half_widths, how, entries


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
