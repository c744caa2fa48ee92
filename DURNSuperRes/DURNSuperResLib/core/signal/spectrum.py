"""How much of an image's k-space a scanner really measured, seen from the image: the edge that zero filling leaves.

Many scanners interpolate by zero filling: the outer part of k-space is set to zero, and the image gets more pixels than
were measured. In the image's spectrum the signal then ends at a step, with only rounding and the nonlinearity of the
magnitude beyond. A spectrum that fades (a k-space window, smooth interpolation, blurring) shows no such step, and
nothing is claimed of it, unless a header states where the measured lines end and the spectrum bears it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kspace import Border

SMALLEST = 96  # pixels along an axis; fewer have too few frequencies
MOST_SLICES = 16
LOW_FREQUENCY = 0.3  # of the other axis' Nyquist frequency: where an elliptic acquisition reaches out, too
BAND, FEWEST = 0.08, 5  # lines on either side of a step that its height is taken from: of all, and at least
GAP = 2  # lines by which the Hann window widens a step
LOWEST_EDGE = 0.25
# Steps in dB, and how many of their standard errors more. Spectra of acquired images of 256 x 256 pixels seem to step
# by up to 1.8 dB (16 slices), 2.4 (4) or 4.3 (1), and by 6 where partial Fourier has no second sign any more, with
# signal beyond; zero-filled ones by 4.4 (one scanner's, which its header must tell) to 70 (simulated).
CLEAR_STEP, STATED_STEP = (7.0, 3.5), (1.5, 2.5)
HANN_LINES = 1.5  # lines that share a sample under a Hann window
RAYLEIGH = 6.25  # dB: standard deviation of the median level of n independent lines, times the root of n
HIGH = 90  # percentile of the levels beyond a step, which must not rise again
STATED_REACH = 0.015  # of all lines: how far from a stated edge its step may lie
FLAT_TAIL, FLATTER = 3.0, 0.5  # dB; of the slope before: what is beyond a stated edge without a step
ERRORS = 3.0  # standard errors by which a slope may be steeper than it seems
FALLING = -15.0  # dB over all lines
SURROUNDINGS = 3  # lines on either side of an edge within which it is looked for again
DEEPEST = 9.0  # dB that a line may be below the band and count: the outermost one is by 3 to 6, having one sign
LESS_TAIL = 0.35  # of the power beyond the edge


@dataclass(frozen=True)
class Step:
    """A fall of the spectrum's level (dB) at one line.

    Attributes:
        height: between the straight lines through the levels before and beyond.
        error: standard error of the height.
        beyond: level on its far side.
    """

    height: float
    error: float
    beyond: float

    def exceeds(self, limit: tuple[float, float]) -> bool:
        """Whether it is no play of chance: higher than so many dB, and so many errors more."""
        return self.height > limit[0] + limit[1] * self.error


@dataclass(frozen=True)
class Band:
    """The measured lines along an axis.

    Attributes:
        lines: their number.
        border: how the image goes on beyond its first and last pixel, where their edge shows it.
        stated: whether a header said so.
    """

    lines: int
    border: Border | None = None
    stated: bool = False


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Level over the frequencies 0 to Nyquist along one axis of some slices.

    Attributes:
        level: in dB, the median of the slices and of low frequencies along the other axis.
        noise: dB by which a line would play if the image were noise.
    """

    level: NDArray[np.float64]
    noise: float

    @classmethod
    def along(cls, slices: NDArray, axis: int) -> Spectrum:
        """That of slices ``(n, rows, columns)`` along ``axis`` of the array, under a Hann window."""
        values = np.moveaxis(slices, axis, 2)
        rows, columns = values.shape[1:]
        level = values - values.mean(axis=(1, 2), keepdims=True)
        power = np.abs(np.fft.rfft2(level * np.outer(np.hanning(rows), np.hanning(columns)))) ** 2
        low = power[:, np.abs(np.fft.fftfreq(rows)) <= LOW_FREQUENCY / 2]
        return cls(_decibels(low), RAYLEIGH / float(np.sqrt(low.shape[0] * low.shape[1] / HANN_LINES)))

    @property
    def last(self) -> int:
        """The Nyquist frequency, in lines."""
        return len(self.level) - 1

    @property
    def width(self) -> int:
        """Lines on either side of a step that its height is taken from."""
        return _width(self.level)

    def step_at(self, line: int) -> Step:
        """How far the level falls between the lines before ``line`` and those beyond the widened step."""
        before = np.arange(max(line - self.width, 0), line)
        beyond = np.arange(line + GAP, min(line + GAP + self.width, self.last + 1))
        fits = [np.polyfit(lines, self.level[lines], 1) for lines in (before, beyond)]
        middle = line + (GAP - 1) / 2
        inner, outer = (float(np.polyval(fit, middle)) for fit in fits)
        parts = zip(fits, (before, beyond), strict=True)
        rest = np.concatenate([np.polyval(fit, n) - self.level[n] for fit, n in parts])
        scatter = float(np.sqrt(np.sum(rest**2) / max(len(rest) - 4, 1)))
        return Step(inner - outer, max(scatter, self.noise) * float(np.sqrt(8 / self.width)), outer)

    def clear_edge(self) -> int | None:
        """The outermost measured line, if the level steps down behind it and does not rise again; else None."""
        first = max(self.width + GAP, round(LOWEST_EDGE * self.last))
        steps = {line: self.step_at(line) for line in range(first, self.last - FEWEST - GAP + 1)}
        clear = {line: step for line, step in steps.items() if step.exceeds(CLEAR_STEP)}
        if not clear:
            return None
        line = max(clear, key=lambda line: clear[line].height)
        inside = np.arange(line - GAP - self.width, line - GAP)  # the steepest place may lie a little beyond the edge
        before = np.polyval(np.polyfit(inside, self.level[inside], 1), line)
        if self._rises_beyond(line, clear[line]):
            return None
        half = 10 * np.log10((10 ** (before / 10) + 10 ** (clear[line].beyond / 10)) / 2)
        start = line - GAP - 1
        return start - 1 + int(np.argmax(self.level[start:] < half))

    def bears_out(self, edge: float) -> bool:
        """Whether the signal may end at a stated line: a step near it, or a fall before and a flat floor beyond."""
        line, reach = round(edge), max(GAP, round(STATED_REACH * self.last))
        if line < LOWEST_EDGE * self.last or line > self.last - FEWEST - GAP:
            return False
        around = range(line - 2 * reach, min(line + 2 * reach, self.last - FEWEST - GAP))
        steps = {n: self.step_at(n) for n in around}
        highest = max(steps, key=lambda n: steps[n].height)
        here = abs(highest - edge) <= reach and steps[highest].exceeds(STATED_STEP)
        return (here and not self._rises_beyond(highest, steps[highest])) or self.has_floor_beyond(line)

    def _rises_beyond(self, line: int, step: Step) -> bool:
        """Whether signal comes again beyond a step, as beyond a zero of a shape's spectrum."""
        return bool(np.percentile(self.level[line + GAP :], HIGH) > step.beyond + step.height / 4)

    def has_floor_beyond(self, line: int) -> bool:
        """Whether the level falls before a line and is flat beyond it."""
        if line > self.last - self.width - GAP:
            return False
        before, beyond = np.arange(line - 2 * self.width, line), np.arange(line + GAP, self.last + 1)
        (falling, inner), (floor, outer) = (np.polyfit(n, self.level[n], 1) for n in (before, beyond))
        scatter = max(float(np.std(self.level[beyond] - outer - floor * beyond)), self.noise)
        error = scatter / (np.std(beyond) * float(np.sqrt(len(beyond))))
        flat = (ERRORS * error - floor) * len(beyond) <= FLAT_TAIL and floor >= FLATTER * falling
        return bool(flat and falling * self.last < FALLING and inner + falling * line >= outer + floor * line)


def sample_of(items: Sequence[NDArray]) -> NDArray[np.float64]:
    """Some slices ``(n, rows, columns)`` that stand for all items of a stack or cine."""
    every = [image for n in sorted({0, len(items) // 2}) for image in items[n] if image.shape == items[0].shape[1:]]
    return np.stack(every[:: -(-len(every) // MOST_SLICES)]).astype(np.float64)


def band_along(slices: NDArray, axis: int, stated: Sequence[float] = ()) -> Band:
    """How many lines of k-space along ``axis`` (1 rows, 2 columns) hold what was measured.

    Args:
        slices: ``(n, rows, columns)``, see :func:`sample_of`.
        axis: of the array.
        stated: numbers of lines that a header may mean; one is believed only if the spectrum bears it out.

    Returns:
        The band, the whole axis where nothing tells of less.
    """
    size = slices.shape[axis]
    if min(slices.shape[1:]) < SMALLEST:
        return Band(size)
    spectrum = Spectrum.along(slices, axis)
    edge = spectrum.clear_edge()
    if edge is None:
        borne_out = [round(lines) for lines in stated if lines < size and spectrum.bears_out(lines / 2)]
        return Band(max(borne_out), stated=True) if borne_out else Band(size)
    lines, border, exact = _counted(slices, axis, edge)
    nearest = round(min(stated, key=lambda number: abs(number - lines), default=0))
    if 0 <= nearest - lines <= 1 or (not exact and abs(nearest - lines) <= STATED_REACH * size):
        return Band(nearest, border, stated=True)
    return Band(min(lines, size), border)


def acquired_share(slices: NDArray, axis: int) -> float:
    """Share of k-space along ``axis`` (1 rows, 2 columns) inside the edge that zero filling left; 1 without an edge."""
    return band_along(slices, axis).lines / slices.shape[axis]


def signal_lines(slices: NDArray, axis: int) -> int:
    """How many lines along ``axis`` stand out of the noise: up to a clear edge, or to where a flat floor begins."""
    size, spectrum = slices.shape[axis], Spectrum.along(slices, axis)
    floors = (2 * n for n in range(round(LOWEST_EDGE * spectrum.last), spectrum.last) if spectrum.has_floor_beyond(n))
    return min(band_along(slices, axis).lines, next(floors, size)) // 2 * 2


def _counted(slices: NDArray, axis: int, edge: int) -> tuple[int, Border, bool]:
    """Number of lines within an edge that is known to a few lines, the border, and whether the number is exact but for
    an odd one, which counts as one less; from spectra without a window.

    A window would smear the edge. Without one, an image that is not periodic has a step at its border, whose spectrum
    reaches beyond the edge; if that of its mirrored continuation reaches there much less, it is not.
    """
    level, tail = _unwindowed(slices, axis, edge + SURROUNDINGS)
    mirrored, smaller_tail = _unwindowed(
        np.concatenate([slices, np.flip(slices, axis)], axis), axis, 2 * (edge + SURROUNDINGS)
    )
    if smaller_tail < LESS_TAIL * tail:
        return _last_line(mirrored, 2 * edge, 2 * SURROUNDINGS).number + 1, "mirrored", False
    last = _last_line(level, edge, SURROUNDINGS)
    return 2 * (last.number + last.more), "periodic", last.deep


def _unwindowed(slices: NDArray, axis: int, beyond: int) -> tuple[NDArray[np.float64], float]:
    """Level in dB as of :class:`Spectrum`, without a window along ``axis``; share of the power beyond a line."""
    values = np.moveaxis(slices, axis, 2)
    values = (values - values.mean(axis=(1, 2), keepdims=True)) * np.hanning(values.shape[1])[:, None]
    low = np.abs(np.fft.fftfreq(values.shape[1])) <= LOW_FREQUENCY / 2
    power = np.abs(np.fft.fft(np.fft.rfft(values, axis=2), axis=1)[:, low]) ** 2
    return _decibels(power), float(power[..., beyond:].sum() / power.sum())


class _Last(NamedTuple):
    """The last line that holds signal, whether the next one belongs to it, and whether the floor is far below: an even
    number's outermost line has one sign only, 3 to 6 dB less, and may count as the last one or as the next.
    """

    number: int
    more: bool
    deep: bool


def _last_line(level: NDArray[np.float64], edge: int, reach: int) -> _Last:
    """The last line within ``reach`` of ``edge``."""
    width = _width(level)
    inside, beyond = np.arange(edge - reach - width, edge - reach), np.arange(edge + reach, len(level))[:width]
    before, after = (float(np.polyval(np.polyfit(lines, level[lines], 1), edge)) for lines in (inside, beyond))
    deep = min(max(before - after, 1.0), DEEPEST)
    fall = np.clip((before - level[edge - reach : edge + reach + 1]) / deep, 0, 1)
    cost = [np.sum(fall[:n] ** 2) + np.sum((1 - fall[n:]) ** 2) for n in range(1, len(fall))]  # of n lines inside
    last = edge - reach + int(np.argmin(cost))
    if before - after > 2 * DEEPEST:
        return _Last(last, bool(level[last + 1] > after + DEEPEST), True)
    return _Last(last, bool(before - level[last] <= deep / 6), before - after > DEEPEST)


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level over the last axis, the median over the others."""
    median = np.median(power, axis=(0, 1))
    return 10 * np.log10(np.maximum(median, 1e-12 * median.max() + np.finfo(float).tiny))


def _width(level: NDArray[np.float64]) -> int:
    return max(FEWEST, round(BAND * (len(level) - 1)))
