"""One invertible linear intensity map for a whole volume or a whole cine, never for a slice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .padding import padding_of

LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.9
LARGEST_SAMPLE = 2**23


@dataclass(frozen=True)
class IntensityMap:
    """Maps input intensities to the network's range, about [0, 1], and back; it never clips.

    >>> there = IntensityMap(offset=100.0, width=400.0)
    >>> there.normalise(np.array([100, 500, 900])).tolist()
    [0.0, 1.0, 2.0]
    >>> there.restore(np.float32([0.0, 0.25])).tolist()
    [100.0, 200.0]

    Attributes:
        offset: input intensity that becomes 0.
        width: input intensities that span 1, above 0.
    """

    offset: float
    width: float

    @classmethod
    def of(cls, values: NDArray) -> IntensityMap:
        """The map that sends the 0.1th and 99.9th percentiles of all ``values`` to 0 and 1.

        Where these coincide (a few bright voxels on a flat ground) the minimum and maximum take their place.

        Raises:
            ValueError: constant, empty or non-finite values.
        """
        return cls.of_items([values])

    @classmethod
    def of_items(cls, items: Sequence[NDArray], largest_sample: int | None = None) -> IntensityMap:
        """The one map of all items of a cine together, as :meth:`of` takes it from one array.

        Only one item is copied at a time. Cines of more than ``largest_sample`` voxels (8 million) are sampled: the
        percentiles come from that many voxels, drawn from all items with a fixed seed. Padding is left out.

        Raises:
            ValueError: constant, empty or non-finite values.
        """
        total = sum(item.size for item in items)
        if total == 0:
            raise ValueError("no voxels to take an intensity range from")
        sample = _sample(items, total, largest_sample or LARGEST_SAMPLE)
        padding = padding_of(items)
        sample = sample if padding is None else sample[sample != padding.value]
        low, high = (float(value) for value in np.percentile(sample, (LOW_PERCENTILE, HIGH_PERCENTILE)))
        if not low < high:
            low, high = min(float(item.min()) for item in items), max(float(item.max()) for item in items)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("the intensities hold NaN or infinite values")
        if not low < high:
            raise ValueError(f"the image is constant (every voxel is {low:g}): there is nothing to upscale")
        return cls(low, high - low)

    def normalise(self, values: NDArray) -> NDArray[np.float32]:
        """Input intensities to the network's range."""
        return (np.subtract(values, self.offset, dtype=np.float64) / self.width).astype(np.float32)

    def restore(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's range back to input intensities, in place."""
        values *= np.float32(self.width)
        values += np.float32(self.offset)
        return values


def _sample(items: Sequence[NDArray], total: int, largest: int) -> NDArray:
    """All voxels of the items, or about ``largest`` of them in equal shares."""
    if len(items) == 1:
        return items[0]
    if total <= largest:
        return np.concatenate([item.ravel() for item in items])
    draw = np.random.default_rng(0)
    shares = (draw.integers(0, item.size, math.ceil(largest * item.size / total)) for item in items)
    return np.concatenate([item.reshape(-1)[share] for item, share in zip(items, shares, strict=True)])


def as_type(values: NDArray, dtype: np.dtype) -> NDArray:
    """``values`` in ``dtype``; for integers clipped to its range and rounded.

    >>> as_type(np.float32([-3.0, 7.6, 300.0]), np.dtype(np.uint8)).tolist()
    [0, 8, 255]
    """
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(values.astype(np.float64)) if dtype.itemsize > 2 else np.rint(values)
    return np.clip(rounded, limits.min, limits.max).astype(dtype)
