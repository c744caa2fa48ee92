"""Degradations: each does what its physics says, on the half-pixel grid."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.signal.degradation import DEGRADATIONS, NOISE_SIGMA, noise_level, rician
from DURNSuperResLib.core.signal.kspace import hamming, kspace_truncate, kspace_window, partial_fourier, tukey
from DURNSuperResLib.core.signal.phantom import short_axis_phantom


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return (short_axis_phantom(2, slices=1, size=96).truth[0] / 1000).clip(0, 1)


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_each_degradation_reduces_and_keeps_the_mean(truth: np.ndarray, name: str, scale: int) -> None:
    low = DEGRADATIONS[name](truth, scale)
    assert low.shape == (96 // scale, 96 // scale)
    biased = name in ("noise", "partial-fourier")  # a magnitude lifts the background of zero
    assert low.mean() == pytest.approx(truth.mean(), rel=0.2 if biased else 0.05)


@pytest.mark.parametrize("name", set(DEGRADATIONS) - {"noise", "partial-fourier"})
def test_a_ramp_stays_where_it_was(name: str) -> None:
    """A shift by half a pixel would move a smooth blob's centre of mass by (scale - 1) / (2 * scale) pixels."""
    position = np.arange(96) - 40.3
    blob = np.exp(-(position[:, None] ** 2 + position**2) / 200)
    for scale in (2, 3, 4):
        low = DEGRADATIONS[name](blob, scale)
        centre = (np.arange(96 // scale) + 0.5) * scale - 0.5
        assert_allclose([low.sum(axis=axis) @ centre / low.sum() for axis in (0, 1)], 40.3, atol=0.05)


def test_windows_weight_the_edge_of_kspace() -> None:
    truth = np.random.default_rng(0).random((96, 96))
    frequency = np.array([0.0, 0.5, 1.0])
    assert_allclose(hamming(frequency), [1, 0.54, 0.08])
    assert_allclose(tukey(frequency), [1, 1, 0], atol=1e-12)
    spectrum = np.abs(np.fft.fft2(kspace_window(truth, hamming))) / np.abs(np.fft.fft2(truth))
    assert spectrum[0, 0] == pytest.approx(1)
    assert spectrum[48, 0] == pytest.approx(0.08)
    assert spectrum[48, 48] == pytest.approx(0.08**2)


def test_partial_fourier_blurs_along_the_rows_direction_only(truth: np.ndarray) -> None:
    whole = partial_fourier(truth, 1.0)
    assert_allclose(whole, truth, atol=1e-12)
    blurred = partial_fourier(truth, 0.625)
    along, across = (np.abs(np.diff(blurred, axis=a)).sum() / np.abs(np.diff(truth, axis=a)).sum() for a in (0, 1))
    assert along < across
    with pytest.raises(ValueError, match=r"0\.5"):
        partial_fourier(truth, 0.5)


def test_rician_noise_has_its_known_moments() -> None:
    random = np.random.default_rng(1)
    background = rician(np.zeros((400, 400)), 0.02, random)
    assert background.mean() == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.01)  # Rayleigh
    tissue = rician(np.full((400, 400), 0.5), 0.02, random)
    assert tissue.std() == pytest.approx(0.02, rel=0.02)
    assert noise_level(tissue) == pytest.approx(0.02, rel=0.03)


def test_the_noise_axis_is_kspace_truncation_with_noise(truth: np.ndarray) -> None:
    noise = DEGRADATIONS["noise"](truth, 2) - kspace_truncate(truth, 2)
    bright = kspace_truncate(truth, 2) > 0.2
    assert noise[bright].std() == pytest.approx(NOISE_SIGMA, rel=0.1)
    assert_allclose(DEGRADATIONS["noise"](truth, 2), DEGRADATIONS["noise"](truth, 2))
