"""Between nodes and engine: a volume's voxels, enlarged, in whatever thread."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..core.engine import Enlarged, enlarge
from ..core.geometry import slices_back, slices_first
from ..core.monitor import Monitor
from ..core.signal.consistency import ConsistencyMeter
from ..core.signal.intensity import IntensityMap, as_type
from .trust import Examined

EXACT = 2.0**20

Run = Callable[[Callable[[], Enlarged]], Enlarged]


def computed(
    voxels: NDArray,
    axis: int,
    found: Examined,
    meter: ConsistencyMeter,
    monitor: Monitor,
    run: Run | None,
    intensity: IntensityMap | None = None,
) -> Enlarged:
    """The enlarged voxels of a volume, computed by ``run``, here and now if None; from a copy if elsewhere, since the
    user may change the volume meanwhile.
    """
    if run is None:
        return enlarged_voxels(voxels, axis, found, meter, monitor, intensity)
    return run(functools.partial(enlarged_voxels, voxels.copy(), axis, found, meter, monitor, intensity))


def enlarged_voxels(
    voxels: NDArray,
    axis: int,
    found: Examined,
    meter: ConsistencyMeter,
    monitor: Monitor,
    intensity: IntensityMap | None = None,
) -> Enlarged:
    """:func:`~..core.engine.enlarge` on ``(k, j, i)`` voxels with slices across ``axis``, whose consistency ``meter``
    takes in; image and half-width are such voxels again, the image in the type that was asked for.
    """
    slices = slices_first(voxels, axis)
    how, padding = found.how, found.padding
    given = slices if padding is None else padding.filled(slices)
    shift = _shift(given) if how.keep_type else 0.0
    if shift:
        given = given.astype(np.float64) - shift
        intensity = None if intensity is None else IntensityMap(intensity.offset - shift, intensity.width)
    result = enlarge(given, how, intensity=intensity, measured=found.measured, monitor=monitor)
    values = result.image.astype(np.float64) + shift if shift else result.image
    image = as_type(values, voxels.dtype) if how.keep_type else result.image
    meter.add(image, given + shift if shift else given, how.scale, found.measured)
    if padding is not None:
        padding.put_back(image, slices, how.scale)
    half_width = None if result.half_width is None else np.ascontiguousarray(slices_back(result.half_width, axis))
    return Enlarged(np.ascontiguousarray(slices_back(image, axis)), half_width, result.errors)


def _shift(slices: NDArray) -> float:
    """What to subtract from values so large that float32 would lose their units; 0 for others.

    Integers up to 2^24 are exact in float32, with room here for what lies between them.
    """
    low, high = float(slices.min()), float(slices.max())
    if slices.dtype.itemsize < 4 or slices.dtype == np.float32 or max(abs(low), abs(high)) < EXACT:
        return 0.0
    return float(np.rint(low))


def consistency_of(meter: ConsistencyMeter) -> dict[str, str]:
    """What a run found of itself, as entries for :func:`~.provenance.record`."""
    found = meter.result
    figures = {"PSNR": found.psnr, "Largest": found.largest, "Percent": found.percent}
    entries = {f"Consistency{name}": f"{value:.6g}" for name, value in figures.items()}
    return entries | {"Consistency": str(found), "ConsistencyRange": f"{found.low:g} to {found.high:g}"}
