"""What is compared, by name: interpolations, and DURN in its variants; each takes a slice and a scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.network.models import families
from ..core.options import DEFAULT_MODEL
from ..core.signal.resampling import bicubic_upscale, kspace_truncate, zero_fill
from ..core.upscaling import Upscaling

FloatArray = NDArray[np.float64]
Enlarge = Callable[[FloatArray, int], FloatArray]

MIRRORED_BORDER = 8


def durn_ways(model: str = DEFAULT_MODEL) -> dict[str, Enlarge]:
    """The ways in which a model enlarges: as it is, made consistent with the input, and the mean over orientations."""

    def way(option: str | None = None) -> Enlarge:
        options = {} if option is None else {option: True}

        def enlarged(image: FloatArray, scale: int) -> FloatArray:
            how = Upscaling.from_mapping({"scale": scale, "model": model, **options})
            return enlarge(image[None], how).image[0].astype(np.float64)

        return enlarged

    return {
        "durn": way(),
        "durn + data consistency": way("data_consistency"),
        "durn x8": way("best_quality"),
    }


def _resampled(interpolator: int) -> Enlarge:
    def enlarge(image: FloatArray, scale: int) -> FloatArray:
        padded = np.pad(image, MIRRORED_BORDER, mode="symmetric")
        source = sitk.GetImageFromArray(padded)
        rows, columns = (size * scale for size in image.shape)
        first = MIRRORED_BORDER + (1 / scale - 1) / 2
        step = (1 / scale, 1 / scale)
        grid = ((columns, rows), sitk.Transform(), interpolator, (first, first), step, (1.0, 0.0, 0.0, 1.0), 0.0)
        return sitk.GetArrayFromImage(sitk.Resample(source, *grid, sitk.sitkFloat64))

    return enlarge


METHODS: dict[str, Enlarge] = {
    "bicubic": bicubic_upscale,
    "linear": _resampled(sitk.sitkLinear),
    "B-spline": _resampled(sitk.sitkBSpline),
    "Lanczos": _resampled(sitk.sitkLanczosWindowedSinc),
    "zero-filled": zero_fill,
    "durn": durn_ways()["durn"],
}
DURN_VARIANTS = {name: way for name, way in durn_ways().items() if name not in METHODS}
INTERPOLATIONS = tuple(name for name in METHODS if name != "durn")


def band_kept(enlarged: Enlarge) -> Enlarge:
    """A method whose result holds the measured part of k-space, the whole of what it was given, unchanged."""

    def kept(image: FloatArray, scale: int) -> FloatArray:
        result = enlarged(image, scale)
        return result + zero_fill(image - kspace_truncate(result, scale), scale)

    return kept


def compared(scale: int, *models: str) -> dict[str, Enlarge]:
    """What the evidence compares at a scale: the interpolations, then each model as it is and with the band kept.

    All bundled models, if none is named.
    """
    found = {name: METHODS[name] for name in INTERPOLATIONS}
    for model in models or families(scale):
        found |= {model: by_model(model), f"{model}, band kept": band_kept(by_model(model))}
    return found


def by_model(model: str) -> Enlarge:
    """A model of a family, for one slice."""
    return lambda image, scale: cine_by_model(model)(image[None], scale)[0]


def cine_by_model(model: str) -> Enlarge:
    """A model of a family, for slices ``(n, rows, columns)`` with one intensity map, in float32 on the CPU: the same
    figures in each run.
    """
    options = {"model": model, "keep_measured": False, "device": "cpu", "precision": "float32"}

    def enlarged(slices: FloatArray, scale: int) -> FloatArray:
        return enlarge(slices, Upscaling.from_mapping({"scale": scale, **options})).image.astype(np.float64)

    return enlarged
