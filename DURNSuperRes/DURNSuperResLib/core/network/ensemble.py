"""The network over the eight flips and rotations of each slice: a better mean, and how far the eight disagree.

A network that knew the answer would give the same image whichever way the slice lies. Where the eight disagree, detail
was guessed; where they agree they may still be wrong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..engine import Announce, Cancelled, IsCancelled, Progress, checked_slices, upscale_slices
from ..signal.consistency import make_consistent
from ..signal.intensity import IntensityMap

ORIENTATIONS = tuple((flip, turns) for flip in (False, True) for turns in range(4))


@dataclass(frozen=True)
class Enlarged:
    """Result of :func:`enlarge`.

    Attributes:
        image: float32 ``(n, scale*rows, scale*columns)`` in input units.
        spread: standard deviation over the eight orientations, of the same shape and units; None if not asked for.
    """

    image: NDArray[np.float32]
    spread: NDArray[np.float32] | None


def enlarge(
    slices: ArrayLike,
    scale: int = 2,
    *,
    method: str = "durn",
    device: str = "auto",
    precision: str = "auto",
    intensity: IntensityMap | None = None,
    data_consistency: bool = False,
    best_quality: bool = False,
    uncertainty: bool = False,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
) -> Enlarged:
    """Enlarge slices as :func:`~.engine.upscale_slices`, in all eight orientations where that is asked for.

    The eight results go into running sums, so that three images of the output's size are held at most beside the one
    being made. One intensity map serves all eight.

    Args:
        slices, scale, method, device, precision, intensity, cancelled: as ``upscale_slices``.
        data_consistency: as ``upscale_slices``, of the final image; the spread is that of the network alone.
        best_quality: the image is the mean of the eight; without, the slices as they lie.
        uncertainty: also give the standard deviation of the eight.
        progress, announce: as ``upscale_slices``, over the slices of all eight orientations.

    Raises:
        ValueError: as ``upscale_slices``; best quality or uncertainty of another method than ``durn``.
        ModelError, DeviceError, ModuleNotFoundError, Cancelled: as ``upscale_slices``.
    """
    options: dict[str, Any] = {"method": method, "device": device, "precision": precision}
    if not (best_quality or uncertainty):
        options |= {"intensity": intensity, "data_consistency": data_consistency}
        image = upscale_slices(slices, scale, **options, progress=progress, cancelled=cancelled, announce=announce)
        return Enlarged(image, None)
    if method != "durn":
        raise ValueError(f"{method} gives the same in all orientations: best quality and uncertainty need durn")
    stack = checked_slices(slices)
    calls = _Calls(progress, announce)
    options |= {"intensity": intensity or IntensityMap.of(stack), "cancelled": cancelled, "announce": calls.announce}
    sums = _RunningSums(uncertainty)
    single = None
    for number, orientation in enumerate(ORIENTATIONS):
        turned = upscale_slices(_turned(stack, *orientation), scale, **options, progress=calls.progress_of(number))
        image = _turned_back(turned, *orientation)
        if number == 0 and not best_quality:
            single = image
        sums.add(image)
        del turned, image  # before the next one is made
    result = sums.mean if single is None else single
    if data_consistency:
        make_consistent(result, stack, scale, lambda: _check(cancelled))
    return Enlarged(result, sums.spread())


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


class _Calls:
    """Progress over the slices of all orientations, and the announcement of each model and device once."""

    def __init__(self, progress: Progress | None, announce: Announce | None) -> None:
        self._progress, self._announce = progress, announce
        self._last = ""

    def announce(self, what: str) -> None:
        if self._announce is not None and what != self._last:
            self._announce(f"{what}, {len(ORIENTATIONS)} orientations")
        self._last = what

    def progress_of(self, number: int) -> Progress | None:
        progress, passes = self._progress, len(ORIENTATIONS)
        return None if progress is None else lambda done, total: progress(number * total + done, passes * total)


def _turned(images: NDArray, flip: bool, turns: int) -> NDArray:
    turned = np.rot90(images, turns, axes=(1, 2))
    return np.ascontiguousarray(turned[..., ::-1] if flip else turned)


def _turned_back(images: NDArray, flip: bool, turns: int) -> NDArray:
    return np.rot90(images[..., ::-1] if flip else images, -turns, axes=(1, 2))


def _check(cancelled: IsCancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled("cancelled")
