"""The methods that are scored beside each other, by name: ``(rows, columns)`` scaled to [0, 1] in, enlarged out.

What the scanner measured is known to DURN alone, and only where the image is acquired or degraded as a scanner does it;
without that it takes the image as it is stored and keeps nothing, as for images reduced by bicubic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.engine import enlarge
from ..core.options import DEFAULT_MODEL
from ..core.signal.kspace import zero_fill
from ..core.signal.measured import Measured
from ..core.signal.resampling import bicubic_upscale
from ..core.upscaling import Upscaling

FloatArray = NDArray[np.float64]
Known = Measured | None
Classical = Callable[[FloatArray, int], FloatArray]
Network = Callable[[FloatArray, int, Known, str], FloatArray]

MIRRORED_BORDER = 8


def durn(image: FloatArray, scale: int, measured: Known = None, model: str = DEFAULT_MODEL) -> FloatArray:
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


def _as_stored(image: FloatArray, scale: int, _: Known = None, model: str = DEFAULT_MODEL) -> FloatArray:
    return _enlarged(image, None, Upscaling(scale=scale, model=model, keep_measured=False))


def _x8(image: FloatArray, scale: int, measured: Known = None, model: str = DEFAULT_MODEL) -> FloatArray:
    how = Upscaling(scale=scale, model=model, best_quality=True, keep_measured=measured is not None)
    return _enlarged(image, measured, how)


def _enlarged(image: FloatArray, measured: Known, how: Upscaling) -> FloatArray:
    found = measured or Measured.whole(*image.shape)
    return enlarge(image[None], how, measured=found).image[0].astype(np.float64)


def _resampled(interpolator: int) -> Classical:
    def resample(image: FloatArray, scale: int) -> FloatArray:
        padded = np.pad(image, MIRRORED_BORDER, mode="symmetric")
        source = sitk.GetImageFromArray(padded)
        rows, columns = (size * scale for size in image.shape)
        first = MIRRORED_BORDER + (1 / scale - 1) / 2
        step = (1 / scale, 1 / scale)
        grid = ((columns, rows), sitk.Transform(), interpolator, (first, first), step, (1.0, 0.0, 0.0, 1.0), 0.0)
        return sitk.GetArrayFromImage(sitk.Resample(source, *grid, sitk.sitkFloat64))

    return resample


CLASSICAL: dict[str, Classical] = {
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
