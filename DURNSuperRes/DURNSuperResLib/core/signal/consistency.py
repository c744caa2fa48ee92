"""How closely an enlarged image keeps what the scanner measured.

The band of k-space that is put back into an enlarged image is compared with the input's. A small deviation does not
make the added detail true; a large one shows that something else than the input's content came out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .measured import Measured


@dataclass(frozen=True)
class Consistency:
    """How far the measured band of the output is from the input's, both as images on a grid of its own.

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
            f"what was measured is kept to within {self.percent:.2f} % of the range {self.low:g} to {self.high:g} "
            f"(at most {self.largest:.3g}, PSNR {self.psnr:.1f} dB)"
        )


class ConsistencyMeter:
    """Gathers the consistency of a run slice by slice, over all items of a cine."""

    def __init__(self) -> None:
        self._squares, self._count, self._largest = 0.0, 0, 0.0
        self._low, self._high = math.inf, -math.inf

    def add(self, enlarged: NDArray, slices: NDArray, scale: int, measured: Measured | None = None) -> None:
        """Take in some slices: ``(n, scale*rows, scale*columns)`` made of ``(n, rows, columns)``.

        ``measured`` of them are all their lines if None.
        """
        rows, columns = slices.shape[1:]
        measured = (measured or Measured.whole(rows, columns)).on(rows, columns)
        for image, source in zip(enlarged, slices, strict=True):
            error = measured.kept_of(image, scale).astype(np.float64) - measured.kept_of(source)
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
