"""How well a map of uncertainty tells where the errors are, beside the image's gradient and the true error itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.options import DEFAULT_MODEL
from ..core.signal.measured import Measured
from ..core.signal.quality import gradient_magnitude, rank_correlation, sparsification_area
from ..core.upscaling import Upscaling
from .protocols import cases_of
from .test_sets import TestSet

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """How well an order of the pixels tells where the true absolute error is large, of each slice.

    ``correlation`` is Spearman's with the error, ``area`` that under the sparsification curve, where 1 is random.
    """

    name: str
    correlation: FloatArray
    area: FloatArray


def rank_uncertainty(test_set: TestSet, scale: int, degradation: str, model: str = DEFAULT_MODEL) -> list[Ranking]:
    """The uncertainty map, the local gradient magnitude and the true error itself as orders of DURN's errors.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for case in cases_of(test_set, scale, degradation):
        how = Upscaling(scale=scale, uncertainty=True, model=model, keep_measured=case.measured is not None)
        result = enlarge(case.low[None], how, measured=case.measured or Measured.whole(*case.low.shape))
        assert result.spread is not None
        image = np.clip(result.image[0], 0, 1)
        error = case.region.of(np.abs(image - case.truth))
        orders = {"uncertainty": result.spread[0], "gradient magnitude": gradient_magnitude(image)}
        for name, order in orders.items():
            inside = case.region.of(order)
            figures = rank_correlation(error, inside), sparsification_area(error, inside)
            found.setdefault(name, []).append(figures)
        found.setdefault("true error", []).append((1.0, sparsification_area(error, error)))
    return [Ranking(name, *np.array(figures).T) for name, figures in found.items()]
