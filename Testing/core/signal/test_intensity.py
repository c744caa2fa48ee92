"""One linear intensity map for the whole of a volume or a cine."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.signal.intensity import IntensityMap


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


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_values_are_mapped_in_more_than_their_own_precision(dtype: type) -> None:
    values = np.arange(1, 200).astype(dtype)
    there = IntensityMap(offset=0.3, width=77.7)
    assert (there.normalise(values) == there.normalise(values.astype(np.float64))).all()
