"""Consistency of output and input: the figures, and the step that makes the output reproduce the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import Cancelled, upscale_slices
from DURNSuperResLib.core.signal.consistency import TOLERANCE, ConsistencyMeter, make_consistent
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.signal.resampling import bicubic_downscale, bicubic_reduction
from DURNSuperResLib.evaluation.protocols import centre_crop, normalised
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation


def deviation(enlarged: NDArray, slices: NDArray, scale: int) -> float:
    """Largest deviation of the reduced output from the input, in parts of the input's range."""
    return float(np.abs(bicubic_downscale(enlarged, scale) - slices).max() / np.ptp(slices.astype(float)))


def test_the_figures_are_those_of_the_whole_stack() -> None:
    slices = np.random.default_rng(0).integers(0, 1000, (5, 20, 24)).astype(np.int16)
    enlarged = np.repeat(np.repeat(slices, 2, axis=1), 2, axis=2).astype(np.float32)
    meter = ConsistencyMeter()
    meter.add(enlarged[:2], slices[:2], 2)
    meter.add(enlarged[2:], slices[2:], 2)
    error = bicubic_downscale(enlarged, 2) - slices
    width = float(slices.max()) - float(slices.min())
    found = meter.result
    assert found.psnr == pytest.approx(10 * np.log10(width**2 / np.mean(error**2)))
    assert found.largest == pytest.approx(np.abs(error).max())
    assert found.percent == pytest.approx(100 * np.abs(error).max() / width)
    assert (found.low, found.high) == (slices.min(), slices.max())
    assert f"{found.psnr:.1f} dB" in str(found)


def test_an_output_that_reproduces_the_input_has_no_deviation() -> None:
    truth = np.random.default_rng(1).random((2, 24, 32)) * 100
    meter = ConsistencyMeter()
    meter.add(truth, bicubic_downscale(truth, 4), 4)
    assert meter.result.largest < 1e-9
    assert meter.result.psnr > 200
    with pytest.raises(ValueError, match="no slice"):
        _ = ConsistencyMeter().result


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_reduction_matrix_is_the_reduction(scale: int) -> None:
    image = np.random.default_rng(2).random((12 * scale, 7 * scale))
    down, across = (bicubic_reduction(size, scale) for size in image.shape)
    assert_allclose(down @ image @ across.T, bicubic_downscale(image, scale), atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("method", ["durn", "bicubic"])
def test_data_consistency_makes_the_output_reproduce_the_input(heart_slices: NDArray, method: str, scale: int) -> None:
    slices = heart_slices[:, 3:, :-5].astype(np.int16) - 200  # odd sizes, negative values
    plain = upscale_slices(slices, scale, method=method)
    held = upscale_slices(slices, scale, method=method, data_consistency=True)
    assert deviation(plain, slices, scale) > 10 * TOLERANCE
    assert deviation(held, slices, scale) <= TOLERANCE
    assert held.dtype == np.float32


def test_data_consistency_neither_clips_nor_depends_on_the_unit(heart_slices: NDArray) -> None:
    slices = np.clip(heart_slices, 100, 300)  # the overshoot at edges goes beyond the input's range
    held = upscale_slices(slices, 2, method="bicubic", data_consistency=True)
    assert held.min() < 100
    assert held.max() > 300
    scaled = upscale_slices(1e-6 * slices.astype(np.float64), 2, method="bicubic", data_consistency=True)
    assert_allclose(scaled, 1e-6 * held, atol=1e-8)


def test_the_step_changes_a_consistent_output_by_nothing() -> None:
    truth = (np.random.default_rng(3).random((2, 32, 40)) * 100).astype(np.float32)
    output = truth.copy()
    make_consistent(output, bicubic_downscale(truth, 2), 2)
    assert np.array_equal(output, truth)


def test_the_step_never_moves_away_from_a_bicubically_reduced_truth(data: Path) -> None:
    for _, image in sunnybrook_validation(data).images[::30]:
        truth = normalised(centre_crop(image, 144))
        low = bicubic_downscale(truth, 2)[None]
        plain, held = (upscale_slices(low, 2, data_consistency=on)[0] for on in (False, True))
        assert psnr(held, truth) > psnr(plain, truth)


def test_a_cancel_during_the_step_stops_it(heart_slices: NDArray) -> None:
    done: list[int] = []
    asked = iter([False] * len(heart_slices) + [True] * 9)  # bicubic asks before each slice
    with pytest.raises(Cancelled):
        upscale_slices(
            heart_slices,
            method="bicubic",
            data_consistency=True,
            progress=lambda n, _: done.append(n),
            cancelled=lambda: next(asked),
        )
    assert done == [1, 2, 3]
