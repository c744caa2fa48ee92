"""The data sets for Slicer's Sample Data module, registered as Slicer starts and loaded as by a click."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from desktop import sampledata
from desktop.standin import Desktop
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.panel import sample_data
from DURNSuperResLib.scene.sequences import browser_of, sequence_of


@pytest.fixture(autouse=True)
def _started(desktop: Desktop) -> None:
    """Slicer has started with the module."""
    desktop.module.DURNSuperRes(SimpleNamespace())


@pytest.fixture
def click(desktop: Desktop) -> Callable[[str], slicer.vtkMRMLNode]:
    """Press the button of a data set in the Sample Data module."""

    def press(name: str) -> slicer.vtkMRMLNode:
        source = registered()[name]
        return source.customDownloader(source)

    return press


@pytest.fixture
def served(scene: slicer.vtkMRMLScene, tmp_path: Path) -> Iterator[Path]:
    """A folder that stands for the public address, and a cache of the scene's own."""
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(tmp_path / "cache"))
    before = scene.GetCacheManager()
    scene.SetCacheManager(cache)
    folder = tmp_path / "served"
    folder.mkdir()
    rules = sampledata.SampleDataLogic.rules
    rules["here"] = lambda uri: (folder / uri.rsplit("/", 1)[1]).as_uri()
    yield folder
    rules.clear()
    scene.SetCacheManager(before)


def registered() -> dict[str, SimpleNamespace]:
    return {source.sampleName: source for source in slicer.modules.sampleDataSources[sample_data.CATEGORY]}


def test_data_sets_are_registered_once_when_slicer_has_started(desktop: Desktop) -> None:
    assert list(registered()) == ["DURN heart phantom", "DURN short-axis cine", "DURN short-axis stack (55 MB)"]
    assert slicer.modules.sampleDataSourceCategories[sample_data.CATEGORY] == {"title": "DURN Super-Resolution"}
    sample_data.register()
    assert len(slicer.modules.sampleDataSources[sample_data.CATEGORY]) == 3
    for source in registered().values():
        assert Path(source.thumbnailFileName).read_bytes().startswith(b"\x89PNG")


def test_slicer_5_10_has_no_categories(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SampleData", sampledata.without_categories())
    slicer.modules.sampleDataSources.clear()
    sample_data.register()
    assert len(registered()) == 3


def test_the_phantom_needs_no_network(desktop: Desktop, click: Callable) -> None:
    node = click(sample_data.PHANTOM)
    assert (node.GetName(), registered()[sample_data.PHANTOM].uris) == ("DURN heart phantom", [])
    assert np.array_equal(slicer.util.arrayFromVolume(node), short_axis_phantom(2).acquired)
    assert node.GetSpacing() == pytest.approx((350 / 128, 350 / 128, 8))
    red = desktop.manager.sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    assert red.GetBackgroundVolumeID() == node.GetID()
    assert desktop.panel()._parameterNode.inputVolume is node
    assert click(sample_data.PHANTOM).GetName() != node.GetName()


def test_the_cine_is_the_public_one(data: Path) -> None:
    """Each registered hash is that of the file of the same name among the real images."""
    for name, digest in sample_data.CINE_PHASES:
        path = data / "cmr" / "cine_dicom" / "Se2" / sample_data.CINE_SOURCE.format(name).rsplit("/", 1)[1]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert len(sample_data.CINE_PHASES) == 25


def test_the_stack_is_the_public_one(data: Path) -> None:
    """Each of the 400 hashes is that of the file of the same name among the real images."""
    lines = [line.split("  ") for line in sample_data.STACK_FILES.read_text().splitlines()]
    assert [name for _, name in lines] == [f"I{n:04}.dcm" for n in range(1, 401)]
    for digest, name in lines:
        assert hashlib.sha256((data / "cmr" / "ep_shortaxis" / name).read_bytes()).hexdigest() == digest


def test_the_stack_is_a_cine_of_twenty_slices(data: Path, desktop: Desktop, click: Callable, served: Path) -> None:
    for path in (data / "cmr" / "ep_shortaxis").iterdir():
        (served / path.name).symlink_to(path)
    node = click(sample_data.STACK)
    assert sequence_of(node).GetName() == "DURN short-axis stack"
    assert sequence_of(node).GetNumberOfDataNodes() == 20
    assert slicer.util.arrayFromVolume(node).shape == (20, 256, 256)
    assert slicer.modules.sequences.shown == [browser_of(sequence_of(node))]
    assert (desktop.dialogs[0].maximum, desktop.dialogs[0].visible) == (400, False)


def test_a_download_can_be_cancelled_and_goes_on_where_it_was(
    data: Path, desktop: Desktop, click: Callable, served: Path, tmp_path: Path
) -> None:
    for path in (data / "cmr" / "cine_dicom" / "Se2").iterdir():
        (served / path.name).symlink_to(path)
    before = desktop.scene.GetNumberOfNodes()
    desktop.app.pumped.append(lambda: desktop.dialogs[0].value >= 5 and desktop.dialogs[0]._target.cancel())
    assert click(sample_data.CINE) is None
    assert desktop.scene.GetNumberOfNodes() == before
    assert len(list((tmp_path / "cache" / "DURNShortAxisCine").iterdir())) == 5
    desktop.app.pumped.clear()
    assert click(sample_data.CINE) is not None


def test_the_cine_is_downloaded_once_and_upscaled_whole(
    data: Path, desktop: Desktop, click: Callable, served: Path
) -> None:
    for path in (data / "cmr" / "cine_dicom" / "Se2").iterdir():
        (served / path.name).symlink_to(path)
    node = click(sample_data.CINE)
    sequence = sequence_of(node)
    assert (sequence.GetName(), sequence.GetNumberOfDataNodes(), sequence.GetIndexUnit()) == (
        "DURN short-axis cine",
        25,
        "ms",
    )
    assert slicer.util.arrayFromVolume(node).shape == (1, 208, 256)
    output = desktop.module.DURNSuperResLogic().process(node, wholeCine=True, method="bicubic")
    assert slicer.util.arrayFromVolume(output).shape == (1, 416, 512)
    for path in served.iterdir():
        path.unlink()
    assert sequence_of(click(sample_data.CINE)).GetNumberOfDataNodes() == 25  # from the cache


def test_a_cine_that_cannot_be_had_adds_nothing(
    desktop: Desktop, click: Callable, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["slicer.i18n"], "tr", lambda text: text.replace("was not loaded", "is missing"))
    before = desktop.scene.GetNumberOfNodes()
    with pytest.raises(ValueError, match="Failed to download"):
        click(sample_data.CINE)
    for name, _ in sample_data.CINE_PHASES:
        (served / sample_data.CINE_SOURCE.format(name).rsplit("/", 1)[1]).write_bytes(b"something else")
    with pytest.raises(OSError, match="SHA-256 differs"):
        click(sample_data.CINE)
    assert desktop.scene.GetNumberOfNodes() == before
    assert len(desktop.errors) == 2
    assert all(error.startswith("The sample DURN short-axis cine is missing.") for error in desktop.errors)
