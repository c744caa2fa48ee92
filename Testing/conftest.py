"""Shared fixtures: where the real data lie, and volume nodes with geometries that catch mistakes."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.scene.app import current_scene

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real images: ``DURN_DATA``, else ``../shared/data``; tests that need it skip without."""
    folder = Path(os.environ.get("DURN_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "cmr").is_dir():
        pytest.skip(f"the real images are not at {folder}; set DURN_DATA to their folder")
    return folder


@pytest.fixture
def scene() -> Iterator[slicer.vtkMRMLScene]:
    """The scene, left as it was found."""
    scene = current_scene()
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    yield scene
    for node in [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]:
        if node.GetID() not in before and scene.IsNodePresent(node):
            scene.RemoveNode(node)


@pytest.fixture
def make_node(scene: slicer.vtkMRMLScene) -> Callable[..., slicer.vtkMRMLScalarVolumeNode]:
    """Makes a volume node of ``(k, j, i)`` voxels with an IJK-to-RAS matrix."""

    def make(
        voxels: NDArray, ijk_to_ras: NDArray | None = None, name: str = "volume"
    ) -> slicer.vtkMRMLScalarVolumeNode:
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        slicer.util.updateVolumeFromArray(node, voxels)
        matrix = np.diag([1.4, 1.4, 8.0, 1.0]) if ijk_to_ras is None else ijk_to_ras
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        node.CreateDefaultDisplayNodes()
        return node

    return make


@pytest.fixture(scope="session")
def heart_slices() -> NDArray[np.float32]:
    """Three acquired phantom slices, ``(3, 64, 64)``."""
    return short_axis_phantom(2, slices=3, size=128).acquired


@pytest.fixture
def full_disk() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """A context in which no file can grow past some bytes: writes then fail as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs POSIX file size limits")

    @contextlib.contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)

    return limited
