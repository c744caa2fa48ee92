"""What an output tells of where it came from, and what it takes over from its input."""

from __future__ import annotations

from collections.abc import Mapping

import slicer

from ..core.network.models import model_for
from ..core.upscaling import Upscaling
from ..version import __version__

ATTRIBUTE_PREFIX = "DURNSuperRes."
SOURCE_REFERENCE = "DURNSuperRes.Source"
NOT_INHERITED = "DICOM.instanceUIDs"


def dress(output: slicer.vtkMRMLScalarVolumeNode, source: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Give the output the source's display, parent transform and place in the subject hierarchy."""
    output.CreateDefaultDisplayNodes()
    if source.GetDisplayNode() is not None:
        output.GetDisplayNode().CopyContent(source.GetDisplayNode())
        output.GetDisplayNode().SetAutoWindowLevel(False)
    output.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(source.GetScene())
    item = hierarchy.GetItemByDataNode(source)
    if item == hierarchy.GetInvalidItemID():
        return
    parent, place = hierarchy.GetItemParent(item), hierarchy.GetItemByDataNode(output)
    if place == hierarchy.GetInvalidItemID():
        hierarchy.CreateItem(parent, output)
    else:
        hierarchy.SetItemParent(place, parent)


def record(output: slicer.vtkMRMLNode, source: slicer.vtkMRMLNode, how: Upscaling, found: Mapping[str, str]) -> None:
    """Write the provenance into the output's attributes, and a reference to its source; volumes and sequences alike.

    ``found`` are further entries, without the prefix; those of an earlier run are removed.
    """
    for name in [name for name in output.GetAttributeNames() if name.startswith(ATTRIBUTE_PREFIX)]:
        output.RemoveAttribute(name)
    entries = provenance(source, how) | {ATTRIBUTE_PREFIX + name: value for name, value in found.items()}
    for name, value in entries.items():
        output.SetAttribute(name, value)
    output.RemoveAttribute(NOT_INHERITED)
    output.SetNodeReferenceID(SOURCE_REFERENCE, source.GetID())


def provenance(source: slicer.vtkMRMLNode, how: Upscaling) -> dict[str, str]:
    """The attributes that say what an output was made of and how."""
    entries = {"Version": __version__, "Method": how.method, "Scale": str(how.scale)}
    entries |= {"SourceID": source.GetID() or "", "SourceName": source.GetName() or ""}
    if how.is_durn:
        card = model_for(how.scale, how.model)
        entries |= {"Model": card.name, "ModelSHA256": card.sha256}
    flags = {"BestQuality": how.best_quality, "KeepMeasured": how.keep_measured and how.is_durn}
    entries |= {name: "true" for name, given in flags.items() if given}
    return {ATTRIBUTE_PREFIX + name: value for name, value in entries.items()}
