"""The phantom against its own mathematics."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.signal.kspace import kspace_truncate
from DURNSuperResLib.core.signal.phantom import _bessel_j1, short_axis_phantom
from DURNSuperResLib.core.signal.quality import psnr


def test_bessel_function_agrees_with_its_integral() -> None:
    x = np.linspace(0, 400, 301)
    angle = (np.arange(4000) + 0.5) * np.pi / 4000
    assert_allclose(_bessel_j1(x), np.cos(angle - x[:, None] * np.sin(angle)).mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("scale", [2, 4])
def test_acquired_phantom_is_the_centre_of_the_truths_k_space(scale: int) -> None:
    phantom = short_axis_phantom(scale, slices=2, noise=0)
    expected = np.abs(kspace_truncate(phantom.truth, scale))
    assert psnr(expected, phantom.acquired, peak=1000).min() > 38


def test_phantom_has_blood_pool_and_myocardium_where_they_belong() -> None:
    truth = short_axis_phantom(2).truth
    pixel = 350 / 256
    row, column = (round(128 + mm / pixel) for mm in (-18, 18))
    assert truth[0, row, column] == pytest.approx(1000, rel=0.03)
    assert truth[0, row, round(column + 30 / pixel)] == pytest.approx(250, rel=0.1)


def test_noise_is_reproducible_and_as_large_as_asked() -> None:
    clean, noisy, again = (short_axis_phantom(2, slices=1, noise=n) for n in (0, 0.02, 0.02))
    assert np.array_equal(noisy.acquired, again.acquired)
    blood = clean.acquired > 950
    assert np.std((noisy.acquired - clean.acquired)[blood]) == pytest.approx(20, rel=0.15)
