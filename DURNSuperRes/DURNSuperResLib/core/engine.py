"""The one way in to upscaling: slices in, enlarged slices out, whatever the method and the device.

Panel, scripts, cine and command line all come through :func:`upscale_slices`. Torch is imported only when a network
runs, so bicubic works without it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .network.models import model_for
from .options import DEVICES, METHODS, PRECISIONS, SCALES
from .signal.consistency import make_consistent
from .signal.intensity import IntensityMap
from .signal.resampling import bicubic_upscale

LARGEST_VALUE = 1e37  # the largest float32 is 3.4e38, and enlarging overshoots

Progress = Callable[[int, int], None]
IsCancelled = Callable[[], bool]
Announce = Callable[[str], None]


class Cancelled(Exception):
    """The caller's ``cancelled`` answered yes; nothing was produced."""


class Monitor:
    """Tells the caller how far a run has come and asks whether to stop.

    Args:
        total: slices of the run.
        progress: called with (slices done, total).
        cancelled: asked before each batch.
        announce: told which model runs where, before the first batch and again if that changes.
    """

    def __init__(
        self, total: int, progress: Progress | None, cancelled: IsCancelled | None, announce: Announce | None = None
    ) -> None:
        self.total = total
        self._progress, self._cancelled, self._announce = progress, cancelled, announce

    def check(self) -> None:
        """Raises Cancelled if the caller wants to stop."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("cancelled")

    def announce(self, what: str) -> None:
        """Tells which model runs where."""
        if self._announce is not None:
            self._announce(what)

    def report(self, done: int) -> None:
        """Tells that ``done`` slices are finished."""
        if self._progress is not None:
            self._progress(done, self.total)


def upscale_slices(
    slices: ArrayLike,
    scale: int = 2,
    *,
    method: str = "durn",
    device: str = "auto",
    precision: str = "auto",
    intensity: IntensityMap | None = None,
    data_consistency: bool = False,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
) -> NDArray[np.float32]:
    """Enlarge every slice in its plane by ``scale``, on the half-pixel grid (the field of view is kept).

    Args:
        slices: ``(n, rows, columns)`` of any real dtype; one intensity map serves all of them.
        scale: 2, 3 or 4.
        method: ``durn``, or ``bicubic`` (a = -0.5; needs no torch, takes no device or precision).
        device: ``auto`` takes CUDA if a small computation really runs there, else the CPU.
        precision: of the network's arithmetic. ``auto`` is float16 on CUDA and float32 on the CPU.
        intensity: the map of the whole (a cine) that these slices are part of; None takes it from the slices.
        data_consistency: change the result as little as possible so that it reproduces the slices when it is brought
            down again, to 1e-4 of their range; see :func:`~.consistency.make_consistent`.
        progress: called with (slices done, slices in all) after each batch; slices that are equal count once.
        cancelled: asked before each batch; true stops the run.
        announce: told model, device and precision before the first batch, and again if the device changes.

    Returns:
        float32 ``(n, scale*rows, scale*columns)`` in the intensity units of the input.

    Raises:
        ValueError: slices or options that cannot be used; for ``durn`` without ``intensity`` also constant slices.
        ModelError: no weights for ``scale``, or weights that are missing, truncated or altered.
        DeviceError: CUDA was asked for and does not work here.
        ModuleNotFoundError: ``durn`` without torch installed.
        Cancelled: ``cancelled`` answered yes.
    """
    stack = checked_slices(slices)
    _check_options(scale, method, device, precision)
    monitor = Monitor(len(stack), progress, cancelled, announce)
    if method == "bicubic":
        monitor.announce(f"bicubic x{scale}")
        result = _bicubic(stack, scale, monitor)
    else:
        result = _run_network(stack, intensity or IntensityMap.of(stack), scale, device, precision, monitor)
    if data_consistency:
        make_consistent(result, stack, scale, monitor.check)
    monitor.check()  # who cancels during the last batch does not want its result either
    return result


def _run_network(
    stack: NDArray, intensity: IntensityMap, scale: int, device: str, precision: str, monitor: Monitor
) -> NDArray[np.float32]:
    card = model_for(scale)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages on Linux: page faults took a quarter
    from .network.inference import run_model  # torch comes in here and nowhere earlier

    distinct, place = _distinct(stack)
    monitor.total = len(distinct)
    result = intensity.restore(run_model(card, distinct, intensity.normalise, device, precision, monitor))
    return result if len(distinct) == len(stack) else result[place]


def _distinct(stack: NDArray) -> tuple[NDArray, list[int]]:
    """The slices without repetitions, such as empty ones or phases that fill a cine up, and the place of each there."""
    place: dict[bytes, int] = {}
    firsts: list[int] = []
    places: list[int] = []
    for number, image in enumerate(stack):
        digest = hashlib.sha256(image.tobytes()).digest()
        if digest not in place:
            place[digest] = len(firsts)
            firsts.append(number)
        places.append(place[digest])
    return (stack if len(firsts) == len(stack) else stack[firsts]), places


def checked_slices(slices: ArrayLike) -> NDArray:
    """``slices`` as an array of a real dtype, after checking that it can be upscaled.

    Raises:
        ValueError: as :func:`upscale_slices`.
    """
    stack = np.asarray(slices)
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(f"slices must be (n, rows, columns) with no empty axis, not {stack.shape}")
    if stack.dtype.kind not in "biuf":
        raise ValueError(f"slices must be real numbers, not {stack.dtype}")
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        bad = int(stack.size - np.count_nonzero(np.isfinite(stack)))
        raise ValueError(f"{bad} of {stack.size} voxels are NaN or infinite")
    if stack.dtype.kind == "f" and max(abs(float(stack.min())), abs(float(stack.max()))) > LARGEST_VALUE:
        raise ValueError(f"the voxels reach from {stack.min():g} to {stack.max():g}, too far for float32")
    return stack.astype(np.uint8) if stack.dtype.kind == "b" else stack


def _check_options(scale: int, method: str, device: str, precision: str) -> None:
    for name, value, allowed in (
        ("scale", scale, SCALES),
        ("method", method, METHODS),
        ("device", device, DEVICES),
        ("precision", precision, PRECISIONS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")


def _bicubic(stack: NDArray, scale: int, monitor: Monitor) -> NDArray[np.float32]:
    n, rows, columns = stack.shape
    result = np.empty((n, rows * scale, columns * scale), dtype=np.float32)
    for index, image in enumerate(stack):
        monitor.check()
        result[index] = bicubic_upscale(image, scale)
        monitor.report(index + 1)
    return result
