"""Other scanners' looks: copies of an image with what differs between scanners, pixel sizes and contrasts.

A network trained on one scanner takes its sharpness, contrast and noise for the only ones. Each copy is made before it
is degraded, so that the image and its low-resolution copy still belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.degradation import rician

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Looks:
    """How far copies may differ from their image; every default changes nothing.

    Attributes:
        gamma: least and greatest exponent of the intensities.
        contrast: how far a smooth rising curve of the intensities may bend; below 1.
        rescale: least factor by which an image is reduced, antialiased, as if its pixels had been larger.
        shading: by which a coil's sensitivity may rise or fall from the middle to a border, in logarithmic units.
        noise: greatest standard deviation of Rician noise, of the 99.9th percentile.
    """

    gamma: tuple[float, float] = (1.0, 1.0)
    contrast: float = 0.0
    rescale: float = 1.0
    shading: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.contrast < 1:
            raise ValueError(f"contrast must be at least 0 and below 1 for a rising curve, not {self.contrast}")
        if not 0 < self.rescale <= 1:
            raise ValueError(f"rescale must be above 0 and at most 1, not {self.rescale}")

    def applied(self, image: Image, random: np.random.Generator, least_size: int = 1) -> Image:
        """One copy of ``image``, values near [0, 1], with a random look.

        Args:
            image: ``(rows, columns)``.
            random: where the look comes from.
            least_size: rows and columns that a reduced copy keeps at least.
        """
        least = max(self.rescale, min(1.0, least_size / min(image.shape)))
        sized = reduced(image, random.uniform(least, 1)) if least < 1 else image
        copy = _bent(sized, *random.uniform(-self.contrast / 2, self.contrast / 2, 2))
        copy = copy ** np.exp(random.uniform(*np.log(self.gamma)))
        copy = copy * _shading(copy.shape, *random.uniform(-self.shading, self.shading, 3))
        if self.noise:
            copy = rician(copy, random.uniform(0, self.noise), random)
        return copy.astype(np.float32)


def reduced(image: Image, factor: float) -> Image:
    """``image`` by antialiased bicubic reduction to ``factor`` of its rows and columns, rounded, never negative."""
    size = [max(1, round(edge * factor)) for edge in image.shape]
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    small = torch.nn.functional.interpolate(tensor, size=size, mode="bicubic", antialias=True, align_corners=False)
    return small[0, 0].clamp(min=0).numpy()


def _bent(image: Image, first: float, second: float) -> NDArray[np.float64]:
    """A smooth curve of the intensities that leaves 0 and 1 and rises where ``|first| + |second| < 1``."""
    inside = np.clip(image, 0, 1).astype(np.float64)
    bend = first * np.sin(np.pi * inside) / np.pi + second * np.sin(2 * np.pi * inside) / (2 * np.pi)
    return image + bend


def _shading(shape: tuple[int, ...], down: float, across: float, outwards: float) -> NDArray[np.float64]:
    """Smooth sensitivity over an image, 1 in its middle."""
    y, x = (np.linspace(-1, 1, size) for size in shape)
    return np.exp(down * y[:, None] + across * x + outwards * (y[:, None] ** 2 + x**2) / 2)
