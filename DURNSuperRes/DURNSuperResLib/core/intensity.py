"""One invertible linear intensity map for a whole volume or a whole cine, never for a slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.9


@dataclass(frozen=True)
class IntensityMap:
    """Maps input intensities to the network's range, about [0, 1], and back; it never clips.

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
        if values.size == 0:
            raise ValueError("no voxels to take an intensity range from")
        low, high = (float(value) for value in np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE)))
        if not low < high:
            low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("the intensities hold NaN or infinite values")
        if not low < high:
            raise ValueError(f"the image is constant (every voxel is {low:g}): there is nothing to upscale")
        return cls(low, high - low)

    def normalise(self, values: NDArray) -> NDArray[np.float32]:
        """Input intensities to the network's range."""
        return ((values - np.float64(self.offset)) / self.width).astype(np.float32)

    def restore(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's range back to input intensities, in place."""
        values *= np.float32(self.width)
        values += np.float32(self.offset)
        return values
