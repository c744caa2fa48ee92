"""Geometry that keeps the field of view."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.geometry import slice_axis, slices_back, slices_first, upscaled_ijk_to_ras, voxel_spacing


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_corners_of_the_field_of_view_stay(axis: int, scale: int) -> None:
    matrix = np.random.default_rng(axis).normal(size=(4, 4))
    matrix[3] = (0, 0, 0, 1)
    size = np.array([33, 41, 7])
    larger = np.where(np.arange(3) == axis, size, size * scale)
    fine = upscaled_ijk_to_ras(matrix, scale, axis)
    for corner in np.ndindex(2, 2, 2):
        before = matrix @ np.append(np.where(corner, size - 0.5, -0.5), 1)
        after = fine @ np.append(np.where(corner, larger - 0.5, -0.5), 1)
        assert_allclose(after, before, atol=1e-12)
    assert_allclose(voxel_spacing(fine) * (larger / size), voxel_spacing(matrix))


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1.4, 1.4, 8), 2), ((8, 1.4, 1.4), 0), ((1.4, 6, 1.4), 1), ((1, 1, 1), 2), ((1.2, 1, 0.9), 0), ((2, 2, 1), 2)],
)
def test_the_widest_spacing_is_across_slices(spacing: tuple[float, ...], axis: int) -> None:
    assert slice_axis(np.diag([*spacing, 1])) == axis


def test_a_chosen_slice_axis_is_taken_and_an_unknown_one_refused() -> None:
    assert slice_axis(np.diag([1, 1, 8, 1]), "j") == 1
    with pytest.raises(ValueError, match="'x'"):
        slice_axis(np.eye(4), "x")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_first_and_back_are_inverse(axis: int) -> None:
    voxels = np.arange(24).reshape(2, 3, 4)
    slices = slices_first(voxels, axis)
    assert slices.shape[0] == voxels.shape[2 - axis]
    assert np.array_equal(slices_back(slices, axis), voxels)


@pytest.mark.parametrize(
    ("size", "spacing", "axis"),
    [
        ((64, 48, 1), (1.25, 1.48, 1.0), 2),
        ((64, 48, 1), (1.48, 1.25, 1.0), 2),
        ((64, 1, 48), (1.25, 1.0, 1.48), 1),
        ((1, 64, 48), (0.1, 1.25, 1.48), 0),
        ((64, 48, 5), (1.25, 1.48, 1.0), 1),
        ((64, 1, 1), (1.25, 1.0, 8.0), 2),
    ],
)
def test_a_single_slice_lies_across_its_axis_of_one_voxel(size: tuple, spacing: tuple, axis: int) -> None:
    assert slice_axis(np.diag([*spacing, 1]), "auto", size) == axis
    assert slice_axis(np.diag([*spacing, 1]), "j", size) == 1
