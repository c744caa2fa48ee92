"""How closely an output keeps what was measured: the figures, and that the engine keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.signal.consistency import ConsistencyMeter
from DURNSuperResLib.core.signal.kspace import kspace_truncate, resized
from DURNSuperResLib.core.signal.measured import Measured
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.evaluation.protocols import normalised
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation

ROUNDING = 2e-6  # of the range: some units of the last place of float32


def deviation(enlarged: NDArray, slices: NDArray, scale: int, measured: Measured | None = None) -> float:
    """Largest deviation of the measured band, in parts of the input's range."""
    meter = ConsistencyMeter()
    meter.add(enlarged, slices, scale, measured)
    return meter.result.percent / 100


def test_the_figures_are_those_of_the_whole_stack() -> None:
    random = np.random.default_rng(0)
    slices = random.integers(0, 1000, (5, 20, 24)).astype(np.int16)
    enlarged = random.random((5, 40, 48)).astype(np.float32) * 1000
    measured = Measured.of([slices], "12x24")
    meter = ConsistencyMeter()
    meter.add(enlarged[:2], slices[:2], 2, measured)
    meter.add(enlarged[2:], slices[2:], 2, measured)
    error = measured.kept_of(enlarged, 2) - measured.kept_of(slices)
    assert error.shape == (5, *measured.kept)
    width = float(slices.max()) - float(slices.min())
    found = meter.result
    assert found.psnr == pytest.approx(10 * np.log10(width**2 / np.mean(error**2)))
    assert found.largest == pytest.approx(np.abs(error).max())
    assert found.percent == pytest.approx(100 * np.abs(error).max() / width)
    assert (found.low, found.high) == (slices.min(), slices.max())
    assert f"kept to within {found.percent:.2f} %" in str(found)


def test_zero_filling_keeps_all_and_adds_nothing() -> None:
    slices = np.random.default_rng(1).random((2, 24, 33)) * 100
    whole = Measured.whole(24, 33)
    enlarged = resized(slices, 96, 132, ("mirrored", "mirrored"))
    assert deviation(enlarged, slices, 4, whole) < 1e-12
    with pytest.raises(ValueError, match="no slice"):
        _ = ConsistencyMeter().result


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("acquired", ["full", "40x59", "33x24"])
def test_what_was_measured_is_kept_and_without_is_not(heart_slices: NDArray, scale: int, acquired: str) -> None:
    slices = heart_slices[:, 3:, :-5].astype(np.int16) - 200  # odd sizes, negative values
    measured = Measured.of([slices], acquired)
    kept, free = (upscale_slices(slices, scale, acquired=acquired, keep_measured=keep) for keep in (True, False))
    assert kept.dtype == np.float32
    assert kept.shape == (3, 61 * scale, 59 * scale)
    assert deviation(kept, slices, scale, measured) < ROUNDING
    assert deviation(free, slices, scale, measured) > 1e-3


def test_what_is_beyond_the_measured_band_is_the_networks_own(heart_slices: NDArray) -> None:
    measured = Measured.of([heart_slices], "48x48")
    borders = (measured.rows.border, measured.columns.border)
    images = [upscale_slices(heart_slices, acquired="48x48", keep_measured=keep) for keep in (True, False)]
    kept, free = (image - resized(measured.kept_of(image, 2), 128, 128, borders) for image in images)
    assert np.abs(kept - free).max() < 1e-5 * np.abs(free).max()


def test_keeping_neither_clips_nor_depends_on_the_unit(heart_slices: NDArray) -> None:
    slices = np.clip(heart_slices, 100, 300)  # the overshoot at edges goes beyond the input's range
    held = upscale_slices(slices)
    assert held.min() < 100
    assert held.max() > 300
    scaled = upscale_slices(1e-6 * slices.astype(np.float64))
    assert np.abs(scaled - 1e-6 * held).max() < 1e-8


def test_keeping_moves_towards_a_truth_whose_kspace_was_truncated(data: Path) -> None:
    for _, image in sunnybrook_validation(data).images[::30]:
        truth = normalised(image)
        low = kspace_truncate(truth, 2)[None]
        plain, held = (upscale_slices(low, keep_measured=keep)[0] for keep in (False, True))
        assert psnr(held, truth) > psnr(plain, truth)


def test_the_mean_over_orientations_keeps_it_too(heart_slices: NDArray) -> None:
    slices = heart_slices[:2, :, 4:-9]
    measured = Measured.of([slices], "40x30")
    result = enlarge(slices, Upscaling(best_quality=True, acquired="40x30"))
    assert deviation(result.image, slices, 2, measured) < ROUNDING
