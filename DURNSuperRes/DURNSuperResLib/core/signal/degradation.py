"""Ways in which a slice of known truth loses resolution, by name: one list for training and for evaluation.

Each takes a truth ``(rows, columns)`` scaled to [0, 1] and gives its low-resolution copy on the half-pixel grid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import DEGRADATION_NAMES, INTERPOLATED
from .kspace import hamming, kspace_truncate, kspace_window, partial_fourier, resized, tukey
from .resampling import bicubic_downscale

FloatArray = NDArray[np.float64]
Degradation = Callable[[ArrayLike, int], FloatArray]

ACQUIRED_FRACTION = 0.75  # of k-space; common cine protocols acquire 5/8 to 7/8
NOISE_SIGMA = 0.01  # of the 99.9th percentile; python -m Training.noise prints the measured levels
NOISE_SEED = 20220218


def rician(images: ArrayLike, sigma: float, random: np.random.Generator) -> FloatArray:
    """Magnitude of ``images`` plus complex Gaussian noise of standard deviation ``sigma`` in each part.

    Source: H. Gudbjartsson, S. Patz, "The Rician distribution of noisy MRI data", Magn. Reson. Med. 34 (1995) 910.
    """
    values = np.asarray(images, dtype=np.float64)
    real, imaginary = random.normal(0, sigma, (2, *values.shape))
    return np.hypot(values + real, imaginary)


def noise_level(image: ArrayLike, threshold: float = 0.05) -> float:
    """Noise standard deviation of one slice, from the finest diagonal Haar coefficients of pixels above ``threshold``.

    Source: D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994) 425
    (median absolute deviation over 0.6745). Fine texture counts as noise, so this is an upper estimate.
    """
    values = np.asarray(image, dtype=np.float64)
    values = values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2]
    a, b, c, d = values[::2, ::2], values[1::2, ::2], values[::2, 1::2], values[1::2, 1::2]
    diagonal = np.abs(a - b - c + d)[a > threshold] / 2
    return float(np.median(diagonal) / 0.6745) if diagonal.size else 0.0


def _hamming(truth: ArrayLike, scale: int) -> FloatArray:
    return kspace_window(kspace_truncate(truth, scale), hamming)


def _tukey(truth: ArrayLike, scale: int) -> FloatArray:
    return kspace_window(kspace_truncate(truth, scale), tukey)


def _partial_fourier(truth: ArrayLike, scale: int) -> FloatArray:
    return partial_fourier(kspace_truncate(truth, scale), ACQUIRED_FRACTION)


def _noisy(truth: ArrayLike, scale: int) -> FloatArray:
    return rician(kspace_truncate(truth, scale), NOISE_SIGMA, np.random.default_rng(NOISE_SEED))


_WAYS: tuple[Degradation, ...] = (bicubic_downscale, kspace_truncate, _hamming, _tukey, _partial_fourier, _noisy)
SHARES = ((0.5, 0.5), (0.65, 0.65), (0.55, 1.0), (0.8, 0.8))  # of rows and columns, as scanners interpolate


def interpolated(truth: ArrayLike, share: tuple[float, float]) -> FloatArray:
    """A truth as a scanner stores it that measures a ``share`` of its rows and columns and fills k-space with zeros."""
    values = np.asarray(truth, dtype=np.float64)
    size = values.shape[-2:]
    lines = (n if part == 1 else 2 * round(n * part / 2) for n, part in zip(size, share, strict=True))
    return resized(resized(values, *lines), *size)


def stored_beyond(
    truth: ArrayLike, scale: int, share: tuple[float, float] = (1.0, 1.0)
) -> tuple[FloatArray, FloatArray]:
    """A scan that measured ``1 / scale`` of a truth's lines and stored more, of which these are a ``share``; and the
    truth on the grid of that scan enlarged: an image of ``scale`` times the resolution that was measured.
    """
    measured = kspace_truncate(truth, scale)
    size = [2 * round(n / part / 2) for n, part in zip(measured.shape[-2:], share, strict=True)]
    return resized(measured, *size), resized(np.asarray(truth, np.float64), *(scale * n for n in size))


INTERPOLATION_SHARES = {f"{INTERPOLATED} {rows:g}x{columns:g}": (rows, columns) for rows, columns in SHARES}
INTERPOLATIONS = {name: functools.partial(interpolated, share=share) for name, share in INTERPOLATION_SHARES.items()}
DEGRADATIONS = dict(zip(DEGRADATION_NAMES, _WAYS, strict=True))
