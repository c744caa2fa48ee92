"""How much of an image's k-space a scanner really acquired, seen from the image: the edge that zero filling leaves.

Many scanners interpolate by zero filling: the outer part of k-space is set to zero, and the image gets more pixels than
were measured. In the image's spectrum the signal then ends at a sharp edge, with only rounding and the nonlinearity of
the magnitude beyond. A spectrum that fades (a k-space window, smooth interpolation, blurring) shows no such edge, and
nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 64  # pixels along an axis; fewer have too few frequencies
MOST_SLICES = 16
LOW_FREQUENCY = 0.3  # of the other axis' Nyquist frequency: where an elliptic acquisition reaches out, too
BAND, GAP = 0.06, 0.03  # of the Nyquist frequency: on either side of an edge, and between the two
LOWEST_EDGE, HIGHEST_EDGE = 0.25, 0.94
SMEAR = 1.5  # frequencies by which the Hann window moves the middle of an edge outwards
LEAST_DROP = 10.0  # dB; the spectra of acquired images fall by 3 to 7 dB from band to band


@dataclass(frozen=True)
class Resolution:
    """Pixels of a stack, and what of them zero filling left.

    Attributes:
        pixel_mm: distance of pixel centres between columns and between rows.
        acquired: share of k-space along the same two axes that holds signal; 1 where no edge was found.
    """

    pixel_mm: tuple[float, float]
    acquired: tuple[float, float]

    @property
    def interpolated(self) -> bool:
        """Whether zero filling was found along either axis."""
        return min(self.acquired) < 1

    @property
    def effective_mm(self) -> tuple[float, float]:
        """Size of the pixels that the acquired part of k-space would give."""
        return self.pixel_mm[0] / self.acquired[0], self.pixel_mm[1] / self.acquired[1]

    def __str__(self) -> str:
        pixels, effective = _sizes(self.pixel_mm, 2), _sizes(self.effective_mm, 1)
        return f"{pixels} mm pixels, about {effective} mm effective" if self.interpolated else f"{pixels} mm pixels"


def resolution_of(items: Sequence[NDArray], pixel_mm: tuple[float, float]) -> Resolution:
    """Resolution of slices ``(n, rows, columns)``, some of all items; ``pixel_mm`` between columns and between rows."""
    every = [image for n in sorted({0, len(items) // 2}) for image in items[n] if image.shape == items[0].shape[1:]]
    chosen = np.stack(every[:: -(-len(every) // MOST_SLICES)]).astype(np.float64)
    return Resolution(pixel_mm, (acquired_share(chosen, 2), acquired_share(chosen, 1)))


def acquired_share(slices: NDArray, axis: int) -> float:
    """Share of k-space along ``axis`` (1 rows, 2 columns) inside the edge that zero filling left; 1 without an edge."""
    if min(slices.shape[1:]) < SMALLEST:
        return 1.0
    level = _spectrum(np.moveaxis(slices, axis, 2))
    last = len(level) - 1
    band, gap = max(3, round(BAND * last)), max(2, round(GAP * last))
    best, edge = LEAST_DROP, 0
    for n in range(round(LOWEST_EDGE * last), round(HIGHEST_EDGE * last) + 1):
        inside, beyond = np.median(level[n - band : n]), level[n + gap :]
        before = np.median(level[n - 2 * band - gap : n - band - gap])
        drop = inside - max(np.median(beyond[:band]), np.median(beyond))
        if drop > best and drop > 2 * (before - inside):
            best, edge = drop, n
    if not edge:
        return 1.0
    middle = (np.median(level[edge - band : edge]) + np.median(level[edge + gap :])) / 2
    crossing = edge - band + int(np.argmax(level[edge - band :] < middle))
    return (crossing - SMEAR) / last


def _spectrum(slices: NDArray) -> NDArray[np.float64]:
    """Level in dB over the frequencies 0 to Nyquist along the last axis, the median of slices and low other ones."""
    rows, columns = slices.shape[1:]
    level = slices - slices.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(level * np.outer(np.hanning(rows), np.hanning(columns)))) ** 2
    low = np.abs(np.fft.fftfreq(rows)) <= LOW_FREQUENCY / 2
    median = np.median(power[:, low], axis=(0, 1))
    return 10 * np.log10(np.maximum(median, 1e-12 * median.max() + np.finfo(float).tiny))


def _sizes(sizes: tuple[float, float], digits: int) -> str:
    first, second = (f"{size:.{digits}f}" for size in sizes)
    return first if first == second else f"{first} x {second}"
