"""Voxels that hold no image: one value far below or above all others, such as -32768 around a resampled volume.

Left among the others they would bend the intensity map of the whole image and ring into it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 1e-3
FAR = 4.0  # distance to the other values, in their own range
SAMPLE = 100_000
FEWEST_OTHERS = 16  # different values, or the others are no image


@dataclass(frozen=True)
class Padding:
    """The value of voxels that hold no image, and the nearest one of those that do."""

    value: float
    nearest: float
    share: float

    def filled(self, slices: NDArray) -> NDArray:
        """A copy of slices with their nearest value in place of the padding; that of all, where they hold no other."""
        mask = slices == self.value
        nearest: float = self.nearest
        if not mask.all():
            nearest = slices[~mask].min() if self.value < self.nearest else slices[~mask].max()
        return np.where(mask, np.asarray(nearest, slices.dtype), slices)

    def put_back(self, enlarged: NDArray, slices: NDArray, scale: int) -> None:
        """Pad ``enlarged`` in place where ``slices`` are padded, with the nearest value that its type holds."""
        mask = slices == self.value
        largest = float(np.finfo(enlarged.dtype).max) if enlarged.dtype.kind == "f" else math.inf
        value = min(max(self.value, -largest), largest)
        enlarged[np.repeat(np.repeat(mask, scale, axis=-2), scale, axis=-1)] = value


def padding_of(items: Sequence[NDArray]) -> Padding | None:
    """The padding of a volume, or of the phases of a cine; None if there is none."""
    sample = np.concatenate([item.reshape(-1)[:: 1 + item.size * len(items) // SAMPLE] for item in items])
    for sign in (1, -1):
        value = sign * float((sign * sample.astype(np.float64)).min())
        others = sample[sample != value]
        if 1 - others.size / sample.size < LEAST_SHARE or len(np.unique(others[:SAMPLE])) < FEWEST_OTHERS:
            continue
        found = _exactly(items, value)
        if found is not None:
            return found
    return None


def _exactly(items: Sequence[NDArray], value: float) -> Padding | None:
    """The padding of this value, held against every voxel."""
    rest = [item[item != value] for item in items]
    rest = [values for values in rest if values.size]
    low, high = min(float(values.min()) for values in rest), max(float(values.max()) for values in rest)
    nearest = low if value < low else high
    if low <= value <= high or abs(value - nearest) <= FAR * (high - low):
        return None
    count, total = sum(values.size for values in rest), sum(item.size for item in items)
    return Padding(value, nearest, 1 - count / total)
