"""The network over the eight flips and rotations of each slice: a better mean, and how far the eight disagree.

A network that knew the answer would give the same image whichever way the slice lies. Where the eight disagree, detail
was guessed; where they agree they may still be wrong together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..monitor import Monitor

ORIENTATIONS = tuple((flip, turns) for flip in (False, True) for turns in range(4))

OnePass = Callable[[NDArray, bool, Monitor], NDArray[np.float32]]


def over_orientations(
    one_pass: OnePass, stack: NDArray, monitor: Monitor, *, mean: bool, spread: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Image and spread of ``one_pass`` over all eight orientations of a stack.

    The eight results go into running sums, so that three images of the output's size are held at most beside the one
    being made.

    Args:
        one_pass: enlarges ``(n, rows, columns)`` slices; told whether their rows and columns have changed places.
        stack: the slices as they lie.
        monitor: told of the slices of all eight.
        mean: the image is the mean of the eight; without, the one of the slices as they lie.
        spread: also give the standard deviation of the eight.

    Returns:
        float32 ``(n, scale*rows, scale*columns)``, and the spread of the same shape and units or None.
    """
    sums = _RunningSums(spread)
    single = None
    for number, orientation in enumerate(ORIENTATIONS):
        own = monitor.of_pass(number, len(ORIENTATIONS), f"{len(ORIENTATIONS)} orientations")
        image = _turned_back(one_pass(_turned(stack, *orientation), orientation[1] % 2 == 1, own), *orientation)
        if number == 0 and not mean:
            single = image
        sums.add(image)
        del image  # before the next one is made
    return (sums.mean if single is None else single), sums.spread()


class _RunningSums:
    """Mean and spread of images that come one after the other (B. P. Welford, Technometrics 4 (1962) 419)."""

    def __init__(self, with_spread: bool) -> None:
        self.mean = np.zeros((), dtype=np.float32)
        self._count = 0
        self._squares: NDArray[np.float32] | None = None
        self._with_spread = with_spread

    def add(self, image: NDArray[np.float32]) -> None:
        self._count += 1
        if self._count == 1:
            self.mean = image.copy()
            self._squares = np.zeros_like(self.mean) if self._with_spread else None
            return
        for n, one in enumerate(image):  # slice by slice, so that no temporary is as large as the image
            before = one - self.mean[n]
            self.mean[n] += before / self._count
            if self._squares is not None:
                self._squares[n] += before * (one - self.mean[n])

    def spread(self) -> NDArray[np.float32] | None:
        """Standard deviation, once all are in; the sums are spent then."""
        if self._squares is None:
            return None
        self._squares /= self._count
        return np.sqrt(self._squares, out=self._squares)


def _turned(images: NDArray, flip: bool, turns: int) -> NDArray:
    turned = np.rot90(images, turns, axes=(1, 2))
    return np.ascontiguousarray(turned[..., ::-1] if flip else turned)


def _turned_back(images: NDArray, flip: bool, turns: int) -> NDArray:
    return np.rot90(images[..., ::-1] if flip else images, -turns, axes=(1, 2))
