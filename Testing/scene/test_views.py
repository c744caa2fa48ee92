"""The comparison picture: same place, same window, sharp, labelled, and no node left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray

from DURNSuperResLib.scene.nodes import VolumeError
from DURNSuperResLib.scene.storage import OutputError
from DURNSuperResLib.scene.views import LinkedViews, compare_picture, describe, screen_axes, side_of
from DURNSuperResLib.scene.volumes import upscale_volume
from geometries import oblique


@pytest.fixture
def pair(make_node: Callable, heart_slices: NDArray) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """An oblique volume and its bicubic enlargement."""
    node = make_node(heart_slices, oblique((5.5, 5.5, 8.0)), name="heart")
    return [node, upscale_volume(node, method="bicubic")]


def test_both_views_show_the_same_place_at_the_same_window(pair: list) -> None:
    pair[1].GetDisplayNode().SetWindowLevel(10, 5)
    views = LinkedViews(pair, size=256)
    views.show(slice_index=1)
    a, b = (image.astype(float) for image in views.images())
    views.close()
    assert a.std() > 20
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.97
    assert abs(a.mean() - b.mean()) < 2
    shifted = np.corrcoef(a[:, 4:].ravel(), b[:, :-4].ravel())[0, 1]
    assert shifted < np.corrcoef(a[:, 4:].ravel(), b[:, 4:].ravel())[0, 1]


def test_voxels_are_shown_as_they_are(pair: list) -> None:
    """Sixty-four voxels across 256 screen pixels: each is a square of four, which smoothing would blur."""
    views = LinkedViews(pair, size=256)
    views.show(slice_index=1)
    original, enlarged = (np.abs(np.diff(image[..., 0].astype(int), axis=1)) > 0 for image in views.images())
    views.close()
    assert original.mean() < 0.26
    assert original.mean() < enlarged.mean() < 0.52


@pytest.mark.parametrize(
    "geometry", [np.eye(4), np.diag([-1, -1, 1, 1]), oblique((1, 1, 1))], ids=["RAS", "LPS", "oblique"]
)
@pytest.mark.parametrize("slice_axis", ["i", "j", "k"])
def test_what_lies_to_a_side_of_the_patient_is_shown_at_that_side(
    make_node: Callable, geometry: NDArray, slice_axis: str
) -> None:
    """A bright spot towards a side appears where the views say that this side is."""
    size, middle = 24, (np.full(3, 11.5), 8)
    for letter, towards in zip("RASLPI", np.vstack([np.eye(3), -np.eye(3)]), strict=True):
        i, j, k = np.round(middle[0] + middle[1] * np.linalg.inv(geometry[:3, :3]) @ towards).astype(int)
        voxels = np.zeros((size, size, size), dtype=np.int16)
        voxels[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 1000
        node = make_node(voxels, geometry)
        node.GetDisplayNode().SetAutoWindowLevel(False)
        node.GetDisplayNode().SetWindowLevel(1000, 500)
        views = LinkedViews([node], size=120, slice_axis=slice_axis)
        sides, pictures = views.sides, []
        for index in range(size):
            views.show(slice_index=index)
            pictures.append(views.images()[0][..., 0].astype(float))
        views.close()
        shown = np.max(pictures, axis=0)
        rows, columns = np.nonzero(shown > 128)
        right, down = columns.mean() - 59.5, rows.mean() - 59.5
        if max(abs(right), abs(down)) < 10:  # towards the viewer or away
            assert all(not side.startswith(letter) for side in sides)
            continue
        at = (1 if right > 0 else 0) if abs(right) > abs(down) else (3 if down > 0 else 2)
        assert letter in sides[at]


@pytest.mark.parametrize(
    ("direction", "side"),
    [((1, 0, 0), "R"), ((0, -1, 0), "P"), ((-0.6, 0.8, 0), "AL"), ((0.7, -0.1, -0.7), "RI"), ((0.1, 0.1, 0.99), "S")],
)
def test_a_side_is_named_in_letters_the_chief_one_first(direction: tuple[float, float, float], side: str) -> None:
    assert side_of(np.array(direction)) == side


def test_a_slice_index_moves_both_views(pair: list) -> None:
    views = LinkedViews(pair, size=128)
    pictures = []
    for index in (0, 2):
        views.show(slice_index=index)
        pictures.append(views.images())
    views.close()
    assert all(np.abs(first.astype(int) - last).mean() > 1 for first, last in zip(*pictures, strict=True))


def test_the_picture_holds_both_views_and_their_labels(pair: list, scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    path, before = tmp_path / "pair.png", scene.GetNumberOfNodes()
    compare_picture(pair, path, size=300)
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert image.shape == (300, 604, 3)
    for corner in (image[8:40, 8:150], image[8:40, 312:450]):
        assert (corner.min(axis=2) > 240).sum() > 100
    assert scene.GetNumberOfNodes() == before
    with pytest.raises(OutputError, match="exists"):
        compare_picture(pair, path)


def test_labels_name_method_and_spacing(pair: list) -> None:
    assert describe(pair[0]) == "heart  5.50 mm"
    assert describe(pair[1]) == "bicubic x2  2.75 mm"


def test_volumes_apart_from_each_other_are_refused(make_node: Callable, heart_slices: NDArray, tmp_path: Path) -> None:
    far = np.diag([1.4, 1.4, 8.0, 1.0])
    far[:3, 3] = 9000
    nodes = [make_node(heart_slices), make_node(heart_slices, far)]
    with pytest.raises(VolumeError, match="share no region"):
        compare_picture(nodes, tmp_path / "a.png")


def test_a_slice_that_is_not_there_is_refused(pair: list, tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="slice 7 is not among the slices 0 to 2"):
        compare_picture(pair, tmp_path / "a.png", slice_index=7)


def test_an_axial_volume_hangs_left_to_the_right_and_anterior_up() -> None:
    for signs in ([-1, -1, 1], [1, 1, 1], [1, -1, -1]):
        x, y, towards = screen_axes(np.diag([*np.multiply(signs, [1.4, 1.4, 8.0]), 1.0]), 2)
        assert x.tolist() == [-1, 0, 0]
        assert y.tolist() == [0, 1, 0]
        assert np.allclose(towards, np.cross(x, y))


def test_a_full_disk_leaves_no_picture(pair: list, tmp_path: Path, full_disk: Callable) -> None:
    path = tmp_path / "a.png"
    with full_disk(2000), pytest.raises(OutputError, match=r"disk full|File too large"):
        compare_picture(pair, path)
    assert list(tmp_path.iterdir()) == []
