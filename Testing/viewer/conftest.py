"""Images to view, the viewer as its own process as a user starts it, and a real browser to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.sequence_storage import write_sequence
from DURNSuperResLib.scene.sequences import add_item, new_sequence, upscale_sequence
from DURNSuperResLib.scene.storage import write_volume
from DURNSuperResLib.scene.volumes import upscale_volume
from Testing.viewer.served import CHROMIUM, QUIET, READ_SECONDS, Served, start_viewer

PHASES, SLICES, SIZE, SPACING_MM = 4, 3, 64, 1.5
GEOMETRY = np.diag([-SPACING_MM, -SPACING_MM, 8.0, 1.0])
MILLISECONDS, BRIGHTEST = 40, 400


@dataclass(frozen=True)
class Files:
    """Paths of the images on view."""

    volume: Path
    volume_x2: Path
    cine: Path
    cine_x2: Path
    uncertainty: Path
    many_slices: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A phantom heart as a volume and as a cine that moves, each with its bicubic enlargement."""
    folder = tmp_path_factory.mktemp("images")
    files = Files(
        *(folder / name for name in ("heart.nrrd", "heart_x2.nrrd", "cine.seq.nrrd", "cine_x2.nii.gz", "sd.nrrd")),
        folder / "many.nrrd",
    )
    acquired = short_axis_phantom(2, slices=SLICES, size=2 * SIZE).acquired
    heart = np.round(BRIGHTEST * acquired / acquired.max()).astype(np.int16)
    scene = current_scene()
    different = np.tile(heart, (40, 1, 1)) + np.arange(40 * SLICES, dtype=np.int16)[:, None, None]
    volume, many = _volume(heart), _volume(different)
    volume_x2 = upscale_volume(volume, method="bicubic")
    sequence = scene.AddNode(new_sequence("cine", "TriggerTime", "ms"))
    for n in range(PHASES):
        add_item(sequence, np.roll(heart, 3 * n, axis=2), GEOMETRY, str(n * MILLISECONDS))
    sequence_x2 = upscale_sequence(sequence, method="bicubic")
    spread = _volume(np.abs(slicer.util.arrayFromVolume(volume_x2) - BRIGHTEST / 2))
    for node, path in (volume, files.volume), (volume_x2, files.volume_x2), (many, files.many_slices):
        write_volume(node, path)
    spread.CopyOrientation(volume_x2)
    write_volume(spread, files.uncertainty)
    write_sequence(sequence, files.cine)
    write_sequence(sequence_x2, files.cine_x2)
    for node in (volume, many, volume_x2, spread, sequence, sequence_x2):
        scene.RemoveNode(node)
    return files


def _volume(voxels: NDArray[Any]) -> slicer.vtkMRMLScalarVolumeNode:
    node = current_scene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", "heart")
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(GEOMETRY))
    return node


def _started(folder: Path, *arguments: object) -> Served:
    pytest.importorskip("trame_server", reason="the viewer's packages are not installed")
    return start_viewer(folder, *arguments)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts viewers, and ends them."""
    started: list[Served] = []

    def start(*arguments: object) -> Served:
        started.append(_started(tmp_path, *arguments))
        return started[-1]

    yield start
    for served in started:
        served.end()


@pytest.fixture(scope="session")
def cine_viewer(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A viewer of the cine, its enlargement and an uncertainty map, which tests leave as they like."""
    served = _started(tmp_path_factory.mktemp("viewer"), files.cine, files.cine_x2, "--uncertainty", files.uncertainty)
    yield served
    served.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window; while it is there, so is its event loop, and tests can have none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIET.split())
        except playwright.Error as error:
            pytest.skip(f"{CHROMIUM} does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Errors that pages tell and requests that they make of other hosts; there must be none left at the end."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def open_page(browser: Any, complaints: list[str]) -> Iterator[Callable[[Served], Any]]:
    """Opens a viewer's page and listens to its complaints."""
    contexts = []

    def note_request(request: Any, root: str) -> None:
        if not request.url.startswith((root, root.replace("http:", "ws:"), "blob:", "data:")):
            complaints.append(f"asked for {request.url}")

    def start(served: Served) -> Any:
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 720}))
        page = contexts[-1].new_page()
        page.set_default_timeout(1000 * READ_SECONDS)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: note_request(request, served.root))
        page.goto(served.address)
        page.wait_for_selector("#view-original img")
        return page

    yield start
    for context in contexts:
        context.close()
