"""Error bars held against the true errors: whether they cover them, and whether they tell where the errors are, beside
the image's gradient, the spread over eight orientations, and the true error itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.network.ensemble import ORIENTATIONS
from ..core.network.error_bars import ALL_WAYS
from ..core.network.models import ModelCard, model_for
from ..core.options import DEFAULT_MODEL
from ..core.signal.measured import Measured
from ..core.signal.quality import gradient_magnitude, rank_correlation, sparsification_area
from ..core.upscaling import Upscaling
from .calibration import with_half_width
from .protocols import Case, Region, beyond_cases_of
from .test_sets import TestSet

FloatArray = NDArray[np.float64]

RIM_SHARE, FLAT_SHARE = 10, 50  # per cent of the region: the steepest of the truth, and the flattest
HALF_WIDTH, EIGHT_PASSES, GRADIENT, TRUE_ERROR = "half-width", "eight passes", "gradient magnitude", "true error"
LEVEL = "0.9"


@dataclass(frozen=True)
class Ranking:
    """How well an order of the pixels tells where the true absolute error is large, of each slice.

    ``correlation`` is Spearman's with the error, ``area`` that under the sparsification curve, where 1 is random.
    """

    name: str
    correlation: FloatArray
    area: FloatArray


@dataclass(frozen=True)
class Coverage:
    """Share of the pixels whose error is within the half-width of the 90 % interval: of each patient, and by place.

    A patient that the factor was found on is judged by the factor that the others give; ``left_out`` says whether any
    was.
    """

    patients: dict[str, float]
    places: dict[str, float]
    left_out: bool

    @property
    def mean(self) -> float:
        """Over patients."""
        return float(np.mean(list(self.patients.values())))


def rank_uncertainty(
    test_set: TestSet, scale: int, degradation: str, model: str = DEFAULT_MODEL
) -> tuple[list[Ranking], Coverage]:
    """Error bars, spread over eight orientations, gradient magnitude and the true error itself as orders of DURN's
    errors; and what the error bars cover.

    Raises:
        ValueError: a slice too small to be reduced.
        ModelError: a model without error bars.
    """
    card = model_for(scale, model)
    found: dict[str, list[tuple[float, float]]] = {}
    inside: dict[str, list[FloatArray]] = {}
    by_place: dict[str, list[FloatArray]] = {}
    for case in beyond_cases_of(test_set, scale, degradation):
        image, half_width = with_half_width(case, scale, model)
        half_width = half_width * without_patient(card, case.patient)
        error = np.abs(image - case.truth)
        orders = {HALF_WIDTH: half_width, GRADIENT: gradient_magnitude(image), TRUE_ERROR: error}
        orders[EIGHT_PASSES] = _spread(case, scale, model)
        for name, order in orders.items():
            found.setdefault(name, []).append(_figures(case.region.of(error), case.region.of(order)))
        covered = (error <= half_width).astype(np.float64)
        inside.setdefault(case.patient, []).append(case.region.of(covered))
        for place, where in places(case.truth, case.region).items():
            by_place.setdefault(place, []).append(covered[where])
            found.setdefault(f"{HALF_WIDTH}, {place}", []).append(_figures(error[where], half_width[where]))
    left_out = any(without_patient(card, patient) != 1 for patient in inside)
    coverage = Coverage(_means(inside), _means(by_place), left_out)
    return [Ranking(name, *np.array(figures).T) for name, figures in found.items()], coverage


def _means(parts: dict[str, list[FloatArray]]) -> dict[str, float]:
    return {name: float(np.mean(np.concatenate(own))) for name, own in parts.items()}


def without_patient(card: ModelCard, patient: str) -> float:
    """By what the half-widths change if the factor is found without a patient; 1 for one who had no part in it."""
    calibration = (card.error_head or {}).get("calibration", {})
    own = calibration.get("without", {}).get(patient)
    return own[LEVEL] / calibration["factors"][LEVEL][ALL_WAYS] if own else 1.0


def places(truth: FloatArray, region: Region) -> dict[str, NDArray[np.bool_]]:
    """Where a truth is flat, where it has rims, and its middle, which is where short-axis slices show the heart."""
    scored = np.zeros(truth.shape, dtype=bool)
    scored[region.rows, region.columns] = True if region.mask is None else region.mask
    steepness = gradient_magnitude(truth)
    flat, rim = np.percentile(steepness[scored], (FLAT_SHARE, 100 - RIM_SHARE))
    middle = np.zeros(truth.shape, dtype=bool)
    middle[tuple(_middle_third(part) for part in (region.rows, region.columns))] = True
    return {
        "flat": scored & (steepness <= flat),
        "rims": scored & (steepness >= rim),
        "middle": scored & middle,
    }


def _middle_third(part: slice) -> slice:
    third = (part.stop - part.start) // 3
    return slice(part.start + third, part.stop - third)


def _figures(error: FloatArray, order: FloatArray) -> tuple[float, float]:
    return rank_correlation(error, order), sparsification_area(error, order)


def _spread(case: Case, scale: int, model: str) -> FloatArray:
    """Standard deviation over the eight flips and rotations of a case: what error bars were before."""
    measured = case.measured or Measured.whole(*case.low.shape)
    how = Upscaling(scale=scale, model=model, precision="float32", keep_measured=case.measured is not None)
    images = []
    for flip, turns in ORIENTATIONS:
        seen = np.rot90(case.low, turns)
        seen = np.ascontiguousarray(seen[:, ::-1] if flip else seen)
        image = enlarge(seen[None], how, measured=measured.turned() if turns % 2 else measured).image[0]
        images.append(np.rot90(image[:, ::-1] if flip else image, -turns))
    return np.std(images, axis=0, dtype=np.float64)
