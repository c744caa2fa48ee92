"""Scoring upscaling methods on slices whose truth is known: degrade, enlarge, compare, per patient and overall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.options import DEFAULT_MODEL
from ..core.signal.kspace import resized
from ..core.signal.quality import edge_sharpness, psnr, ssim
from .methods import CLASSICAL, METHODS, NETWORKS, STORED
from .protocols import Case, Region, cases_of
from .test_sets import TestSet

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One method's figures of each slice, PSNR in dB, with the patient it belongs to."""

    method: str
    patients: tuple[str, ...]
    psnr: FloatArray
    ssim: FloatArray
    sharpness: FloatArray

    @property
    def means(self) -> tuple[float, float, float]:
        """Mean PSNR, SSIM and edge sharpness."""
        return float(self.psnr.mean()), float(self.ssim.mean()), float(self.sharpness.mean())

    def by_patient(self) -> dict[str, Score]:
        """The figures of each patient alone."""
        names = np.array(self.patients)
        return {
            name: Score(self.method, (name,) * int(own.sum()), self.psnr[own], self.ssim[own], self.sharpness[own])
            for name in dict.fromkeys(self.patients)
            if (own := names == name).any()
        }


def score(
    test_set: TestSet,
    scale: int,
    degradation: str,
    methods: Iterable[str] = METHODS,
    model: str = DEFAULT_MODEL,
) -> list[Score]:
    """Score methods on a test set.

    Args:
        test_set: the slices.
        scale: in-plane magnification.
        degradation: name out of :data:`~.core.signal.degradation.DEGRADATIONS`; ``bicubic`` is protocol A and B where
            the set has a centre crop, all others are protocol C. Of the names out of ``INTERPOLATIONS`` results are
            brought back to the grid of the truth.
        methods: names out of :data:`~.methods.CLASSICAL` and :data:`~.methods.NETWORKS`; ``stored`` of interpolations.
        model: which network ``durn`` and its variants are.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    cases = cases_of(test_set, scale, degradation)
    results = []
    for name in methods:
        values = np.array([_figures(_result(name, case, scale, model), case.truth, case.region) for case in cases])
        results.append(Score(name, tuple(case.patient for case in cases), *values.T))
    return results


def _result(name: str, case: Case, scale: int, model: str) -> FloatArray:
    if name == STORED:
        return case.low
    classical = CLASSICAL.get(name)
    result = classical(case.low, scale) if classical else NETWORKS[name](case.low, scale, case.measured, model)
    return result if case.low.shape != case.truth.shape else resized(result, *case.truth.shape)


def _figures(image: FloatArray, truth: FloatArray, region: Region) -> tuple[float, float, float]:
    a, b = (np.clip(x, 0, 1)[region.rows, region.columns] for x in (image, truth))
    return (
        float(psnr(a, b, mask=region.mask)),
        float(ssim(a, b, mask=region.mask)),
        float(edge_sharpness(a, b, region.mask)),
    )
