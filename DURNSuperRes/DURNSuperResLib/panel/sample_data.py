"""Data sets of the extension for Slicer's Sample Data module: a heart phantom, made on the spot, and two real cines.

The cine is the mid-ventricular short-axis slice of the example study of biv-me (J. Dillon et al., FIMH 2025),
Apache-2.0: balanced steady-state free precession at 3 T, 25 phases of 208 x 256 pixels of 1.4 mm. The stack is the
short axis of a pig of the Sunnybrook Preclinical Simulated Cardiac EP Dataset, CC0: balanced steady-state free
precession at 1.5 T, 20 slices in 20 phases of 256 x 256 pixels of 0.82 mm, which the scanner has interpolated.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import slicer

CATEGORY = "DURN Super-Resolution"
PHANTOM, CINE, STACK = "DURN heart phantom", "DURN short-axis cine", "DURN short-axis stack (55 MB)"
RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
ICONS = RESOURCES / "Icons"
CINE_SOURCE = (
    "https://raw.githubusercontent.com/UOA-Heart-Mechanics-Research/biv-me/d01024f8d824a7600cab3daf24b63d202f127d87/"
    "example/dicoms/patient1/Se2/1-2-826-0-1-3680043-9-1400-1-1-4-4232746890-20340-174718{}.dcm"
)
CINE_PHASES = (  # end of the file's name, SHA-256
    ("5562-28", "018aa2e031b3ab12c387ed62416ecd6b778d7bea8349b4922e4b4609f1c8cc6f"),
    ("5562-29", "4c1e41204ced5c01354d3f3b007d52decb4c029ce6052c04e32487e27cc0fd45"),
    ("5562-30", "781add044da0706f054e5544a8452bb09280298c1b7348445beb293545aa9238"),
    ("5562-31", "fae980c0609c4f51b07d916fe011a1668a54f0df03719b13a931c8fd8adb3009"),
    ("5562-32", "1123a675ee711ce5a362e08856997121f3c7dd8bd1c944b6ce0fc710642ec41b"),
    ("5562-33", "ae54a1242e7571f05e6b3d966913a5f4d1208931accf7c0c2c32b3c19ff89f73"),
    ("5562-34", "6b8e3bcf608e01a702c6c6f3866ab15645b389ccd4a5ad682cc1323f34ec3e32"),
    ("5562-35", "10dc8818b955677987fa830ee8632ba0d5be90b3e42c1782ee56a80b4121ea48"),
    ("5562-36", "155a8a4d38f3afef205a89d770a42b663fad2b351afd9b68377d4df5fb1038d7"),
    ("5563-0", "e0e06fa1370e251f5dc0a64cb7cadca1bc011bb928514e15f3b180c76903b2c6"),
    ("5563-1", "ede31cfa908b50d95541cd63293acb4ab6a8dd173195f8bddcbdf4b95fce3574"),
    ("5563-2", "bc6631e93551be1a274730f6a1e1a04f2a4a91b2e4441515d47a0e625490ce19"),
    ("5563-3", "9d8be7d919fca64c39d493313c1d09749bcf683253c3728cd27c49b8f4647f3a"),
    ("5563-4", "89f7dd185a010d441719255ce4770964b33ad445736019f28e0570976ad4652e"),
    ("5563-5", "8ec0a34a512b03e6f0519542ff9dc5ef90526a515436be467be74aa2f8ce533c"),
    ("5563-6", "5a1e1becf88f1513e951238d0fc343286113f4437ac17dba8432026902568ff9"),
    ("5563-7", "cc0707913471e434f3e85209c2a45faa7f7bc829adf880ce52a06d116a2aefce"),
    ("5563-8", "a1cb8b6742cecd6a9cb2aec57d3891c1dd48828c5c4f990457a596a22d607ca3"),
    ("5563-9", "659192a2eebcf0c02a738ed2bd642054aca08f088c8ff61d94729c1f62651137"),
    ("5563-10", "031324ef9be33ae66189a53a1700ee8557c9b011d584123b5b8af8c79fd533a6"),
    ("5563-11", "5b5e8c922a114a6a1a1ea7d71cdb7fb6a57ff45b6adb7ac0a69ff1fe9f500ac0"),
    ("5563-12", "c5928deb5c2e05629a993a776bd0d616f03f6ea301967d005588dbcf5c9f3cb2"),
    ("5563-13", "a14cf730e69faf03cce5231988a23e632a384aa24d373dc3d32b9b41e9007c32"),
    ("5563-14", "978a17293b57087ecd731e1c1d26067a7b30edf67c40f1f865b0161ccad6a994"),
    ("5563-15", "906257535f80b7e2ff3efbd08e68e22ceead63ebf602c50968cbf485fd53fdf2"),
)
STACK_SOURCE = (
    "https://raw.githubusercontent.com/WrightGroupSRI/ep-dataset/bc049db937a64261eb649b05369f9bcc8484a6ba/"
    "E774S5-shortAxis/{}"
)
STACK_FILES = RESOURCES / "SampleData" / "DURNShortAxisStack.sha256"  # as sha256sum writes and checks it


class SampleFile(NamedTuple):
    """A file to download: where from, its name in the cache, and its SHA-256."""

    address: str
    name: str
    digest: str


def register() -> None:
    """Make the data sets known to the Sample Data module; a second time changes nothing."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # from Slicer 5.12 on; before, the key is what is shown
        logic.registerCustomSampleDataCategory(CATEGORY, title=CATEGORY)
    for name, load, icon in (
        (PHANTOM, load_phantom, "DURNHeartPhantom"),
        (CINE, load_cine_sample, "DURNShortAxisCine"),
        (STACK, load_stack_sample, "DURNShortAxisStack"),
    ):
        logic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            uris=[],  # the downloaders know them: here they would be listed at each start of Slicer
            fileNames=[],
            customDownloader=load,
            thumbnailFileName=str(ICONS / f"{icon}.png"),
        )


def load_phantom(_: Any = None) -> slicer.vtkMRMLScalarVolumeNode:
    """The phantom as a scanner would acquire it, 128 x 128 pixels of 2.7 mm, as a new volume in the views."""
    import numpy as np
    import slicer

    from ..core.signal.phantom import SLICE_SPACING_MM, short_axis_phantom
    from ..scene.app import current_scene

    phantom = short_axis_phantom(2)
    scene = current_scene()
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", scene.GenerateUniqueName(PHANTOM))
    slicer.util.updateVolumeFromArray(node, phantom.acquired)
    matrix = np.diag([-phantom.spacing_mm, -phantom.spacing_mm, SLICE_SPACING_MM, 1.0])
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    node.CreateDefaultDisplayNodes()
    return _shown(node)


def load_cine_sample(_: Any = None) -> slicer.vtkMRMLScalarVolumeNode | None:
    """Download the cine into Slicer's cache, load it as a sequence and return the volume that shows it.

    Returns None if the user cancels.

    Raises:
        ValueError: a file that cannot be downloaded.
        OSError: a file that has not the content that it should have.
        DicomError: images that cannot be read; nothing is added then.
    """
    files = [
        SampleFile(CINE_SOURCE.format(name), f"DURNShortAxisCine-{n:02}.dcm", digest)
        for n, (name, digest) in enumerate(CINE_PHASES)
    ]
    return _load(CINE, "DURNShortAxisCine", files)


def load_stack_sample(_: Any = None) -> slicer.vtkMRMLScalarVolumeNode | None:
    """As :func:`load_cine_sample`, the whole short axis: 20 slices in 20 phases."""
    pairs = (line.split() for line in STACK_FILES.read_text(encoding="ascii").splitlines())
    files = [SampleFile(STACK_SOURCE.format(name), name, digest) for digest, name in pairs]
    return _load(STACK, "DURNShortAxisStack", files)


def _load(name: str, folder_name: str, files: Sequence[SampleFile]) -> slicer.vtkMRMLScalarVolumeNode | None:
    import slicer
    from slicer.i18n import tr as _

    from ..scene.cine import load_cine
    from ..scene.dicom.stacks import choose_stack, contents_of
    from ..scene.sequences import shown_by_proxy
    from .playing import show_play_button

    with slicer.util.tryWithErrorDisplay(_("The sample {name} was not loaded.").format(name=name)):
        folder = Path(slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()) / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        if not _downloaded(name, files, folder):
            return None
        sequence = load_cine(choose_stack(contents_of(folder)))
        sequence.SetName(name.partition(" (")[0])
        volume = shown_by_proxy(sequence)
        show_play_button(volume)
        return _shown(volume)


def _downloaded(name: str, files: Sequence[SampleFile], folder: Path) -> bool:
    """Fetch what is not in the folder yet, with a progress bar where there is a window; False if the user cancels."""
    import SampleData
    import slicer

    logic = SampleData.SampleDataLogic()
    dialog = None
    if slicer.app.layoutManager() is not None:
        dialog = slicer.util.createProgressDialog(maximum=len(files), labelText=name, windowTitle=CATEGORY)
    try:
        for count, file in enumerate(files):
            if dialog is not None:
                dialog.value = count
                slicer.app.processEvents()
                if dialog.wasCanceled:
                    return False
            found = logic.downloadFile(file.address, str(folder), file.name, f"SHA256:{file.digest}")
            if not Path(found).is_file():
                raise OSError(f"{file.address} is not the file that is expected: its SHA-256 differs")
    finally:
        if dialog is not None:
            dialog.close()
    return True


def _shown(node: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScalarVolumeNode:
    """Show a volume in all slice views, as Slicer does with what it loads."""
    from ..scene.app import application_logic

    logic = application_logic()
    logic.GetSelectionNode().SetActiveVolumeID(node.GetID())
    logic.PropagateVolumeSelection(1)
    return node
