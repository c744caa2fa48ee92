"""Image quality against a known truth: PSNR and SSIM, per slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def psnr(images: ArrayLike, truth: ArrayLike, peak: float = 1.0) -> FloatArray:
    """Peak signal-to-noise ratio in dB of each ``(rows, columns)`` of ``(..., rows, columns)``; infinite if equal."""
    error = np.asarray(images, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / np.mean(error**2, axis=(-2, -1)))


def ssim(images: ArrayLike, truth: ArrayLike, peak: float = 1.0) -> FloatArray:
    """Structural similarity of each ``(rows, columns)``, 11 x 11 Gaussian window of sigma 1.5, no padding.

    Source: Z. Wang et al., "Image quality assessment", IEEE Trans. Image Processing 13 (2004) 600.

    Raises:
        ValueError: an image smaller than the window.
    """
    x, y = np.asarray(images, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if min(x.shape[-2:]) < _WINDOW.size:
        raise ValueError(f"SSIM needs at least 11 x 11 pixels, not {x.shape[-2]} x {x.shape[-1]}")
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x = _windowed(x * x) - mean_x**2
    variance_y = _windowed(y * y) - mean_y**2
    covariance = _windowed(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return np.mean(luminance * structure, axis=(-2, -1))


def _gaussian(size: int, sigma: float) -> FloatArray:
    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


_WINDOW = _gaussian(11, 1.5)


def _windowed(images: FloatArray) -> FloatArray:
    for axis in (-2, -1):
        images = np.lib.stride_tricks.sliding_window_view(images, _WINDOW.size, axis=axis) @ _WINDOW
    return images
