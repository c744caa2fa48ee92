"""What was invented: how far an image agrees with the truth, frequency by frequency, over all and patch by patch.

The Fourier ring correlation of an image and its truth is 1 at a frequency where they say the same and 0 where the
image's content has nothing to do with the truth. A network can score well over all and still invent in places, so it is
also taken in small overlapping patches, as the scanning ring correlation of P. Kc et al. does ("sFRC for
assessing hallucinations in medical image restoration", arXiv 2603.04673). Here a patch counts as invented where what an
image holds beyond the acquired band, the detail that the method added, does not correlate with the truth's.

Frequencies are given as multiples of the highest acquired one, the Nyquist frequency of the low-resolution slice.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.signal.quality import FloatArray

RINGS = 12  # of equal width up to twice the highest acquired frequency
CORRELATED = 1 / 7  # a usual limit of ring correlations: P. Rosenthal, R. Henderson, J. Mol. Biol. 333 (2003) 721
HALF_RIGHT = 0.5  # chance alone seldom reaches this in a patch, while it passes the other limit in every third
PATCH, HOP = 32, 16  # pixels
LEAST_DETAIL = 0.002  # root mean square of the added detail in a patch, of the intensity range; less cannot be seen
LOG_SIGMA, LOG_SIZE = 1.5, 15


def ring_correlation(image: FloatArray, truth: FloatArray, scale: int) -> FloatArray:
    """Fourier ring correlation ``(RINGS,)`` of two slices of one shape; 0 where the image holds nothing.

    Rings are of equal width from 0 to twice the highest acquired frequency, or to the Nyquist frequency if that is
    less; those beyond it are NaN. A Hann window keeps the borders out.

    Source: W. O. Saxton, W. Baumeister, J. Microsc. 127 (1982) 127.
    """
    a, b = (np.fft.fft2(part * _hann(*part.shape)) for part in (image - image.mean(), truth - truth.mean()))
    frequency = _frequency(*image.shape) * scale
    ring = np.floor(frequency * RINGS / 2).astype(np.intp).ravel()
    inside = (ring < RINGS) & (frequency.ravel() < scale)
    cross, first, second = (
        np.bincount(ring[inside], weights=values.ravel()[inside], minlength=RINGS)
        for values in ((a * b.conj()).real, np.abs(a) ** 2, np.abs(b) ** 2)
    )
    count = np.bincount(ring[inside], minlength=RINGS)
    norm = np.sqrt(first * second)
    nothing = first <= 1e-12 * first.max()
    found = np.where(nothing, 0.0, cross / np.where(norm > 0, norm, 1.0))
    return np.where(count > 0, found, np.nan)


def ring_centres() -> FloatArray:
    """Middle of each ring, in multiples of the highest acquired frequency."""
    return (np.arange(RINGS) + 0.5) * 2 / RINGS


def real_to(correlation: FloatArray, level: float = 0.5) -> float:
    """Frequency up to which a ring correlation stays at or above ``level``, between rings linearly."""
    centres, values = ring_centres()[~np.isnan(correlation)], correlation[~np.isnan(correlation)]
    below = np.flatnonzero(values < level)
    if not below.size:
        return float(centres[-1])
    first = int(below[0])
    if first == 0:
        return 0.0
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return float(centres[first - 1] + share * (centres[first] - centres[first - 1]))


@dataclass(frozen=True)
class Patches:
    """The patches of a slice.

    Attributes:
        corner: ``(n, 2)`` first row and column of each.
        detail: ``(n,)`` root mean square of what the image holds beyond the acquired band.
        correlation: ``(n,)`` of that with what the truth holds there.
    """

    corner: NDArray[np.intp]
    detail: FloatArray
    correlation: FloatArray

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Patches with detail added that can be seen."""
        return self.detail >= LEAST_DETAIL

    @property
    def invented(self) -> NDArray[np.bool_]:
        """Patches whose added detail can be seen and does not correlate with the truth."""
        return self.seen & (self.correlation < CORRELATED)

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Patches whose added detail can be seen and is less than half right, the invented ones among them."""
        return self.seen & (self.correlation < HALF_RIGHT)


def patches_of(image: FloatArray, truth: FloatArray, scale: int, where: NDArray[np.bool_] | None = None) -> Patches:
    """Added detail in overlapping patches of 32 pixels, held against the truth's at the same frequencies.

    Args:
        image, truth: ``(rows, columns)`` of at least 32 pixels each way.
        scale: of the enlargement; what lies beyond ``1 / scale`` of the Nyquist frequency was added.
        where: keep the patches whose centre lies in this mask.
    """
    window = np.lib.stride_tricks.sliding_window_view
    a, b = (window(part, (PATCH, PATCH))[::HOP, ::HOP] for part in (image, truth))
    corner = np.stack(np.meshgrid(*(HOP * np.arange(n) for n in a.shape[:2]), indexing="ij"), axis=-1).reshape(-1, 2)
    kept = np.ones(len(corner), dtype=bool) if where is None else where[tuple((corner + PATCH // 2).T)]
    added, true = (_beyond(part.reshape(-1, PATCH, PATCH)[kept], scale) for part in (a, b))
    strength, true_strength = (np.sum(np.abs(part) ** 2, axis=(1, 2)) for part in (added, true))
    norm = np.sqrt(strength * true_strength)
    cross = np.sum((added * true.conj()).real, axis=(1, 2))
    detail = np.sqrt(strength / np.sum(_hann(PATCH, PATCH) ** 2)) / PATCH
    return Patches(corner[kept], detail, cross / np.where(norm > 0, norm, 1.0))


def hfen(image: FloatArray, truth: FloatArray) -> float:
    """High-frequency error norm: of the difference after a Laplacian of Gaussian, relative to the truth's.

    Source: S. Ravishankar, Y. Bresler, IEEE Trans. Med. Imaging 30 (2011) 1028: 15 x 15, standard deviation 1.5 pixels.
    """
    kernel = _laplacian_of_gaussian()
    error, reference = (_filtered(part, kernel) for part in (image - truth, truth))
    return float(np.linalg.norm(error) / np.linalg.norm(reference))


def _beyond(patches: FloatArray, scale: int) -> NDArray[np.complex128]:
    """Spectra of patches beyond the acquired band, a patch's leakage of the band's edge left out."""
    centred = patches - patches.mean(axis=(1, 2), keepdims=True)
    spectrum = np.fft.fft2(centred * _hann(PATCH, PATCH))
    rows, columns = (np.abs(np.fft.fftfreq(PATCH)) for _ in range(2))
    edge = 0.5 / scale + 1.5 / PATCH  # the Hann window smears a frequency over one and a half to either side
    return spectrum * (np.maximum(rows[:, None], columns[None]) > edge)


@functools.lru_cache(maxsize=8)
def _hann(rows: int, columns: int) -> FloatArray:
    return np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])


@functools.lru_cache(maxsize=8)
def _frequency(rows: int, columns: int) -> FloatArray:
    """Radius in k-space of each coefficient, 1 at the Nyquist frequency along an axis."""
    return 2 * np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None])


@functools.lru_cache(maxsize=1)
def _laplacian_of_gaussian() -> FloatArray:
    place = np.arange(LOG_SIZE) - LOG_SIZE // 2
    squared = place[:, None] ** 2 + place[None] ** 2
    gaussian = np.exp(-squared / (2 * LOG_SIGMA**2))
    kernel = gaussian * (squared - 2 * LOG_SIGMA**2) / (LOG_SIGMA**4 * gaussian.sum())
    return kernel - kernel.mean()


def _filtered(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """The part of the convolution that no border touches."""
    shape = [size + len(kernel) - 1 for size in image.shape]
    whole = np.fft.irfft2(np.fft.rfft2(image, shape) * np.fft.rfft2(kernel, shape), shape)
    inner = slice(len(kernel) - 1, -(len(kernel) - 1))
    return whole[inner, inner]
