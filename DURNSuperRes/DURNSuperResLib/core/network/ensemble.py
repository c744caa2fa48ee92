"""The network over the eight flips and rotations of each slice: a better image by their mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..monitor import Monitor
from .error_bars import ErrorBars

ORIENTATIONS = tuple((flip, turns) for flip in (False, True) for turns in range(4))

OnePass = Callable[[NDArray, bool, Monitor, ErrorBars | None], NDArray[np.float32]]


def over_orientations(
    one_pass: OnePass, stack: NDArray, monitor: Monitor, bars: ErrorBars | None = None
) -> NDArray[np.float32]:
    """Mean of ``one_pass`` over all eight orientations of a stack.

    The eight results go into a running mean, so that two images of the output's size are held at most.

    Args:
        one_pass: enlarges ``(n, rows, columns)`` slices; told whether their rows and columns have changed places.
        stack: the slices as they lie.
        monitor: told of the slices of all eight.
        bars: receive the errors of the slices as they lie, which the mean makes a little smaller.

    Returns:
        float32 ``(n, scale*rows, scale*columns)``.
    """
    mean = np.zeros((), dtype=np.float32)
    for number, orientation in enumerate(ORIENTATIONS):
        own = monitor.of_pass(number, len(ORIENTATIONS), f"{len(ORIENTATIONS)} orientations")
        seen, turned = _turned(stack, *orientation), orientation[1] % 2 == 1
        image = _turned_back(one_pass(seen, turned, own, bars if number == 0 else None), *orientation)
        if number == 0:
            mean = image
            continue
        for so_far, one in zip(mean, image, strict=True):
            so_far += (one - so_far) / (number + 1)  # slice by slice, so that no temporary is as large as the image
        del image, one  # before the next one is made
    return mean


def _turned(images: NDArray, flip: bool, turns: int) -> NDArray:
    turned = np.rot90(images, turns, axes=(1, 2))
    return np.ascontiguousarray(turned[..., ::-1] if flip else turned)


def _turned_back(images: NDArray, flip: bool, turns: int) -> NDArray:
    return np.rot90(images[..., ::-1] if flip else images, -turns, axes=(1, 2))
