"""Bicubic resampling of slices by an integer factor on the half-pixel grid, in NumPy alone.

Both images cover the same field of view: output sample ``i`` of ``m`` lies at input coordinate
``(i + 0.5) * n / m - 0.5``. Bicubic follows MATLAB's ``imresize`` (R. Keys, IEEE Trans. ASSP 29 (1981) 1153, a = -0.5,
symmetric border, kernel widened when shrinking). All functions take ``(..., rows, columns)`` of a real dtype and
compute in float64. Resampling by k-space is in :mod:`.kspace`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .kspace import divided

FloatArray = NDArray[np.float64]


def bicubic_upscale(images: ArrayLike, scale: int) -> FloatArray:
    """Bicubic enlargement: ``(..., rows, columns)`` to ``(..., scale*rows, scale*columns)``.

    >>> bicubic_upscale(np.ones((2, 5, 7)), 3).shape
    (2, 15, 21)
    """
    return _on_both_axes(_bicubic_along, images, lambda size: size * scale)


def bicubic_downscale(images: ArrayLike, scale: int) -> FloatArray:
    """Antialiased bicubic reduction; rows and columns must be multiples of ``scale``.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    return _on_both_axes(_bicubic_along, images, lambda size: divided(size, scale))


def _on_both_axes(
    along: Callable[[FloatArray, int], FloatArray], images: ArrayLike, new_size: Callable[[int], int]
) -> FloatArray:
    result = np.asarray(images, dtype=np.float64)
    for _ in range(2):  # resample the last axis, swap, and again: rows and columns end where they began
        result = np.swapaxes(along(result, new_size(result.shape[-1])), -1, -2)
    return result


def _bicubic_along(images: FloatArray, size: int) -> FloatArray:
    indices, weights = _bicubic_taps(images.shape[-1], size)
    result = np.zeros((*images.shape[:-1], size))
    for index, weight in zip(indices.T, weights.T, strict=True):
        result += images[..., index] * weight
    return result


def _bicubic_taps(old: int, new: int) -> tuple[NDArray[np.intp], FloatArray]:
    """Source indices and weights, each ``(new, taps)``, of bicubic interpolation with a symmetric border."""
    shrink = max(1.0, old / new)
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(centre - 2 * shrink).astype(np.intp) + 1
    taps = first[:, None] + np.arange(int(np.ceil(4 * shrink)))
    weights = _cubic_kernel((centre[:, None] - taps) / shrink)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = taps % (2 * old)
    return np.where(mirrored < old, mirrored, 2 * old - 1 - mirrored), weights


def _cubic_kernel(t: FloatArray) -> FloatArray:
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))
