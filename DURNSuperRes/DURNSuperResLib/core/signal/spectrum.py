"""How much of an image's k-space a scanner really measured, seen from the image: the edge that zero filling leaves.

Many scanners interpolate by zero filling: the outer part of k-space is set to zero, and the image gets more pixels than
were measured. In the image's spectrum the signal then ends at a step, with only rounding and the nonlinearity of the
magnitude beyond. A spectrum that fades (a k-space window, smooth interpolation, blurring) shows no such step, and
nothing is claimed of it, unless a header states where the measured lines end and the spectrum bears it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 64  # pixels along an axis; fewer have too few frequencies
MOST_SLICES = 16
LOW_FREQUENCY = 0.3  # of the other axis' Nyquist frequency: where an elliptic acquisition reaches out, too
BAND, FEWEST = 0.08, 5  # lines on either side of a step that its height is taken from: of all, and at least
GAP = 2  # lines by which the Hann window widens a step
LOWEST_EDGE = 0.25
# Steps in dB, and how many standard deviations of the lines about their trend more. Spectra of acquired images seem to
# step by up to 1.8 dB (16 slices), 2.4 (4) or 4.3 (1), zero-filled ones by 4.4 (one scanner's) to 70 (simulated).
CLEAR_STEP, STATED_STEP = (3.0, 3.0), (1.5, 2.0)
STATED_REACH = 0.015  # of all lines: how far from a stated edge its step may lie
FLAT_TAIL, FLATTER = 3.0, 0.5  # dB; of the slope before: what is beyond a stated edge without a step
FALLING = -15.0  # dB over all lines


@dataclass(frozen=True)
class Step:
    """A fall of the spectrum's level (dB) at one line.

    Attributes:
        height: between the straight lines through the levels before and beyond.
        scatter: standard deviation of the levels about the two.
        beyond: level on its far side.
    """

    height: float
    scatter: float
    beyond: float

    def exceeds(self, limit: tuple[float, float]) -> bool:
        """Whether it is no play of chance: higher than so many dB, and so many times the scatter more."""
        return self.height > limit[0] + limit[1] * self.scatter


def sample_of(items: Sequence[NDArray]) -> NDArray[np.float64]:
    """Some slices ``(n, rows, columns)`` that stand for all items of a stack or cine."""
    every = [image for n in sorted({0, len(items) // 2}) for image in items[n] if image.shape == items[0].shape[1:]]
    return np.stack(every[:: -(-len(every) // MOST_SLICES)]).astype(np.float64)


def measured_lines(slices: NDArray, axis: int, stated: Sequence[float] = ()) -> tuple[int, bool]:
    """How many lines of k-space along ``axis`` (1 rows, 2 columns) hold what was measured.

    Args:
        slices: ``(n, rows, columns)``, see :func:`sample_of`.
        axis: of the array.
        stated: numbers of lines that a header may mean; one is believed only if the spectrum bears it out.

    Returns:
        The lines, the size of the axis where nothing tells of fewer; and whether that is a stated number.
    """
    size = slices.shape[axis]
    if min(slices.shape[1:]) < SMALLEST:
        return size, False
    level = spectrum_along(slices, axis)
    edge = clear_edge(level)
    found = size if edge is None else min(2 * (edge + 1), size)
    reach = STATED_REACH * size
    near = [lines for lines in stated if edge is not None and abs(lines - found) <= reach]
    if edge is not None:
        return (round(min(near, key=lambda lines: abs(lines - found))), True) if near else (found, False)
    borne_out = [round(lines) for lines in stated if lines < size and is_borne_out(level, lines / 2)]
    return (max(borne_out), True) if borne_out else (size, False)


def acquired_share(slices: NDArray, axis: int) -> float:
    """Share of k-space along ``axis`` (1 rows, 2 columns) inside the edge that zero filling left; 1 without an edge."""
    return measured_lines(slices, axis)[0] / slices.shape[axis]


def spectrum_along(slices: NDArray, axis: int) -> NDArray[np.float64]:
    """Level in dB over the frequencies 0 to Nyquist along ``axis``, the median of slices and low other ones."""
    values = np.moveaxis(slices, axis, 2)
    rows, columns = values.shape[1:]
    level = values - values.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(level * np.outer(np.hanning(rows), np.hanning(columns)))) ** 2
    low = np.abs(np.fft.fftfreq(rows)) <= LOW_FREQUENCY / 2
    median = np.median(power[:, low], axis=(0, 1))
    return 10 * np.log10(np.maximum(median, 1e-12 * median.max() + np.finfo(float).tiny))


def clear_edge(level: NDArray[np.float64]) -> int | None:
    """The outermost measured line, from a spectrum that steps down behind it; None without a clear step."""
    lines = range(max(_width(level) + GAP, round(LOWEST_EDGE * len(level))), len(level) - FEWEST - GAP)
    steps = {line: step_at(level, line) for line in lines}
    clear = {line: step for line, step in steps.items() if step.exceeds(CLEAR_STEP)}
    if not clear:
        return None
    line = max(clear, key=lambda line: clear[line].height)
    inside = np.arange(line - GAP - _width(level), line - GAP)  # the steepest place may lie a little beyond the edge
    before = np.polyval(np.polyfit(inside, level[inside], 1), line)
    half = 10 * np.log10((10 ** (before / 10) + 10 ** (clear[line].beyond / 10)) / 2)
    first = line - GAP - 1
    return first - 1 + int(np.argmax(level[first:] < half))


def step_at(level: NDArray[np.float64], line: int) -> Step:
    """How far the level falls between the lines before ``line`` and those beyond the widened step."""
    width = _width(level)
    before = np.arange(max(line - width, 0), line)
    beyond = np.arange(line + GAP, min(line + GAP + width, len(level)))
    fits = [np.polyfit(lines, level[lines], 1) for lines in (before, beyond)]
    middle = line + (GAP - 1) / 2
    inner, outer = (float(np.polyval(fit, middle)) for fit in fits)
    rest = np.concatenate([np.polyval(fit, n) - level[n] for fit, n in zip(fits, (before, beyond), strict=True)])
    return Step(inner - outer, float(np.sqrt(np.sum(rest**2) / max(len(rest) - 4, 1))), outer)


def is_borne_out(level: NDArray[np.float64], edge: float) -> bool:
    """Whether a spectrum may end at a stated line: by a step near it, or by a fall before and a flat floor beyond."""
    last, reach = len(level) - 1, max(GAP, round(STATED_REACH * len(level)))
    line = round(edge)
    if line < LOWEST_EDGE * last or line > last - FEWEST - GAP:
        return False
    if any(step_at(level, n).exceeds(STATED_STEP) for n in range(line - reach, min(line + reach, last - FEWEST - GAP))):
        return True
    before, beyond = np.arange(line - 2 * _width(level), line), np.arange(line + GAP, last + 1)
    (falling, inner), (floor, outer) = (np.polyfit(n, level[n], 1) for n in (before, beyond))
    flat = -floor * len(beyond) <= FLAT_TAIL and floor >= FLATTER * falling
    return bool(flat and falling * last < FALLING and inner + falling * line >= outer + floor * line)


def _width(level: NDArray[np.float64]) -> int:
    return max(FEWEST, round(BAND * (len(level) - 1)))
