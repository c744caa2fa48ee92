"""Random ellipses, with sharper rims and less ringing than scans have.

A scanner's own images are band-limited, so beside a sharp rim even the truth rings. These images come from exact
samples of k-space at a resolution that their edges' blur allows. What they gain was not measured by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.phantom import Ellipse, sampled_in_kspace

IMAGES = 32
SEED = 1
SIZES = (256, 288, 320)  # rows and columns of the field of view
SEMI_AXES_MM = ((8, 40, 120), (14, 8, 40), (14, 1.5, 8))  # number of ellipses, least and greatest semi-axis
CENTRES_MM = 140  # from the middle of the field of view, at most
NOISE = 0.03  # standard deviation at most; scans are noisy, too
SHADING = 0.4  # by which the sensitivity of a coil rises or falls from the middle to a border, at most


def ellipses(
    images: int = IMAGES, seed: int = SEED, *, noise: float = NOISE, shading: float = SHADING
) -> list[NDArray[np.float32]]:
    """``images`` square images of randomly placed, turned and weighted ellipses, shaded and noisy."""
    random = np.random.default_rng(seed)
    return [_image(random, noise, shading) for _ in range(images)]


def _image(random: np.random.Generator, noise: float, shading: float) -> NDArray[np.float32]:
    shapes = [
        Ellipse(
            intensity=random.uniform(-0.6, 0.6),
            x=random.uniform(-CENTRES_MM, CENTRES_MM),
            y=random.uniform(-CENTRES_MM, CENTRES_MM),
            a=random.uniform(least, greatest),
            b=random.uniform(least, greatest),
            angle=random.uniform(0, 180),
        )
        for number, least, greatest in SEMI_AXES_MM
        for _ in range(number)
    ]
    image = sampled_in_kspace(shapes, int(random.choice(SIZES))).real
    image -= image.min()
    along = np.linspace(-1, 1, len(image))
    image *= 1 + random.uniform(-shading, shading) * along + random.uniform(-shading, shading) * along[:, None]
    return np.float32(np.abs(image + random.normal(0, random.uniform(0, noise), image.shape)))
