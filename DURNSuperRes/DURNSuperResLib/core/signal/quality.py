"""Image quality against a known truth: PSNR, SSIM and the sharpness of edges, per slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def psnr(images: ArrayLike, truth: ArrayLike, peak: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    """Peak signal-to-noise ratio in dB of each ``(rows, columns)`` of ``(..., rows, columns)``; infinite if equal.

    >>> truth = np.zeros((8, 8))
    >>> float(psnr(truth + 0.1, truth).round(6))
    20.0

    Args:
        images, truth: of one shape.
        peak: value that the noise is compared with.
        mask: boolean, of the same shape; only the pixels where it is true count.
    """
    error = np.asarray(images, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(peak**2 / _mean(error**2, mask))


def ssim(images: ArrayLike, truth: ArrayLike, peak: float = 1.0, mask: ArrayLike | None = None) -> FloatArray:
    """Structural similarity of each ``(rows, columns)``, 11 x 11 Gaussian window of sigma 1.5, no padding.

    Source: Z. Wang et al., "Image quality assessment", IEEE Trans. Image Processing 13 (2004) 600.

    Args:
        images, truth, peak: as :func:`psnr`.
        mask: boolean, of the same shape; only windows whose centre it holds count.

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
    border = _WINDOW.size // 2
    inside = None if mask is None else np.asarray(mask)[..., border:-border, border:-border]
    return _mean(luminance * structure, inside)


def edge_sharpness(images: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
    """How steep the truth's edges are in each image: 1 as in the truth, below 1 blurred, above 1 overdone.

    The image's gradient is projected on the truth's, over the tenth of the pixels where the truth is steepest;
    gradients elsewhere, such as noise or invented texture, do not count.

    Args:
        images, truth: ``(..., rows, columns)`` of one shape.
        mask: boolean, of the same shape; the edges are sought where it is true.
    """
    gradient, true_gradient = (_gradient(np.asarray(x, dtype=np.float64)) for x in (images, truth))
    steepness = np.sum(true_gradient**2, axis=0)
    candidates = steepness if mask is None else np.where(mask, steepness, np.nan)
    edges = candidates >= np.nanpercentile(candidates, 90, axis=(-2, -1), keepdims=True)
    projected = np.sum(gradient * true_gradient, axis=0)
    return np.sum(projected * edges, axis=(-2, -1)) / np.sum(steepness * edges, axis=(-2, -1))


def gradient_magnitude(images: ArrayLike) -> FloatArray:
    """Length of the gradient in the plane of each ``(rows, columns)``, in units a pixel."""
    return np.sqrt(np.sum(_gradient(np.asarray(images, dtype=np.float64)) ** 2, axis=0))


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation of two arrays of one shape; equal values share their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def sparsification_area(error: ArrayLike, order: ArrayLike) -> float:
    """Area under the sparsification curve: the mean error of what is left while the pixels of highest ``order`` go.

    Relative to the mean error of all pixels, so a random order gives 1, and the lower the better; the order of the
    error itself gives the least that can be had.

    Source: O. Mac Aodha et al., "Learning a confidence measure for optical flow", IEEE Trans. PAMI 35 (2013) 1107.
    """
    errors = np.asarray(error, dtype=np.float64).ravel()
    kept = errors[np.argsort(np.asarray(order).ravel(), kind="stable")]
    return float(np.mean(np.cumsum(kept) / np.arange(1, kept.size + 1)) / errors.mean())


def _ranks(values: ArrayLike) -> FloatArray:
    _, place, count = np.unique(np.asarray(values).ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count + 1) / 2)[place]


def _gradient(images: FloatArray) -> FloatArray:
    return np.stack([np.gradient(images, axis=axis) for axis in (-2, -1)])


def _mean(values: FloatArray, mask: ArrayLike | None) -> FloatArray:
    if mask is None:
        return np.mean(values, axis=(-2, -1))
    return np.mean(values, axis=(-2, -1), where=np.asarray(mask, dtype=bool))


def _gaussian(size: int, sigma: float) -> FloatArray:
    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


_WINDOW = _gaussian(11, 1.5)


def _windowed(images: FloatArray) -> FloatArray:
    for axis in (-2, -1):
        images = np.lib.stride_tricks.sliding_window_view(images, _WINDOW.size, axis=axis) @ _WINDOW
    return images
