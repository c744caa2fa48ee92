"""One linear intensity map, and geometry that keeps the field of view."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.geometry import slice_axis, slices_back, slices_first, upscaled_ijk_to_ras, voxel_spacing
from DURNSuperResLib.core.intensity import IntensityMap


def test_the_map_is_linear_invertible_and_does_not_clip() -> None:
    values = np.random.default_rng(0).gamma(2, 150, (3, 40, 40)) - 500
    mapped = IntensityMap.of(values)
    there = mapped.normalise(values)
    assert there.min() < 0
    assert there.max() > 1
    assert_allclose(mapped.restore(there), values, rtol=1e-5, atol=1e-3)


def test_the_map_spans_the_percentiles() -> None:
    mapped = IntensityMap.of(np.arange(100_001))
    assert (mapped.offset, mapped.offset + mapped.width) == pytest.approx((100, 99_900))


def test_a_few_bright_voxels_on_a_flat_ground_still_have_a_map() -> None:
    values = np.zeros((64, 64))
    values[0, 0] = 7
    assert IntensityMap.of(values).width == 7


def test_a_cine_has_the_map_of_all_its_phases_together() -> None:
    draw = np.random.default_rng(1)
    phases = [draw.gamma(2, 100 + 30 * n, (3, 100, 100)) for n in range(5)]
    assert IntensityMap.of_items(phases) == IntensityMap.of(np.stack(phases))
    sampled = IntensityMap.of_items(phases, largest_sample=80_000)
    exact = IntensityMap.of(np.stack(phases))
    assert (sampled.offset, sampled.width) == pytest.approx((exact.offset, exact.width), rel=0.1)
    assert sampled != exact


def test_a_cine_of_constant_phases_has_a_map_if_they_differ() -> None:
    assert IntensityMap.of_items([np.full((2, 3), 4), np.full((2, 3), 6)]).width == 2
    with pytest.raises(ValueError, match="constant"):
        IntensityMap.of_items([np.full((2, 3), 4), np.full((2, 3), 4)])


@pytest.mark.parametrize("values", [np.full((2, 3, 3), 4.0), np.array([]), np.array([0.0, np.nan])])
def test_constant_empty_and_non_finite_values_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"constant|no voxels|NaN"):
        IntensityMap.of(values)


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
