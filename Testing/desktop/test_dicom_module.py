"""What Slicer's DICOM module makes of a cine, taken by the panel: read by Slicer's own reader, in the nodes it makes.

The module offers a cine as a volume sequence, an image sequence, a multi-volume, or as plain volumes, one a phase or
all phases as if they were slices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk

from desktop.standin import Desktop, choose
from DURNSuperResLib.scene.sequences import browser_of, sequence_of

PHASES = 4
SIZE = (208, 256)
MULTI_VOLUME = "vtkMRMLVectorVolumeNode"  # vtkMRMLMultiVolumeNode is an extension's; this holds its voxels alike


@pytest.fixture
def files(data: Path) -> list[Path]:
    """Four phases of one slice, in order of time."""
    return sorted((data / "cmr" / "cine_dicom" / "Se2").iterdir(), key=lambda path: int(path.stem.rpartition("-")[2]))[
        :PHASES
    ]


def read(paths: list[Path], name: str, scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLScalarVolumeNode:
    """A plain volume as Slicer's reader makes it of some files, with what the DICOM module notes beside it."""
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(paths[0]))
    storage.ResetFileNameList()
    for path in paths:
        storage.AddFileName(str(path))
    storage.SetSingleFile(len(paths) == 1)
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    assert storage.ReadData(volume)
    volume.CreateDefaultDisplayNodes()
    volume.SetAttribute("DICOM.instanceUIDs", " ".join(f"1.2.{n}" for n in range(len(paths))))
    return volume


def sequence(
    paths: list[Path], scene: slicer.vtkMRMLScene, index: tuple[str, str], kind: int
) -> slicer.vtkMRMLScalarVolumeNode:
    """The volume that shows a sequence as the sequence plugins of the DICOM module build it."""
    node = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Se2 sequence")
    node.SetIndexName(index[0])
    node.SetIndexUnit(index[1])
    node.SetIndexType(kind)
    for n, path in enumerate(paths):
        item = read([path], f"frame {n}", scene)
        node.SetDataNodeAtValue(item, str(n))
        scene.RemoveNode(item)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Se2 browser")
    browser.AddSynchronizedSequenceNode(node)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return browser.GetProxyNode(node)


def multi_volume(paths: list[Path], scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLScalarVolumeNode:
    """Frames as the components of the voxels, with the attributes that the multi-volume plugin writes."""
    frames = [read([path], f"frame {n}", scene) for n, path in enumerate(paths)]
    append = vtk.vtkImageAppendComponents()
    for frame in frames:
        append.AddInputData(frame.GetImageData())
    append.Update()
    node, matrix = scene.AddNewNodeByClass(MULTI_VOLUME, "Se2 multi-volume"), vtk.vtkMatrix4x4()
    frames[0].GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveImageData(append.GetOutput())
    node.CreateDefaultDisplayNodes()
    for key, value in {
        "FrameLabels": "0,26.5,53,79.5",
        "NumberOfFrames": str(len(paths)),
        "FrameIdentifyingDICOMTagName": "TriggerTime",
        "FrameIdentifyingDICOMTagUnits": "ms",
    }.items():
        node.SetAttribute(f"MultiVolume.{key}", value)
    for frame in frames:
        scene.RemoveNode(frame)
    return node


def applied(desktop: Desktop, volume: slicer.vtkMRMLScalarVolumeNode) -> tuple[Any, slicer.vtkMRMLScalarVolumeNode]:
    """The panel and its result for a volume, by bicubic."""
    panel = desktop.panel()
    selector = panel.ui.inputSelector
    selector.nodeTypes = [kind.replace("vtkMRMLMultiVolumeNode", MULTI_VOLUME) for kind in selector.nodeTypes]
    choose(panel.ui.methodComboBox, "Bicubic")
    panel._parameterNode.inputVolume = volume
    panel.ui.applyButton.click()
    assert not desktop.errors
    output = panel._parameterNode.outputVolume
    assert output.GetAttribute("DICOM.instanceUIDs") is None
    return panel, output


@pytest.mark.parametrize(
    ("index", "kind"),
    [
        (("TriggerTime", "ms"), slicer.vtkMRMLSequenceNode.NumericIndex),
        (("frame", ""), slicer.vtkMRMLSequenceNode.NumericIndex),
        (("InstanceNumber", ""), slicer.vtkMRMLSequenceNode.TextIndex),
    ],
)
def test_a_sequence_is_taken_whole_and_plays_with_the_result(
    desktop: Desktop, scene: slicer.vtkMRMLScene, files: list[Path], index: tuple[str, str], kind: int
) -> None:
    volume = sequence(files, scene, index, kind)
    panel, output = applied(desktop, volume)
    assert panel.ui.wholeCineCheckBox.enabled
    result = sequence_of(output)
    assert result.GetNumberOfDataNodes() == PHASES
    assert (result.GetIndexName(), result.GetIndexUnit(), result.GetIndexType()) == (*index, kind)
    assert browser_of(result) is browser_of(sequence_of(volume))
    assert slicer.modules.sequences.shown == [browser_of(result)]
    assert slicer.util.arrayFromVolume(output).shape == (1, 2 * SIZE[0], 2 * SIZE[1])
    panel.ui.twoPhasesButton.click()
    assert not desktop.errors
    panel.cleanup()


def test_a_multi_volume_becomes_a_sequence_with_a_play_button(
    desktop: Desktop, scene: slicer.vtkMRMLScene, files: list[Path]
) -> None:
    panel, output = applied(desktop, multi_volume(files, scene))
    result = sequence_of(output)
    assert [result.GetNthIndexValue(n) for n in range(PHASES)] == ["0", "26.5", "53", "79.5"]
    assert result.GetIndexUnit() == "ms"
    assert slicer.modules.sequences.shown == [browser_of(result)]
    assert not panel.ui.twoPhasesButton.enabled  # its original has no phases to show
    panel.cleanup()


def test_a_plain_volume_of_one_phase_is_one_volume(
    desktop: Desktop, scene: slicer.vtkMRMLScene, files: list[Path]
) -> None:
    panel, output = applied(desktop, read(files[:1], "phase", scene))
    assert not panel.ui.wholeCineCheckBox.enabled
    assert slicer.util.arrayFromVolume(output).shape == (1, 2 * SIZE[0], 2 * SIZE[1])
    panel.ui.sideBySideButton.click()
    panel.ui.differenceButton.click()
    assert not desktop.errors
    assert slicer.modules.sequences.shown == []
    panel.cleanup()


def test_phases_that_were_read_as_slices_stay_apart(
    desktop: Desktop, scene: slicer.vtkMRMLScene, files: list[Path]
) -> None:
    """The reader stacks images of one place; each is enlarged in its plane, whatever distance it has made up."""
    panel, output = applied(desktop, read(files, "all phases", scene))
    enlarged = slicer.util.arrayFromVolume(output)
    assert enlarged.shape == (PHASES, 2 * SIZE[0], 2 * SIZE[1])
    single = read(files[:1], "first", scene)
    panel._parameterNode.inputVolume, panel._parameterNode.outputVolume = single, None
    panel.ui.applyButton.click()
    alone = slicer.util.arrayFromVolume(panel._parameterNode.outputVolume)[0]
    assert min(np.abs(alone - image).max() for image in enlarged) <= 1e-3 * np.ptp(alone)
    panel.cleanup()
