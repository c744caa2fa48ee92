"""The one way in to upscaling: slices in, enlarged slices out, whatever the method and the device.

Panel, scripts, cine and command line all come through :func:`enlarge`. Torch is imported only when a network runs, so
bicubic works without it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .monitor import Announce, IsCancelled, Monitor, Progress
from .network.ensemble import over_orientations
from .network.error_bars import ErrorBars, Errors, factor_of
from .network.memory import before_torch
from .network.models import ModelCard, ModelError, model_for
from .signal.intensity import IntensityMap
from .signal.measured import Measured
from .signal.padding import padding_of
from .signal.resampling import bicubic_upscale
from .upscaling import Upscaling

LARGEST_VALUE = 1e37  # the largest float32 is 3.4e38, and enlarging overshoots
LEAST_RANGE = 1e-33  # below 1.2e-38 float32 loses its digits


@dataclass(frozen=True)
class Enlarged:
    """Result of :func:`enlarge`.

    Attributes:
        image: float32 ``(n, scale*rows, scale*columns)`` in input units.
        half_width: of the interval that holds the truth in a share ``uncertainty_level`` of the pixels, of the same
            shape and units; None if not asked for.
        errors: distribution of the half-widths, asked for or not; None where the method states none.
    """

    image: NDArray
    half_width: NDArray[np.float32] | None = None
    errors: Errors | None = None


def upscale_slices(
    slices: ArrayLike,
    scale: int = 2,
    *,
    intensity: IntensityMap | None = None,
    measured: Measured | None = None,
    progress: Progress | None = None,
    cancelled: IsCancelled | None = None,
    announce: Announce | None = None,
    **options: Any,
) -> NDArray[np.float32]:
    """The image that :func:`enlarge` makes of slices; ``scale`` and ``options`` are those of :class:`.Upscaling`.

    >>> stack = np.arange(48.0).reshape(1, 6, 8)
    >>> upscale_slices(stack, 3, method="bicubic").shape
    (1, 18, 24)

    ``progress``, ``cancelled`` and ``announce`` are those of :class:`~.monitor.Monitor`. Raises as :func:`enlarge`.
    """
    monitor = Monitor(progress, cancelled, announce)
    how = Upscaling(scale=scale, **options)
    return enlarge(slices, how, intensity=intensity, measured=measured, monitor=monitor).image


def enlarge(
    slices: ArrayLike,
    how: Upscaling | None = None,
    *,
    intensity: IntensityMap | None = None,
    measured: Measured | None = None,
    monitor: Monitor | None = None,
) -> Enlarged:
    """Enlarge every slice in its plane, on the half-pixel grid (the field of view is kept).

    Padding keeps its value and does not influence the rest, see :func:`~.signal.padding.padding_of`; that of a whole
    whose ``measured`` is given is left to the caller, since a part may hold values far from its others.

    Args:
        slices: ``(n, rows, columns)`` of any real dtype; one intensity map serves all of them.
        how: the options; what concerns nodes alone is left aside.
        intensity: the map of the whole (a cine) that these slices are part of; None takes it from the slices.
        measured: what the scanner measured of that whole; None takes it from the slices, by ``how.acquired``.
        monitor: told of the slices that are done, asked whether to stop.

    Returns:
        Image and half-width of its error bars, float32 ``(n, scale*rows, scale*columns)`` in the intensity units of the
        input, and their distribution.

    Raises:
        ValueError: slices that cannot be used; for ``durn`` without ``intensity`` also constant slices.
        ModelError: no such model or none for the scale, or weights that are missing, truncated or altered; an
            uncertainty is asked for, and the model states none.
        DeviceError: CUDA was asked for and does not work here.
        ModuleNotFoundError: ``durn`` without torch installed.
        Cancelled: the monitor was told to stop.
    """
    how, monitor = how or Upscaling(), monitor or Monitor()
    given = checked_slices(slices)
    padding = padding_of([given]) if measured is None else None
    stack = given if padding is None else padding.filled(given)
    if how.is_durn:
        intensity = intensity or IntensityMap.of(stack)
        measured = (measured or Measured.of([stack], how.acquired)).on(*stack.shape[1:])
        result = _durn(stack, intensity, measured, how, monitor)
    else:
        monitor.announce(how.label)
        result = Enlarged(_bicubic(stack, how.scale, monitor))
    monitor.check()  # who cancels during the last batch does not want its result either
    if padding is not None:
        padding.put_back(result.image, given, how.scale)
    return result


def _durn(stack: NDArray, intensity: IntensityMap, measured: Measured, how: Upscaling, monitor: Monitor) -> Enlarged:
    card = model_for(how.scale, how.model)
    bars = _error_bars(card, intensity, how)
    before_torch()
    from .network.inference import run_model  # torch comes in here and nowhere earlier

    distinct, place = _distinct(stack)

    def one_pass(images: NDArray, turned: bool, monitor: Monitor, bars: ErrorBars | None = None) -> NDArray[np.float32]:
        steps = (measured.turned() if turned else measured).steps(how.scale, how.keep_measured)
        result = run_model(card, images, intensity.normalise, steps, how, monitor, bars)
        return intensity.restore(result)

    if how.best_quality:
        image = over_orientations(one_pass, distinct, monitor, bars)
    else:
        image = one_pass(distinct, False, monitor, bars)
    half_width = None if bars is None else bars.half_width()
    if len(distinct) < len(stack):
        image, half_width = image[place], None if half_width is None else half_width[place]
    return Enlarged(image, half_width, None if bars is None else bars.errors(how.scale))


def _error_bars(card: ModelCard, intensity: IntensityMap, how: Upscaling) -> ErrorBars | None:
    factor = factor_of(card, how.uncertainty_level)
    if factor is None and how.uncertainty:
        raise ModelError(f"{card.name} has no error bars of {how.uncertainty_level:g}")
    if factor is None:
        return None
    return ErrorBars(factor, how.uncertainty_level, intensity.width, how.uncertainty)


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
        ValueError: as :func:`enlarge`.
    """
    stack = np.asarray(slices)
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(f"slices must be (n, rows, columns) with no empty axis, not {stack.shape}")
    if stack.dtype.kind not in "biuf":
        raise ValueError(f"slices must be real numbers, not {stack.dtype}")
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        bad = int(stack.size - np.count_nonzero(np.isfinite(stack)))
        raise ValueError(f"{bad} of {stack.size} voxels are NaN or infinite")
    low, high = float(stack.min()), float(stack.max())
    if stack.dtype.kind == "f" and (max(abs(low), abs(high)) > LARGEST_VALUE or 0 < high - low < LEAST_RANGE):
        far = "near" if high - low < LEAST_RANGE else "far"
        raise ValueError(f"the voxels reach from {low:g} to {high:g}, too {far} for float32")
    return stack.astype(np.uint8) if stack.dtype.kind == "b" else stack


def _bicubic(stack: NDArray, scale: int, monitor: Monitor) -> NDArray[np.float32]:
    n, rows, columns = stack.shape
    result = np.empty((n, rows * scale, columns * scale), dtype=np.float32)
    for index, image in enumerate(stack):
        monitor.check()
        result[index] = bicubic_upscale(image, scale)
        monitor.report(index + 1, n)
    return result
