"""Colours over grey images: what differs between two volumes, and an uncertainty map.

Slicer's slice views blend a volume by one opacity for all its voxels. Here small values are to be clear and large ones
opaque, so the views give the overlay's values in their plane, and the colours are laid on in arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 257  # odd, so that one of them is no difference at all
SATURATION_PERCENTILE = 99.5
LESS, MORE = (64, 140, 255), (255, 133, 31)
CERTAIN, DOUBTFUL = (140, 26, 140), (255, 219, 51)


def difference_colours() -> NDArray[np.float32]:
    """``(steps, 4)`` red, green, blue and opacity 0 to 1, from less through clear to more."""
    share = np.linspace(-1, 1, STEPS)
    colours = np.where(share[:, None] < 0, LESS, MORE)
    return np.column_stack([colours, np.abs(share)]).astype(np.float32)


def uncertainty_colours() -> NDArray[np.float32]:
    """As :func:`difference_colours`, from clear at zero to doubtful."""
    share = np.linspace(0, 1, STEPS)[:, None]
    colours = (1 - share) * CERTAIN + share * DOUBTFUL
    return np.column_stack([colours, share[:, 0]]).astype(np.float32)


def saturation(values: NDArray) -> float:
    """Where the colours of an uncertainty map end: at a high percentile, lest single voxels dim the rest."""
    return max(float(np.percentile(values, SATURATION_PERCENTILE)), float(np.finfo(np.float32).tiny))


def coloured(
    image: NDArray[np.uint8],
    values: NDArray,
    colours: NDArray[np.float32],
    limits: tuple[float, float],
    opacity: float = 1.0,
) -> NDArray[np.uint8]:
    """An image ``(rows, columns, 3)`` under the colours of ``values`` ``(rows, columns)``, which span ``limits``."""
    low, high = limits
    index = np.clip((values - low) * ((STEPS - 1) / (high - low)) + 0.5, 0, STEPS - 1).astype(np.intp)
    paint = colours[index]
    alpha = paint[..., 3:] * np.float32(opacity)
    return (image + alpha * (paint[..., :3] - image) + np.float32(0.5)).astype(np.uint8)
