"""Split conformal prediction over patients: what the factors cover, and what so few patients promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from DURNSuperResLib.core.network.error_bars import ALL_WAYS
from DURNSuperResLib.core.signal.degradation import INTERPOLATIONS
from DURNSuperResLib.core.signal.kspace import kspace_truncate, resized
from DURNSuperResLib.evaluation.calibration import (
    calibration,
    covered,
    factor,
    promised,
    together,
    with_half_width,
)
from DURNSuperResLib.evaluation.protocols import beyond_cases_of, cases_of
from DURNSuperResLib.evaluation.test_sets import TestSet, other_vendor_cine


def patients(count: int, seed: int, hardest: float = 1.0) -> dict[str, np.ndarray]:
    """Ratios of patients of different sizes and difficulties."""
    random = np.random.default_rng(seed)
    return {
        f"patient {n}": random.exponential(random.uniform(0.8, 1.2) * hardest, int(random.integers(4000, 9000)))
        for n in range(count)
    }


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_factor_covers_the_level_on_average_over_patients(level: float) -> None:
    own = patients(5, 0)
    width = factor(own, level)
    assert np.mean([covered(ratios, width) for ratios in own.values()]) == pytest.approx(level, abs=1e-3)


def test_a_patient_of_many_pixels_weighs_no_more_than_another() -> None:
    small, large = np.arange(1.0, 11.0), np.full(100_000, 2.0)
    width = factor({"small": small, "large": large}, 0.9)
    assert width == 8.0  # 0.8 of the small one's and all of the large one's


def test_families_weigh_alike() -> None:
    few, many = {"a": np.full(10, 1.0)}, {"a": np.linspace(2, 3, 1000)}
    found = together({"few": few, "many": many})["a"]
    assert np.mean(found == 1) == 0.5
    assert found.max() == 3


def test_what_is_left_out_has_no_part_in_its_own_factor() -> None:
    easy = patients(4, 1)
    found = calibration({"bicubic": {**easy, "hard": 10 * patients(1, 2)["patient 0"]}})
    assert found["without"]["hard"]["0.9"] == pytest.approx(factor(together({"bicubic": easy}), 0.9), abs=1e-3)
    assert found["without"]["patient 1"]["0.9"] > found["without"]["hard"]["0.9"]
    assert found["coverage_of_left_out_patients"]["bicubic"]["hard"] < 0.5
    assert found["factors"]["0.9"][ALL_WAYS] == found["factors"]["0.9"]["bicubic"]


def test_few_patients_promise_little_and_many_nearly_the_level() -> None:
    assert promised(5, 0.9) == pytest.approx(0.75)
    assert promised(100, 0.9) > 0.89
    assert promised(1, 0.9) < 0.5


def test_the_promise_is_kept_by_the_worst_of_errors() -> None:
    """Patients whose pixels are all within or all without: the average coverage of a new one stays above the bound."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(2000):
        draws = random.exponential(1.0, 6)
        own = {f"{n}": np.full(10, value) for n, value in enumerate(draws[:5])}
        found.append(covered(np.full(10, draws[5]), factor(own, 0.9)))
    assert np.mean(found) >= promised(5, 0.9) - 0.02


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("degradation", INTERPOLATIONS)
def test_an_interpolated_case_has_a_truth_of_the_resolution_that_error_bars_speak_of(
    scale: int, degradation: str
) -> None:
    image = np.random.default_rng(1).random((96, 120))
    (case,) = beyond_cases_of(TestSet("noise", (("a", image),), 48), scale, degradation)
    (whole,) = cases_of(TestSet("noise", (("a", image),), 48), scale, "kspace")
    assert case.truth.shape == tuple(scale * size for size in case.low.shape)
    np.testing.assert_allclose(resized(case.truth, *whole.truth.shape), whole.truth, atol=1e-9)
    np.testing.assert_allclose(resized(case.low, *whole.low.shape), kspace_truncate(whole.truth, scale), atol=1e-9)
    assert case.measured is not None
    assert case.region.of(case.truth).size == pytest.approx(48**2 * case.truth.size / whole.truth.size, rel=0.05)


@pytest.mark.parametrize("degradation", INTERPOLATIONS)
def test_error_bars_hold_whatever_the_scanner_interpolated(data: Path, degradation: str) -> None:
    cine = other_vendor_cine(data)
    found = []
    for case in beyond_cases_of(TestSet(cine.name, cine.images[::7], cine.crop), 2, degradation):
        image, half_width = with_half_width(case, 2)
        found.append(case.region.of((np.abs(image - case.truth) <= half_width).astype(np.float64)).mean())
    assert 0.86 < np.mean(found) < 0.94
