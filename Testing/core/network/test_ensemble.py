"""All eight orientations: mean, spread, progress, cancel, memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib import Cancelled, upscale_slices
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network.ensemble import over_orientations
from DURNSuperResLib.core.signal.intensity import IntensityMap
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from DURNSuperResLib.core.upscaling import Upscaling


def eight(slices: NDArray) -> NDArray:
    """The eight results, made one by one."""
    intensity = IntensityMap.of(slices)
    results = []
    for flip in (False, True):
        for turns in range(4):
            turned = np.rot90(slices[:, ::-1] if flip else slices, turns, axes=(1, 2))
            image = np.rot90(upscale_slices(turned, intensity=intensity), -turns, axes=(1, 2))
            results.append(image[:, ::-1] if flip else image)
    return np.array(results, dtype=np.float64)


def test_the_mean_is_that_of_the_eight(heart_slices: NDArray) -> None:
    slices = heart_slices[:2, 8:48, 10:58]
    found = enlarge(slices, Upscaling(best_quality=True))
    assert_allclose(found.image, eight(slices).mean(axis=0), atol=0.01)
    assert found.image.dtype == np.float32


def test_the_error_bars_of_the_mean_are_those_of_the_slices_as_they_lie(heart_slices: NDArray) -> None:
    slices = heart_slices[:2, 8:48, 10:58]
    single, mean = (enlarge(slices, Upscaling(best_quality=best, uncertainty=True)) for best in (False, True))
    assert single.half_width is not None
    assert mean.half_width is not None
    assert_allclose(mean.half_width, single.half_width, rtol=1e-4)
    assert mean.errors is not None
    assert single.errors is not None
    assert mean.errors.counts.sum() == single.errors.counts.sum()


def test_progress_and_announcements_are_those_of_one_run(heart_slices: NDArray) -> None:
    steps: list[tuple[int, int]] = []
    told: list[str] = []
    monitor = Monitor(progress=lambda done, total: steps.append((done, total)), announce=told.append)
    enlarge(heart_slices[:, :32, :32], Upscaling(best_quality=True, precision="float32"), monitor=monitor)
    assert steps[-1] == (24, 24)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert told == ["durn-light-x2 on CPU, float32, 8 orientations"]


def test_a_cancel_stops_in_the_middle(heart_slices: NDArray) -> None:
    steps: list[int] = []
    monitor = Monitor(lambda done, _: steps.append(done), lambda: len(steps) >= 3)
    with pytest.raises(Cancelled):
        enlarge(heart_slices[:, :32, :32], Upscaling(best_quality=True), monitor=monitor)
    assert len(steps) == 3


def test_only_a_running_mean_is_held() -> None:
    def without_network(slices: NDArray, *_: object) -> NDArray[np.float32]:
        return np.stack([bicubic_upscale(image, 4).astype(np.float32) for image in slices])

    slices = np.random.default_rng(0).random((12, 96, 96), dtype=np.float32)
    tracemalloc.start()
    over_orientations(without_network, slices, Monitor())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * 16 * slices.nbytes  # the mean, the new one; its stack of slices


def test_bicubic_has_no_uncertainty(heart_slices: NDArray) -> None:
    with pytest.raises(ValueError, match="need durn"):
        enlarge(heart_slices, Upscaling(method="bicubic", uncertainty=True))
