"""Images that no network of ours is for: noise, and phases that wrap around. An error head must know that it does not
know them, so it sees some; a network never does.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SIZE = 256
FINEST, COARSEST = 0.5, 6.0  # pixels; standard deviation of the Gaussians that noise is smoothed with
TURNS = (2.0, 8.0)  # of the phase, over the range of a smooth image


def foreign_images(count: int = 24, seed: int = 11) -> list[NDArray[np.float32]]:
    """``count`` images of 256 x 256, 0 to 1: white noise, smooth noise and wrapped phases in turn."""
    random = np.random.default_rng(seed)
    kinds = (_white, _smooth, _wrapped)
    return [kinds[number % len(kinds)](random) for number in range(count)]


def _white(random: np.random.Generator) -> NDArray[np.float32]:
    return random.random((SIZE, SIZE), dtype=np.float32)


def _smooth(random: np.random.Generator) -> NDArray[np.float32]:
    width = float(np.exp(random.uniform(np.log(FINEST), np.log(COARSEST))))
    noise = sitk.GetImageFromArray(random.normal(size=(SIZE, SIZE)).astype(np.float32))
    image = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, width))
    low, high = np.percentile(image, (0.1, 99.9))
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def _wrapped(random: np.random.Generator) -> NDArray[np.float32]:
    return np.mod(random.uniform(*TURNS) * _smooth(random), 1.0).astype(np.float32)
