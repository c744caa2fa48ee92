"""From any grid to any other by truncation and zero filling of k-space: the one place where k-space is cropped.

Both grids cover the same field of view: output sample ``i`` of ``m`` lies at input coordinate
``(i + 0.5) * n / m - 0.5``. Frequencies that both grids can hold stay as they are, all others are left out or zero.

Along one axis this is a matrix. At the sizes of images the product of matrices costs no more than Fourier transforms
would, it takes odd sizes and sizes with large prime factors alike, and the border is a matter of the matrix alone:

``periodic``  the image goes on at its opposite border: the discrete Fourier transform, k-space as a scanner fills it.
``mirrored``  the image goes on as its mirror image: the discrete cosine transform (type II), whose samples lie on the
    half-pixel grid by themselves. An image cut out of a larger one has no edge at its border then, and no ringing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Border = Literal["periodic", "mirrored"]
Weights = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Weights over frequency, from 0 at the centre of k-space to 1 at the edge of the smaller grid's."""

Floats = NDArray[np.floating]


def resized(
    images: ArrayLike, rows: int, columns: int, borders: tuple[Border, Border] = ("periodic", "periodic")
) -> Floats:
    """Images ``(..., r, c)`` on a grid of ``rows`` x ``columns`` over the same field of view.

    Enlarging and then reducing to the first grid gives the images back, each of their frequencies included.

    Args:
        images: of a real dtype.
        rows, columns: of the result.
        borders: how the image goes on beyond its first and last row, and column.

    Returns:
        float32 if ``images`` are float32 or float16, float64 otherwise.
    """
    values = floats(images)
    sizes = zip(values.shape[-2:], (rows, columns), borders, strict=True)
    down, across = (resampling(old, new, border, values.dtype) for old, new, border in sizes)
    return separable(down, values, across)


def weighted(images: ArrayLike, weights: Weights, border: Border = "periodic") -> Floats:
    """Images ``(..., rows, columns)`` whose k-space is weighted along both axes, as scanners do against ringing."""
    values = floats(images)
    down, across = (resampling(size, size, border, values.dtype, weights) for size in values.shape[-2:])
    return separable(down, values, across)


def floats(images: ArrayLike) -> Floats:
    """``images`` in the precision that they are computed in."""
    values = np.asarray(images)
    return values.astype(np.float32 if values.dtype in (np.float16, np.float32) else np.float64, copy=False)


def separable(down: Floats, images: Floats, across: Floats) -> Floats:
    """Apply one matrix along the rows' direction of ``(..., rows, columns)``, and one along the columns'."""
    if len(down) * images.shape[-1] < len(across) * images.shape[-2]:
        return np.matmul(np.matmul(down, images), across.T)
    return np.matmul(down, np.matmul(images, across.T))


@functools.lru_cache(maxsize=32)
def resampling(
    old: int, new: int, border: Border, dtype: np.dtype = np.dtype(np.float64), weights: Weights | None = None
) -> Floats:
    """The matrix ``(new, old)`` that brings ``old`` samples along an axis to ``new``; not to be changed.

    Args:
        old, new: samples over the same field of view.
        border: how the image goes on beyond its first and last sample.
        dtype: of the matrix; it is computed in float64.
        weights: of the frequencies that both grids hold; all stay as they are if None.
    """
    make = _fourier if border == "periodic" else _cosine
    matrix = make(old, new, weights or np.ones_like).astype(dtype)
    matrix.setflags(write=False)
    return matrix


def _fourier(old: int, new: int, weights: Weights) -> NDArray[np.float64]:
    kept = min(old, new)
    frequency = np.arange(kept // 2 + 1)  # in cycles over the field of view
    factor = weights(2 * frequency / kept) * np.where(frequency == 0, 1.0, 2.0)
    if kept % 2 == 0 and old <= new:  # the Nyquist line of the old grid is both of its signs at once
        factor[-1] /= 2
    angle = 2 * np.pi * frequency
    here, there = (angle * (np.arange(size)[:, None] + 0.5) / size for size in (old, new))
    return ((np.cos(there) * factor) @ np.cos(here).T + (np.sin(there) * factor) @ np.sin(here).T) / old


def _cosine(old: int, new: int, weights: Weights) -> NDArray[np.float64]:
    kept = min(old, new)
    frequency = np.arange(kept)  # in half cycles over the field of view
    factor = weights(frequency / kept) * np.where(frequency == 0, 1.0, 2.0)
    here, there = (np.cos(np.pi * frequency * (np.arange(size)[:, None] + 0.5) / size) for size in (old, new))
    return (there * factor) @ here.T / old
