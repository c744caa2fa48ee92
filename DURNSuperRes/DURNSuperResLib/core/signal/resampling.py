"""Classical resampling of slices by an integer factor on the half-pixel grid, in NumPy alone.

Both images cover the same field of view: output sample ``i`` of ``m`` lies at input coordinate
``(i + 0.5) * n / m - 0.5``. Bicubic follows MATLAB's ``imresize`` (R. Keys, IEEE Trans. ASSP 29 (1981) 1153, a = -0.5,
symmetric border, kernel widened when shrinking); the Fourier pair crops or zero-fills k-space as a scanner does, with
a phase ramp that keeps the half-pixel grid. All functions take ``(..., rows, columns)`` of a real dtype and compute in
float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Window = Callable[[FloatArray], FloatArray]


def bicubic_upscale(images: ArrayLike, scale: int) -> FloatArray:
    """Bicubic enlargement: ``(..., rows, columns)`` to ``(..., scale*rows, scale*columns)``."""
    return _on_both_axes(_bicubic_along, images, lambda size: size * scale)


def bicubic_downscale(images: ArrayLike, scale: int) -> FloatArray:
    """Antialiased bicubic reduction; rows and columns must be multiples of ``scale``.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    return _on_both_axes(_bicubic_along, images, lambda size: _divided(size, scale))


def bicubic_reduction(size: int, scale: int) -> FloatArray:
    """Antialiased bicubic reduction along one axis as a matrix ``(size/scale, size)``.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    return _bicubic_along(np.eye(size), _divided(size, scale)).T


def kspace_truncate(images: ArrayLike, scale: int) -> FloatArray:
    """Resolution loss of a scanner: keep the centre ``1/scale`` of k-space along rows and columns, no window.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    return _on_both_axes(_fourier_along, images, lambda size: _divided(size, scale))


def kspace_window(images: ArrayLike, window: Window) -> FloatArray:
    """Weight k-space along rows and columns with ``window``, as scanners do against ringing.

    Args:
        images: real images ``(..., rows, columns)``.
        window: weights over frequency, from 0 at the centre of k-space to 1 at its edge; see :func:`hamming`.
    """
    result = np.asarray(images, dtype=np.float64)
    for axis in (-2, -1):
        size = result.shape[axis]
        weights = np.expand_dims(window(np.fft.rfftfreq(size).astype(np.float64) * 2), axis=-1 if axis == -2 else 0)
        result = np.fft.irfft(np.fft.rfft(result, axis=axis) * weights, n=size, axis=axis)
    return result


def hamming(frequency: FloatArray) -> FloatArray:
    """Hamming window over frequency in [0, 1]: 1 at the centre, 0.08 at the edge."""
    return 0.54 + 0.46 * np.cos(np.pi * frequency)


def tukey(frequency: FloatArray, taper: float = 0.5) -> FloatArray:
    """Tukey window over frequency in [0, 1]: flat, then a cosine fall to 0 over the outer share ``taper``."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((frequency - (1 - taper)) / taper, 0, 1))


def partial_fourier(images: ArrayLike, fraction: float) -> FloatArray:
    """Magnitude image when only ``fraction`` of k-space along the rows' direction (phase encoding) was acquired.

    The missing lines on one side stay zero, and the magnitude is taken, as in a scanner's plain reconstruction.

    Args:
        images: real images ``(..., rows, columns)``.
        fraction: share of the lines that was acquired, above 0.5 up to 1.

    Raises:
        ValueError: a fraction outside (0.5, 1].
    """
    if not 0.5 < fraction <= 1:
        raise ValueError(f"the acquired share of k-space must be above 0.5 and at most 1, not {fraction}")
    values = np.asarray(images, dtype=np.float64)
    lowest = -(2 * fraction - 1) / 2  # in cycles a pixel; the acquired lines reach from here to 1/2
    acquired = np.fft.fftfreq(values.shape[-2])[:, None] >= lowest
    return np.abs(np.fft.ifft(np.fft.fft(values, axis=-2) * acquired, axis=-2))


def zero_fill(images: ArrayLike, scale: int) -> FloatArray:
    """Zero-filled sinc interpolation, what scanners do: ``(..., rows, columns)`` times ``scale``."""
    return _on_both_axes(_fourier_along, images, lambda size: size * scale)


def _divided(size: int, scale: int) -> int:
    if size % scale:
        raise ValueError(f"a size of {size} pixels is not a multiple of the scale {scale}; crop it first")
    return size // scale


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


def _fourier_along(images: FloatArray, size: int) -> FloatArray:
    old = images.shape[-1]
    kept = min(old, size) // 2 + 1
    frequency = np.arange(kept)
    shift = (old / size - 1) / 2  # position of output sample 0 in input pixels
    phase = np.exp(2j * np.pi * frequency * shift / old)
    if min(old, size) % 2 == 0:  # the Nyquist line stands for both of its signs, whose shifts are conjugate
        phase[-1] = phase[-1].real if size < old else phase[-1] / 2
    spectrum = np.fft.rfft(images)[..., :kept] * phase
    return np.fft.irfft(spectrum, n=size) * (size / old)
