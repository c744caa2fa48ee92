"""What is compared, by name: interpolations, and DURN in its variants. A slice and a scale in, the enlarged slice out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.engine import enlarge, upscale_slices
from ..core.signal.resampling import bicubic_upscale, zero_fill
from ..core.upscaling import Upscaling

FloatArray = NDArray[np.float64]
Enlarge = Callable[[FloatArray, int], FloatArray]

MIRRORED_BORDER = 8


def _durn(image: FloatArray, scale: int) -> FloatArray:
    return upscale_slices(image[None], scale)[0].astype(np.float64)


def _durn_consistent(image: FloatArray, scale: int) -> FloatArray:
    return upscale_slices(image[None], scale, data_consistency=True)[0].astype(np.float64)


def _durn_x8(image: FloatArray, scale: int) -> FloatArray:
    return enlarge(image[None], Upscaling(scale=scale, best_quality=True)).image[0].astype(np.float64)


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
    "durn": _durn,
}
DURN_VARIANTS: dict[str, Enlarge] = {"durn + data consistency": _durn_consistent, "durn x8": _durn_x8}
