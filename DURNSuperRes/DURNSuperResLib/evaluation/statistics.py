"""What a handful of patients allows to say: intervals over patients, paired tests, agreement of two measurements."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 19
MOST_EXACT = 14  # patients; 2**14 patterns of signs


@dataclass(frozen=True)
class Interval:
    """A mean over patients with its interval; ``low`` and ``high`` are None for a single patient."""

    mean: float
    low: float | None
    high: float | None
    patients: int


def interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of one value a patient, and the percentile bootstrap's interval over patients.

    Every call draws the same resamples, so a figure is the same in each run.

    Source: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall (1993), chapter 13.

    Raises:
        ValueError: no value.
    """
    found = np.asarray(values, dtype=np.float64)
    if not found.size:
        raise ValueError("no patient to take a mean of")
    if found.size == 1:
        return Interval(float(found[0]), None, None, 1)
    drawn = np.random.default_rng(SEED).integers(0, found.size, (RESAMPLES, found.size))
    low, high = np.percentile(found[drawn].mean(axis=1), (50 * (1 - level), 50 * (1 + level)))
    return Interval(float(found.mean()), float(low), float(high), found.size)


def paired_test(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p-value that patients' values differ by chance alone: the share of sign patterns as extreme.

    Exact up to 14 patients; beyond, 10,000 random patterns with a fixed seed. With n patients no p-value is below
    ``2 / 2**n``: five patients cannot give less than 0.0625.

    Source: R. A. Fisher, "The Design of Experiments", Oliver & Boyd (1935), section 21.

    Raises:
        ValueError: no pair, or unequal numbers.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if a.shape != b.shape or not a.size:
        raise ValueError(f"pairs need one value each a patient, not {a.size} and {b.size}")
    difference = a - b
    observed = abs(difference.sum()) * (1 - 1e-12)  # equal sums count, whatever the order of addition
    if difference.size <= MOST_EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=difference.size)))
        return float(np.mean(np.abs(signs @ difference) >= observed))
    signs = np.random.default_rng(SEED).choice((1.0, -1.0), (RESAMPLES, difference.size))
    return float((1 + np.sum(np.abs(signs @ difference) >= observed)) / (1 + RESAMPLES))


@dataclass(frozen=True)
class Agreement:
    """How far one measurement lies from another: mean difference, and the limits that hold 95 % of them."""

    bias: float
    low: float
    high: float
    count: int


def agreement(measured: ArrayLike, reference: ArrayLike) -> Agreement:
    """Bias and limits of agreement, the mean difference and 1.96 standard deviations to each side.

    Source: J. M. Bland, D. G. Altman, "Statistical methods for assessing agreement between two methods of clinical
    measurement", Lancet 327 (1986) 307.

    Raises:
        ValueError: fewer than two pairs.
    """
    difference = np.asarray(measured, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    if difference.size < 2:
        raise ValueError("limits of agreement need at least two pairs")
    bias, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    return Agreement(bias, bias - spread, bias + spread, difference.size)
