"""One image of the viewer: a volume, or a cine of which one phase is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from numpy.typing import NDArray

from ..core.told import warnings_kept
from ..scene.app import current_scene
from ..scene.cine import load_cine, load_static
from ..scene.dicom.stacks import beside_of, choose_stack, contents_of
from ..scene.headers import facts_of
from ..scene.nodes import VolumeError
from ..scene.nrrd import read_header
from ..scene.provenance import ATTRIBUTE_PREFIX
from ..scene.sequence_storage import TIME_UNITS, read_sequence, write_sequence
from ..scene.sequences import browser_of, items_of, shown_by_proxy
from ..scene.storage import read_volume, suffix, write_volume
from ..scene.views import check_overlap, describe


@dataclass
class Image:
    """A volume of the scene, the sequence that it shows an item of, if it does, and what was told as it was read."""

    volume: slicer.vtkMRMLScalarVolumeNode
    sequence: slicer.vtkMRMLSequenceNode | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: slicer.vtkMRMLNode) -> Image:
        """The image of a volume or of a sequence."""
        if node.IsA("vtkMRMLSequenceNode"):
            items_of(node)  # says what is wrong with a sequence of something else
            node, sequence = shown_by_proxy(node), node
            node.CreateDefaultDisplayNodes()
            return cls(node, sequence)
        return cls(node)

    @property
    def source(self) -> slicer.vtkMRMLNode:
        """The node that holds all of it."""
        return self.volume if self.sequence is None else self.sequence

    @property
    def phases(self) -> int:
        """How many phases it has; 1 of a volume."""
        return 1 if self.sequence is None else int(self.sequence.GetNumberOfDataNodes())

    @property
    def _browser(self) -> slicer.vtkMRMLSequenceBrowserNode | None:
        return None if self.sequence is None else browser_of(self.sequence)

    @property
    def times_ms(self) -> list[float] | None:
        """When its phases are, in ms; None where that is not known."""
        unit = None if self.sequence is None else TIME_UNITS.get(self.sequence.GetIndexUnit())
        if self.sequence is None or unit is None:
            return None
        return [1e3 * unit * float(self.sequence.GetNthIndexValue(n)) for n in range(self.phases)]

    def label(self, *, original: bool) -> str:
        """What it is, and the spacing in its slices."""
        if original and not self.volume.GetAttribute(f"{ATTRIBUTE_PREFIX}Method"):
            return f"Original  {min(self.volume.GetSpacing()):.2f} mm"
        return describe(self.volume)

    def show_phase(self, phase: int) -> None:
        """Let the volume show a phase, from 0; one volume serves all phases."""
        browser = self._browser
        if browser is not None:
            browser.SetSelectedItemNumber(phase)

    def voxels(self, phase: int) -> NDArray[Any]:
        """The voxels ``(k, j, i)`` of a phase, whichever is on show."""
        node = self.volume if self.sequence is None else self.sequence.GetNthDataNode(min(phase, self.phases - 1))
        return slicer.util.arrayFromVolume(node)

    def save(self, folder: Path, name: str) -> Path:
        """Write it into a folder, as ``name.nrrd`` or ``name.seq.nrrd``."""
        path = folder / f"{name}{'.nrrd' if self.sequence is None else '.seq.nrrd'}"
        if self.sequence is None:
            write_volume(self.volume, path, overwrite=True)
        else:
            write_sequence(self.sequence, path, overwrite=True)
        return path

    def remove(self) -> None:
        """Take it out of the scene."""
        browser, sequence = self._browser, self.sequence
        if browser is not None and browser.GetMasterSequenceNode() is sequence:
            current_scene().RemoveNode(browser)
        elif browser is not None and sequence is not None:
            browser.RemoveSynchronizedSequenceNode(sequence.GetID())
        parts = [self.volume.GetDisplayNode(), self.volume.GetStorageNode(), self.volume, sequence]
        for node in parts:
            if node is not None and current_scene().IsNodePresent(node):
                current_scene().RemoveNode(node)


def check_fit(original: Image, other: Image) -> None:
    """Raises VolumeError for images that share no region, or cines of different numbers of phases."""
    check_overlap(original.volume, other.volume)
    counts = original.phases, other.phases
    if counts[0] != counts[1] and min(counts) > 1:
        names = original.source.GetName(), other.source.GetName()
        raise VolumeError(f"{names[0]} has {counts[0]} phases and {names[1]} has {counts[1]}: they do not match")


def read_image(path: Path, series: str | None = None, order: str = "auto") -> Image:
    """Read a volume or a cine from a file, or a stack of a DICOM folder, with what ``upscale`` would warn of as notes.

    Args:
        path: a file that ``durn-superres upscale`` takes, or a DICOM folder.
        series: which stack of a folder with several.
        order: what orders the phases of a DICOM cine.

    Raises:
        InputError, DicomError, VolumeError: what cannot be read; the message says why.
    """
    with warnings_kept() as warnings:
        image = _read(path, series, order)
    image.notes += tuple(warnings)
    return image


def _read(path: Path, series: str | None, order: str) -> Image:
    if path.is_dir():
        contents = contents_of(path, order)
        stack = choose_stack(contents, series)
        image = Image.of(load_cine(stack) if stack.phases > 1 else load_static(stack))
        beside = beside_of(contents)
        image.notes = (*stack.notes, *([f"beside it in the folder: {beside}"] if beside else []))
        return image
    if not facts_of(path).is_cine:
        volume = read_volume(path)
        _recall(path, [volume])
        return Image.of(volume)
    sequence = read_sequence(path)
    _recall(path, items_of(sequence))
    return Image.of(sequence)


def _recall(path: Path, volumes: list[slicer.vtkMRMLScalarVolumeNode]) -> None:
    """Give volumes the provenance that their NRRD file has in its header, which Slicer's readers leave there."""
    fields = read_header(path).fields if suffix(path) == ".nrrd" else {}
    for name, value in fields.items():
        if name.startswith(ATTRIBUTE_PREFIX):
            for volume in volumes:
                volume.SetAttribute(name, value)
