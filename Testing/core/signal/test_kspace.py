"""K-space cropped and filled along each axis: the band stays what it was, whatever the sizes and the border."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from DURNSuperResLib.core.signal.kspace import Border, hamming, kspace_truncate, resampling, resized

BORDERS: tuple[Border, ...] = ("periodic", "mirrored")
SIZES = [(12, 24), (12, 25), (11, 24), (11, 23), (12, 17), (13, 13), (12, 12)]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("coarse", "fine"), SIZES)
def test_a_filled_image_cropped_again_is_the_image(border: Border, coarse: int, fine: int) -> None:
    noise = np.random.default_rng(0).normal(size=(2, coarse, coarse))  # every frequency alike
    borders = (border, border)
    assert_allclose(resized(resized(noise, fine, fine, borders), coarse, coarse, borders), noise, atol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
def test_float32_is_computed_in_float32_and_exact_to_it(border: Border) -> None:
    noise = np.random.default_rng(1).normal(size=(3, 166, 205)).astype(np.float32)
    filled = resized(noise, 256, 256, (border, border))
    assert filled.dtype == np.float32
    assert_allclose(resized(filled, 166, 205, (border, border)), noise, atol=1e-5)


@pytest.mark.parametrize("sizes", [(20, 31), (31, 20), (20, 30), (30, 21)])
def test_a_wave_within_the_band_stays_on_the_half_pixel_grid(sizes: tuple[int, int]) -> None:
    old, new = ((np.arange(size) + 0.5) / size for size in sizes)
    for border, wave in (
        ("periodic", lambda t: np.cos(2 * np.pi * 3 * t + 0.4) + np.sin(2 * np.pi * 9 * t)),
        ("mirrored", lambda t: np.cos(np.pi * 3 * t) - np.cos(np.pi * 19 * t)),
    ):
        assert_allclose(resampling(*sizes, border) @ wave(old), wave(new), atol=1e-12)


def test_what_is_beyond_the_band_is_gone() -> None:
    fine = (np.arange(40) + 0.5) / 40
    assert_allclose(resampling(40, 20, "periodic") @ np.cos(2 * np.pi * 11 * fine + 1), 0, atol=1e-12)
    assert_allclose(resampling(40, 20, "mirrored") @ np.cos(np.pi * 20 * fine), 0, atol=1e-12)


def test_an_image_cut_out_of_another_rings_at_its_border_only_if_it_goes_on_periodically() -> None:
    step = np.repeat([[0.0, 0.0, 1.0, 1.0]], 8, axis=1).repeat(32, axis=0)
    ramp = np.linspace(0, 1, 32) + step
    error = {
        border: np.abs(resized(resized(ramp, 32, 16, ("mirrored", border)), 32, 32, ("mirrored", border)) - ramp)
        for border in BORDERS
    }
    assert error["mirrored"][:, :3].max() < 0.1 * error["periodic"][:, :3].max()


def test_weights_act_on_the_kept_band() -> None:
    band = resampling(32, 16, "periodic", weights=hamming)
    fine, coarse = ((np.arange(size) + 0.5) / size for size in (32, 16))
    assert_allclose(band @ np.cos(2 * np.pi * 4 * fine), 0.54 * np.cos(2 * np.pi * 4 * coarse), atol=1e-12)


@pytest.mark.parametrize(("sizes", "scale"), [((64, 48), 2), ((60, 36), 3), ((66, 42), 3)])
def test_the_truncation_of_the_reference_tables_is_a_centred_crop_with_the_nyquist_line_real(
    sizes: tuple[int, int], scale: int
) -> None:
    image = np.random.default_rng(2).random(sizes)
    result = image
    for axis in (0, 1):
        n = sizes[axis]
        m = n // scale
        spectrum = np.moveaxis(np.fft.rfft(result, axis=axis), axis, 0)[: m // 2 + 1]
        ramp = np.exp(1j * np.pi * np.arange(m // 2 + 1) * (n / m - 1) / n)
        if m % 2 == 0:
            ramp[-1] = ramp[-1].real
        cropped = np.fft.irfft(spectrum * ramp[:, None], n=m, axis=0) / scale
        result = np.moveaxis(cropped, 0, axis)
    assert_allclose(kspace_truncate(image, scale), result, atol=1e-12)


def test_the_matrices_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        resampling(8, 16, "periodic")[0, 0] = 1
