"""Whether an enlarged image still says what its input says, and the step that makes it so.

The enlarged image is brought down to the input's grid by antialiased bicubic reduction, the half-pixel grid kept, and
compared with the input. A small deviation does not make the added detail true; a large one shows that something else
than the input's content came out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .resampling import bicubic_downscale, bicubic_reduction

TOLERANCE = 1e-4  # of the input's range: below half a grey level of 12 bits
MOST_STEPS = 10


@dataclass(frozen=True)
class Consistency:
    """How far the output, brought down to the input's grid, is from the input.

    Attributes:
        psnr: peak signal-to-noise ratio in dB over all pixels, with the input's range as the peak; infinite if equal.
        largest: largest deviation of a pixel in intensity units.
        low, high: the input's range, its smallest and largest value.
    """

    psnr: float
    largest: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """The largest deviation in per cent of the input's range."""
        return 100 * self.largest / (self.high - self.low) if self.high > self.low else 0.0

    def __str__(self) -> str:
        return (
            f"brought down it differs from the input by at most {self.largest:.3g} ({self.percent:.2g} % of the range "
            f"{self.low:g} to {self.high:g}), PSNR {self.psnr:.1f} dB"
        )


class ConsistencyMeter:
    """Gathers the consistency of a run slice by slice, over all items of a cine."""

    def __init__(self) -> None:
        self._squares, self._count, self._largest = 0.0, 0, 0.0
        self._low, self._high = math.inf, -math.inf

    def add(self, enlarged: NDArray, slices: NDArray, scale: int) -> None:
        """Take in some slices: ``(n, scale*rows, scale*columns)`` made of ``(n, rows, columns)``."""
        down, across = (_reduction(size, scale, enlarged.dtype) for size in enlarged.shape[1:])
        for image, source in zip(enlarged, slices, strict=True):
            error = (down @ image @ across.T).astype(np.float64) - source
            self._squares += float(np.vdot(error, error))
            self._count += error.size
            self._largest = max(self._largest, float(np.abs(error).max()))
            self._low, self._high = min(self._low, float(source.min())), max(self._high, float(source.max()))

    @property
    def result(self) -> Consistency:
        """The figures of what was added so far.

        Raises:
            ValueError: nothing was added.
        """
        if not self._count:
            raise ValueError("no slice was measured")
        mean, width = self._squares / self._count, self._high - self._low
        decibels = 10 * math.log10(width**2 / mean) if mean > 0 and width > 0 else math.inf
        return Consistency(decibels, self._largest, self._low, self._high)


def make_consistent(
    enlarged: NDArray[np.float32], slices: NDArray, scale: int, check: Callable[[], None] = lambda: None
) -> None:
    """Change ``enlarged`` in place, as little as possible, until it reproduces ``slices`` when brought down again.

    Iterative back-projection: what the reduced output lacks is put back by the reduction's pseudo-inverse, which gives
    the smallest change (in the sum of squares) that does it. One step suffices but for float32 rounding. It ends when
    no pixel deviates by more than 1e-4 of the input's range (``TOLERANCE``): that is below half a grey level of a
    12-bit image, so reduced and rounded output gives the stored input. Nothing is clipped.

    If the input truly is a bicubic reduction of the truth, the result is never farther from the truth than before. A
    scanner does not acquire so: against k-space truncation the step can cost quality.

    Args:
        enlarged: ``(n, scale*rows, scale*columns)`` in the units of ``slices``.
        slices: ``(n, rows, columns)``.
        scale: in-plane magnification.
        check: called before each slice; may raise to stop.
    """
    low, high = float(slices.min()), float(slices.max())
    resolution = 4 * float(np.finfo(np.float32).eps) * max(abs(low), abs(high))  # float32 cannot do better
    tolerance = max(TOLERANCE * (high - low), resolution)
    down, across = (_back_projection(size, scale) for size in enlarged.shape[1:])
    for image, source in zip(enlarged, slices, strict=True):
        check()
        for _ in range(MOST_STEPS):
            missing = source - bicubic_downscale(image, scale)
            if np.abs(missing).max() <= tolerance:
                break
            image += (down @ missing @ across.T).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _reduction(size: int, scale: int, dtype: np.dtype) -> NDArray:
    """The reduction along one axis as a matrix, in the precision that images of ``dtype`` have at least."""
    return bicubic_reduction(size, scale).astype(np.result_type(dtype, np.float32))


@functools.lru_cache(maxsize=4)
def _back_projection(size: int, scale: int) -> NDArray[np.float64]:
    """Pseudo-inverse ``(size, size/scale)`` of the reduction along one axis, whose rows are independent."""
    reduction = bicubic_reduction(size, scale)
    return np.linalg.solve(reduction @ reduction.T, reduction).T
