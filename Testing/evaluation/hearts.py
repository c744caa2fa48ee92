"""Analytic hearts whose borders are known, for the tests of evaluation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.phantom import FIELD_OF_VIEW_MM, Ellipse, sampled_in_kspace
from DURNSuperResLib.evaluation.borders import Rays

X, Y = 18.0, -18.0  # mm from the middle
WALL = Ellipse(0.25, X, Y, 60.0, 60.0)


def heart(radius: float, size: int = 256, x: float = X, y: float = Y, more: tuple[Ellipse, ...] = ()) -> NDArray:
    """A round cavity of ``radius`` mm, bright, in a wide wall."""
    return np.abs(sampled_in_kspace([WALL, Ellipse(0.75, x, y, radius, radius), *more], size))


def mask(radius: float, size: int = 256) -> NDArray[np.bool_]:
    """The pixels whose centres lie in the cavity."""
    place = (np.arange(size) + 0.5) * FIELD_OF_VIEW_MM / size - FIELD_OF_VIEW_MM / 2
    return np.hypot(place[None] - X, place[:, None] - Y) < radius


def pixel(size: int) -> tuple[float, float]:
    """Size of a pixel in mm."""
    return FIELD_OF_VIEW_MM / size, FIELD_OF_VIEW_MM / size


def rays(radius: float = 25.0, size: int = 256) -> Rays:
    """Rays of the mask of a cavity."""
    found = Rays.of(mask(radius, size), pixel(size))
    assert found is not None
    return found
