"""The methods that are scored beside each other, by name: ``(rows, columns)`` scaled to [0, 1] in, enlarged out.

What the scanner measured is known to DURN alone, and only where the image is acquired or degraded as a scanner does it;
without that it takes the image as it is stored and keeps nothing, as for images reduced by bicubic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.network.models import families
from ..core.options import DEFAULT_MODEL
from ..core.signal.kspace import zero_fill
from ..core.signal.measured import Measured
from ..core.signal.resampling import bicubic_upscale
from ..core.upscaling import Upscaling

FloatArray = NDArray[np.float64]
Enlarge = Callable[[FloatArray, int], FloatArray]
Network = Callable[[FloatArray, int, Measured | None, str], FloatArray]

MIRRORED_BORDER = 8


def durn(image: FloatArray, scale: int, measured: Measured | None = None, model: str = DEFAULT_MODEL) -> FloatArray:
    """The product as it is used."""
    return _enlarged(image, measured, Upscaling(scale=scale, model=model, keep_measured=measured is not None))


def _nothing_kept(
    image: FloatArray, scale: int, measured: Measured | None = None, model: str = DEFAULT_MODEL
) -> FloatArray:
    return _enlarged(image, measured, Upscaling(scale=scale, model=model, keep_measured=False))


def _all_kept(
    image: FloatArray, scale: int, measured: Measured | None = None, model: str = DEFAULT_MODEL
) -> FloatArray:
    return _enlarged(image, measured, Upscaling(scale=scale, model=model))


def _as_stored(image: FloatArray, scale: int, _: Measured | None = None, model: str = DEFAULT_MODEL) -> FloatArray:
    return _enlarged(image, None, Upscaling(scale=scale, model=model, keep_measured=False))


def _x8(image: FloatArray, scale: int, measured: Measured | None = None, model: str = DEFAULT_MODEL) -> FloatArray:
    how = Upscaling(scale=scale, model=model, best_quality=True, keep_measured=measured is not None)
    return _enlarged(image, measured, how)


def _enlarged(image: FloatArray, measured: Measured | None, how: Upscaling) -> FloatArray:
    """In float32 on every machine, so that figures can be compared."""
    found, how = measured or Measured.whole(*image.shape), replace(how, precision="float32")
    return enlarge(image[None], how, measured=found).image[0].astype(np.float64)


def _resampled(interpolator: int) -> Enlarge:
    def resample(image: FloatArray, scale: int) -> FloatArray:
        padded = np.pad(image, MIRRORED_BORDER, mode="symmetric")
        source = sitk.GetImageFromArray(padded)
        rows, columns = (size * scale for size in image.shape)
        step = (1.0 / scale, 1.0 / scale)
        first = MIRRORED_BORDER + (1.0 / scale - 1) / 2
        grid = ((columns, rows), sitk.Transform(), interpolator, (first, first), step, (1.0, 0.0, 0.0, 1.0), 0.0)
        return sitk.GetArrayFromImage(sitk.Resample(source, *grid, sitk.sitkFloat64))

    return resample


CLASSICAL: dict[str, Enlarge] = {
    "bicubic": bicubic_upscale,
    "linear": _resampled(sitk.sitkLinear),
    "B-spline": _resampled(sitk.sitkBSpline),
    "Lanczos": _resampled(sitk.sitkLanczosWindowedSinc),
    "zero-filled": zero_fill,
}
METHODS = (*CLASSICAL, "durn")
STORED, AS_STORED, NOTHING_KEPT, ALL_KEPT, X8 = (
    "stored",
    "durn, as stored",
    "durn, nothing kept",
    "durn, all kept",
    "durn x8",
)
NETWORKS: dict[str, Network] = {
    "durn": durn,
    AS_STORED: _as_stored,
    NOTHING_KEPT: _nothing_kept,
    ALL_KEPT: _all_kept,
    X8: _x8,
}


def methods_for(degradation: str, all_orientations: bool) -> tuple[str, ...]:
    """What an evaluation of a degradation compares; the mean over all orientations takes as long as all the rest."""
    more = (X8,) if all_orientations else ()
    if degradation.startswith("interpolated"):
        return (STORED, "bicubic", "Lanczos", AS_STORED, NOTHING_KEPT, "durn", *more)
    return (*METHODS, ALL_KEPT if degradation == "bicubic" else NOTHING_KEPT, *more)


def compared(scale: int, *models: str) -> dict[str, Enlarge]:
    """What the evidence compares at a scale: the interpolations, then each model as it is and with the band kept.

    All bundled models, if none is named.
    """
    found = dict(CLASSICAL)
    for model in models or families(scale):
        for name, enlarged in by_model(model).items():
            found[name] = _of_one_slice(enlarged)
    return found


def by_model(model: str) -> dict[str, Enlarge]:
    """A model of a family as it is and with all of what it is given kept, for slices ``(n, rows, columns)`` with one
    intensity map, in float32 on the CPU: the same figures in each run.
    """
    fixed: dict[str, Any] = {"model": model, "device": "cpu", "precision": "float32"}

    def way(keep: bool) -> Enlarge:
        def enlarged(slices: FloatArray, scale: int) -> FloatArray:
            how = Upscaling(scale=scale, keep_measured=keep, acquired="full", **fixed)
            return enlarge(slices, how).image.astype(np.float64)

        return enlarged

    return {model: way(False), f"{model}, band kept": way(True)}


def _of_one_slice(enlarged: Enlarge) -> Enlarge:
    return lambda image, scale: enlarged(image[None], scale)[0]
