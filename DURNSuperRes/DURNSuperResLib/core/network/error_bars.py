"""From expected errors to error bars: what half-width holds the truth, of each pixel and of an image in one line.

A model's card states factors, found on patients that neither network nor error head was trained on: the expected error
times the factor of a level is the half-width of the interval that held the truth in that share of the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..told import rounded
from .models import ModelCard

STEP = 3  # every third row and column tells enough of an image
BODY = 0.05  # of the network's range; darker pixels are air, whose small errors would hide those of the body
RIM_SHARE = 10  # per cent of the body's pixels, the steepest
BINS_AN_OCTAVE, OCTAVES_BELOW, OCTAVES = 16, 14, 19  # of the histogram of expected errors, in the network's range
ALL_WAYS = "all"  # in a card's calibration: the factor for all degradations together
TIMES = {2: "twice", 3: "three times", 4: "four times"}

Counts = NDArray[np.int64]


def factor_of(card: ModelCard, level: float) -> float | None:
    """Half-width of the interval of ``level`` (between 0 and 1) in expected errors; None if the card states none.

    It is the one for all ways in which images lose resolution together, since acquired ones do not tell their own.
    """
    head: Mapping[str, Any] = card.error_head or {}
    factors = head.get("calibration", {}).get("factors", {}).get(f"{level:g}")
    return float(factors[ALL_WAYS]) if factors else None


@dataclass(frozen=True)
class Within:
    """How far the pixels of an image may be from the truth, in its units: all of the body, and those at its rims.

    ``level`` is the share of the pixels that are as near as that.
    """

    level: float
    scale: int
    body: float
    rims: float

    def __str__(self) -> str:
        share, body, rims = f"{100 * self.level:g} %", rounded(self.body), rounded(self.rims)
        return (
            f"{share} of the pixels are within {body} of what an image of {TIMES[self.scale]} the resolution would "
            f"show, at rims within {rims}"
        )


def _no_counts() -> Counts:
    return np.zeros((2, OCTAVES * BINS_AN_OCTAVE), dtype=np.int64)


@dataclass(frozen=True)
class Errors:
    """How many pixels of a body, and of its rims, have which expected error; sums of these are those of a cine.

    Attributes:
        counts: of pixels, by the logarithm of their half-width over ``unit``.
        unit: intensities.
        level: of the half-widths.
        scale: in-plane magnification.
    """

    counts: Counts
    unit: float
    level: float
    scale: int

    def __add__(self, other: Errors) -> Errors:
        if (self.unit, self.level, self.scale) != (other.unit, other.level, other.scale):
            raise ValueError("errors of different units, levels or scales cannot be added")
        return replace(self, counts=self.counts + other.counts)

    @property
    def within(self) -> Within | None:
        """The image in one line; None if there is no body in it."""
        if not self.counts.any():
            return None
        body, rims = (self.unit * _distance(counts, self.level) for counts in self.counts)
        return Within(self.level, self.scale, body, rims)


@dataclass
class ErrorBars:
    """What the error head says of the slices of a run.

    Attributes:
        factor: see :func:`factor_of`.
        level: of the interval.
        width: intensities that span 1 in the network's range.
        keep: whether the half-width of every pixel is wanted; otherwise only their distribution is kept.
        expected: float32 ``(n, scale*rows, scale*columns)`` expected errors in the network's range; None without
            ``keep``.
    """

    factor: float
    level: float
    width: float
    keep: bool
    expected: NDArray[np.float32] | None = None
    counts: Counts = field(default_factory=_no_counts)

    def room(self, first: int, shape: tuple[int, ...], slices: int) -> NDArray[np.float32]:
        """Where the expected errors of some slices go, of ``shape`` from number ``first`` of ``slices`` on."""
        if not self.keep:
            return np.empty(shape, dtype=np.float32)
        if self.expected is None:
            self.expected = np.empty((slices, *shape[1:]), dtype=np.float32)
        return self.expected[first : first + shape[0]]

    def add(self, images: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        """Take in what the network made of some slices, and the errors to be expected, both in its range."""
        for image, error in zip(images, expected, strict=True):
            self.counts += _counted(image, error)

    def half_width(self) -> NDArray[np.float32] | None:
        """The half-widths in intensity units, made in place of the expected errors; None without ``keep``."""
        half_width, self.expected = self.expected, None
        if half_width is not None:
            half_width *= np.float32(self.factor * self.width)
        return half_width

    def errors(self, scale: int) -> Errors:
        """Their distribution."""
        return Errors(self.counts, self.factor * self.width, self.level, scale)


def _counted(image: NDArray[np.float32], error: NDArray[np.float32]) -> Counts:
    """How many pixels of the body, and of its rims, have which expected error."""
    centre = image[1:-1:STEP, 1:-1:STEP]
    down = image[2::STEP, 1:-1:STEP] - image[:-2:STEP, 1:-1:STEP]
    across = image[1:-1:STEP, 2::STEP] - image[1:-1:STEP, :-2:STEP]
    inside = centre > BODY
    if not inside.any():
        return _no_counts()
    steepness, errors = np.hypot(down, across)[inside], error[1:-1:STEP, 1:-1:STEP][inside]
    at_rim = steepness >= np.percentile(steepness, 100 - RIM_SHARE)
    bins = np.clip((np.log2(errors) + OCTAVES_BELOW) * BINS_AN_OCTAVE, 0, OCTAVES * BINS_AN_OCTAVE - 1).astype(np.int64)
    length = OCTAVES * BINS_AN_OCTAVE
    return np.stack([np.bincount(chosen, minlength=length) for chosen in (bins, bins[at_rim])])


def _distance(counts: Counts, level: float) -> float:
    """Within how many factors of a level that share of pixels is, whose errors fall off as Laplace's do.

    A pixel of expected error ``b`` is farther than ``q`` from the truth with probability ``(1 - level)**(q / b)``, in
    units in which the factor of ``level`` is 1; the mean of these is to be ``1 - level``.
    """
    centres = np.exp2((np.arange(counts.size) + 0.5) / BINS_AN_OCTAVE - OCTAVES_BELOW)
    share = counts / counts.sum()
    low, high = float(centres[0]) / 2, 2 * float(centres[-1])
    for _ in range(40):
        middle = math.sqrt(low * high)
        farther = float(np.sum(share * (1 - level) ** (middle / centres)))
        low, high = (middle, high) if farther > 1 - level else (low, middle)
    return high
