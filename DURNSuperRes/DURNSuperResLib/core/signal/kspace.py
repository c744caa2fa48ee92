"""From any grid to any other by truncation and zero filling of k-space: the one place where k-space is cropped.

Both grids cover the same field of view: output sample ``i`` of ``m`` lies at input coordinate
``(i + 0.5) * n / m - 0.5``. Frequencies that both grids can hold stay as they are, all others are left out or zero.

Along one axis this is a matrix: odd sizes and sizes with large prime factors are no worse than others, and the border
is a matter of the matrix alone. :mod:`~..network.grids` does the same to tensors, around a network, by fast transforms.

``periodic``  the image goes on at its opposite border: the discrete Fourier transform, k-space as a scanner fills it.
``mirrored``  the image goes on as its mirror image: the discrete cosine transform (type II), whose samples lie on the
    half-pixel grid by themselves. An image cut out of a larger one has no step at its border then, and no ringing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Border = Literal["periodic", "mirrored"]
Nyquist = Literal["whole", "real"]
Floats = NDArray[Any]  # float32 or float64
Weights = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # over frequency: 0 at the centre of k-space, 1 its edge


def resized(
    images: ArrayLike, rows: int, columns: int, borders: tuple[Border, Border] = ("periodic", "periodic")
) -> Floats:
    """Images ``(..., r, c)`` on a grid of ``rows`` x ``columns`` over the same field of view.

    Enlarged and then reduced to the first grid again, the images are what they were, up to the highest frequency.

    Args:
        images: of a real dtype.
        rows, columns: of the result.
        borders: how the image goes on beyond its first and last row, and column.

    Returns:
        float32 if ``images`` are float32 or float16, float64 otherwise.
    """
    values = floats(images)
    sizes = zip(values.shape[-2:], (rows, columns), borders, strict=True)
    return separable(values, *(resampling(old, new, border, values.dtype) for old, new, border in sizes))


def kspace_truncate(images: ArrayLike, scale: int) -> NDArray[np.float64]:
    """Resolution loss of a scanner: keep the centre ``1/scale`` of k-space along rows and columns, no window.

    Of an even number of lines the outermost has one sign only in an acquisition; its real part stays, as in the
    figures that this project is measured by.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    values = np.asarray(images, dtype=np.float64)
    sizes = [(size, divided(size, scale)) for size in values.shape[-2:]]
    return separable(values, *(resampling(old, new, "periodic", nyquist="real") for old, new in sizes))


def zero_fill(images: ArrayLike, scale: int) -> NDArray[np.float64]:
    """Zero-filled sinc interpolation, what scanners do: ``(..., rows, columns)`` times ``scale``."""
    values = np.asarray(images, dtype=np.float64)
    return resized(values, *(size * scale for size in values.shape[-2:]))


def kspace_window(images: ArrayLike, weights: Weights) -> NDArray[np.float64]:
    """Weight k-space along rows and columns, as scanners do against ringing.

    Args:
        images: real images ``(..., rows, columns)``.
        weights: such as :func:`hamming`.
    """
    values = np.asarray(images, dtype=np.float64)
    return separable(values, *(resampling(size, size, "periodic", weights=weights) for size in values.shape[-2:]))


def hamming(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hamming window over frequency in [0, 1]: 1 at the centre, 0.08 at the edge."""
    return 0.54 + 0.46 * np.cos(np.pi * frequency)


def tukey(frequency: NDArray[np.float64], taper: float = 0.5) -> NDArray[np.float64]:
    """Tukey window over frequency in [0, 1]: flat, then a cosine fall to 0 over the outer share ``taper``."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((frequency - (1 - taper)) / taper, 0, 1))


def partial_fourier(images: ArrayLike, fraction: float) -> NDArray[np.float64]:
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


def floats(images: ArrayLike) -> Floats:
    """``images`` in the precision that they are computed in."""
    values = np.asarray(images)
    return values.astype(np.float32 if values.dtype in (np.float16, np.float32) else np.float64, copy=False)


def separable(images: Floats, down: Floats, across: Floats) -> Floats:
    """Images ``(..., rows, columns)`` after a matrix over their rows and one over their columns."""
    return down @ images @ across.T


def divided(size: int, scale: int) -> int:
    """``size / scale``.

    Raises:
        ValueError: a size that ``scale`` does not divide.
    """
    if size % scale:
        raise ValueError(f"a size of {size} pixels is not a multiple of the scale {scale}; crop it first")
    return size // scale


@functools.lru_cache(maxsize=64)
def resampling(
    old: int,
    new: int,
    border: Border,
    dtype: DTypeLike = np.float64,
    *,
    weights: Weights = np.ones_like,
    nyquist: Nyquist = "whole",
) -> Floats:
    """The matrix ``(new, old)`` that brings ``old`` samples along an axis to ``new``; not to be changed.

    Args:
        old, new: samples over the same field of view.
        border: how the image goes on beyond its first and last sample.
        dtype: of the matrix; it is computed in float64.
        weights: of the frequencies that both grids hold.
        nyquist: what of the smaller grid's outermost line a periodic reduction to an even size keeps. ``whole`` takes
            both of its signs, so that it undoes an enlargement; ``real`` takes what one sign's real part gives.
    """
    mirrored = border == "mirrored"
    matrix = _cosine(old, new, weights) if mirrored else _fourier(old, new, weights, nyquist)
    matrix = matrix.astype(dtype)
    matrix.setflags(write=False)
    return matrix


def _fourier(old: int, new: int, weights: Weights, nyquist: Nyquist) -> NDArray[np.float64]:
    kept = min(old, new)
    frequency = np.arange(kept // 2 + 1)  # in cycles over the field of view
    factor = np.tile(weights(2 * frequency / kept) * np.where(frequency == 0, 1.0, 2.0), (2, 1))  # cosines and sines
    if kept % 2 == 0 and new >= old:
        factor[:, -1] /= 2  # the larger grid has each sign of the line, with half of it
    elif kept % 2 == 0 and nyquist == "real":
        factor[:, -1] *= 0.5, 0.0
    here = 2 * np.pi * np.arange(old)[:, None] * frequency / old
    there = 2 * np.pi * ((np.arange(new)[:, None] + 0.5) / new - 0.5 / old) * frequency
    cosines, sines = (np.cos(there) * factor[0]) @ np.cos(here).T, (np.sin(there) * factor[1]) @ np.sin(here).T
    return (cosines + sines) / old


def _cosine(old: int, new: int, weights: Weights) -> NDArray[np.float64]:
    kept = min(old, new)
    frequency = np.arange(kept)  # in half cycles over the field of view
    factor = weights(frequency / kept) * np.where(frequency == 0, 1.0, 2.0)
    here, there = (np.cos(np.pi * frequency * (np.arange(size)[:, None] + 0.5) / size) for size in (old, new))
    return (there * factor) @ here.T / old
