"""How wide error bars have to be: split conformal prediction, with the patient as the exchangeable unit.

The pixels of one patient are not independent of each other, so that a million of them are one example and no more. What
is found on few patients can promise little, and :func:`promised` says how little.

Sources: A. N. Angelopoulos et al., "Image-to-image regression with distribution-free uncertainty quantification and
applications in imaging", ICML 2022, arXiv 2202.05265; A. N. Angelopoulos et al., "Conformal risk control", ICLR 2024,
arXiv 2208.02814, for the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.network.error_bars import ALL_WAYS
from ..core.options import DEFAULT_MODEL, LEVELS
from ..core.signal.measured import Measured
from ..core.upscaling import Upscaling
from .protocols import Case, cases_of
from .test_sets import TestSet

FloatArray = NDArray[np.float64]
ByPatient = Mapping[str, FloatArray]

SHOWN_LEVEL = "0.9"
FAMILIES = ("bicubic", "kspace", "noise")  # degradations that error bars are calibrated for


def with_half_width(case: Case, scale: int, model: str = DEFAULT_MODEL) -> tuple[FloatArray, FloatArray]:
    """The image that a run in float32 makes of a case, clipped to [0, 1], and the half-width of its 90 % interval.

    Raises:
        ModelError: a model without error bars.
    """
    keep = case.measured is not None
    how = Upscaling(scale=scale, model=model, precision="float32", uncertainty=True, keep_measured=keep)
    result = enlarge(case.low[None], how, measured=case.measured or Measured.whole(*case.low.shape))
    assert result.half_width is not None
    return np.clip(result.image[0], 0, 1).astype(np.float64), result.half_width[0].astype(np.float64)


def ratios(test_set: TestSet, scale: int, degradation: str, model: str = DEFAULT_MODEL) -> dict[str, FloatArray]:
    """True absolute errors over the half-widths that a run gives, of all scored pixels of each patient.

    Raises:
        ValueError: a slice too small to be reduced.
        ModelError: a model without error bars.
    """
    found: dict[str, list[FloatArray]] = {}
    for case in cases_of(test_set, scale, degradation):
        image, half_width = with_half_width(case, scale, model)
        found.setdefault(case.patient, []).append(case.region.of(np.abs(image - case.truth) / half_width))
    return {patient: np.concatenate(parts) for patient, parts in found.items()}


def factor(patients: ByPatient, level: float) -> float:
    """The least factor of the half-widths that holds the truth in a share ``level`` of the pixels, mean over patients.

    >>> factor({"a": np.arange(1.0, 11.0), "b": np.arange(1.0, 11.0)}, 0.9)
    9.0

    Args:
        patients: :func:`ratios` of each.
        level: between 0 and 1.
    """
    values = np.concatenate(list(patients.values()))
    weights = np.concatenate([np.full(own.size, 1 / own.size) for own in patients.values()])
    order = np.argsort(values)
    covered = np.cumsum(weights[order]) / len(patients)
    return float(values[order][np.searchsorted(covered, level - 1e-12)])


def covered(own: FloatArray, width: float) -> float:
    """Share of a patient's pixels whose :func:`ratios` are at most ``width``."""
    return float(np.mean(own <= width))


def promised(patients: int, level: float) -> float:
    """The coverage that a new patient can be promised on average, if patients are exchangeable, whatever the errors.

    >>> round(promised(5, 0.9), 3)
    0.75
    """
    return 1 - (patients * (1 - level) + 1) / (patients + 1)


def calibration(by_family: Mapping[str, ByPatient]) -> dict[str, Any]:
    """The entry of a model card: factors by level, for all families together and for each; those found without each
    patient; and what they promise.

    Args:
        by_family: :func:`ratios` at half-widths of one expected error, by degradation.
    """
    everything = together(by_family)
    without = {left_out: {name: own for name, own in everything.items() if name != left_out} for left_out in everything}
    found = {
        left_out: {f"{level:g}": round(factor(others, level), 4) for level in LEVELS}
        for left_out, others in without.items()
    }
    return {
        "method": "split conformal prediction, patients exchangeable: coverage averaged over them is the level",
        "patients": len(everything),
        "factors": {
            f"{level:g}": {
                name: round(factor(own, level), 4) for name, own in {ALL_WAYS: everything, **by_family}.items()
            }
            for level in LEVELS
        },
        "without": found,
        "coverage_of_left_out_patients": {
            family: {name: round(covered(own[name], found[name][SHOWN_LEVEL]), 3) for name in own}
            for family, own in by_family.items()
        },
        "promise": {f"{level:g}": round(promised(len(everything), level), 3) for level in LEVELS},
    }


def together(by_family: Mapping[str, ByPatient]) -> dict[str, FloatArray]:
    """The :func:`ratios` of each patient in all families, each family with equal weight."""
    names = list(next(iter(by_family.values())))
    least = {name: min(own[name].size for own in by_family.values()) for name in names}
    return {name: np.concatenate([_evenly(own[name], least[name]) for own in by_family.values()]) for name in names}


def _evenly(values: FloatArray, count: int) -> FloatArray:
    """``count`` of the quantiles of ``values``."""
    return np.sort(values)[np.linspace(0, values.size - 1, count).round().astype(int)]
