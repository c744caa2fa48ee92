"""Areas, volumes and ejection fraction from borders: the edges along rays closed to a contour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .borders import FloatArray, Rays


def closed(rays: Rays, radius: FloatArray, valid: NDArray[np.bool_]) -> FloatArray:
    """Radii ``(n,)`` of a closed contour: those measured where ``valid``, in between as far from the mask's outline as
    the nearest measured ones on either side, linearly; the outline itself if nothing was measured.
    """
    if not valid.any():
        return rays.radius.copy()
    count = len(radius)
    known = np.flatnonzero(valid)
    offset = (radius - rays.radius)[known]
    around = np.concatenate([known - count, known, known + count])
    return rays.radius + np.interp(np.arange(count), around, np.tile(offset, 3))


def area_of(radius: FloatArray) -> float:
    """Area in mm2 of the polygon with corners at ``radius`` ``(n,)`` along evenly spaced rays."""
    return float(np.sin(2 * np.pi / len(radius)) / 2 * np.sum(radius * np.roll(radius, -1)))


def ejection_fraction(end_diastolic: float, end_systolic: float) -> float:
    """In per cent, from the two volumes, or from sums of areas of slices equally far apart.

    Raises:
        ValueError: no volume at end-diastole.
    """
    if end_diastolic <= 0:
        raise ValueError("the end-diastolic volume is zero")
    return 100 * (end_diastolic - end_systolic) / end_diastolic
