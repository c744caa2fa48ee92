"""Random ellipses: the sharp rims without ringing that no scan can teach.

A scanner's own images are band-limited, so beside a sharp rim even the truth rings; a network that learns from them
alone leaves the ringing of a coarser acquisition where it is. These images come from exact samples of k-space at a
resolution that their edges' blur allows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from DURNSuperResLib.core.phantom import Ellipse, sampled_in_kspace

IMAGES = 32
SEED = 1
SIZES = (256, 288, 320)  # rows and columns of the field of view
SEMI_AXES_MM = ((8, 40, 120), (14, 8, 40), (14, 1.5, 8))  # number of ellipses, least and greatest semi-axis
CENTRES_MM = 140  # from the middle of the field of view, at most


def ellipses(images: int = IMAGES, seed: int = SEED) -> list[NDArray[np.float32]]:
    """``images`` square images of randomly placed, turned and weighted ellipses, 0 where they are darkest."""
    random = np.random.default_rng(seed)
    return [_image(random) for _ in range(images)]


def _image(random: np.random.Generator) -> NDArray[np.float32]:
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
    return np.float32(image - image.min())
