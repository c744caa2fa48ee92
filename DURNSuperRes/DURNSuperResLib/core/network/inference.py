"""Running the network: device and precision, batches, and what to do when memory runs out.

Slices go through the network in batches. When memory runs out the batch is halved down to one slice; then the slice is
cut into tiles that overlap by the receptive field, so that the result equals the whole slice; when no tile is left that
makes sense, the run moves to the CPU with a warning.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..monitor import Monitor
from ..signal.measured import NO_STEPS, Steps
from ..upscaling import Upscaling
from .error_bars import ErrorBars
from .error_head import ErrorHead, ErrorHeadConfig
from .fused import FusedDurn
from .grids import after, before
from .memory import given_back
from .models import ModelCard, ModelError, model_for
from .network import Durn, DurnConfig
from .processor import has_bfloat16

logger = logging.getLogger(__name__)

BATCH_PIXELS = {"cuda": 2**20, "cpu": 2**16}  # input pixels: sixteen slices of 256 x 256, or one
LARGEST_PASS = {"cuda": 2**24, "cpu": 2**22}
SMALLEST_CORE = 32
# What torch says of memory that it does not get: CUDA; the CPU on Linux and macOS, on Windows; C++; cuDNN and its kin.
WITHOUT_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "_ALLOC_FAILED",
)

_loaded: dict[tuple[Path, str, torch.device, torch.dtype], FusedDurn] = {}
_logged = ""
_cudnn = threading.Lock()


class DeviceError(RuntimeError):
    """The device that was asked for does not work here."""


def resolve_device(choice: str) -> torch.device:
    """``auto``, ``cuda`` or ``cpu`` to a device on which a convolution has really run.

    Raises:
        DeviceError: CUDA was asked for and does not work.
    """
    if choice == "cpu":
        return torch.device("cpu")
    problem = _cuda_problem()
    if problem is None:
        return torch.device("cuda")
    if choice == "cuda":
        raise DeviceError(f"CUDA was asked for, but {problem}; choose the device cpu or auto")
    logger.debug("taking the CPU: %s", problem)
    return torch.device("cpu")


def _cuda_problem() -> str | None:
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no CUDA device"
    try:
        image = torch.ones(1, 1, 8, 8, device="cuda")
        torch.nn.functional.conv2d(image, image[..., :3, :3]).sum().item()
    except RuntimeError as error:
        return f"a small computation on {torch.cuda.get_device_name()} failed: {str(error).splitlines()[0]}"
    return None


def resolve_precision(choice: str, device: torch.device) -> torch.dtype:
    """``auto`` or the name of a precision to a dtype that ``device`` computes in.

    ``auto`` is float16 on CUDA, and on the CPU bfloat16 where the processor computes in it by itself: about 1.8 times
    as fast as float32.

    Raises:
        ValueError: float16 on the CPU.
    """
    if choice == "auto":
        return _fastest(device)
    if choice == "float16" and device.type == "cpu":
        raise ValueError("float16 needs CUDA; on the CPU choose float32 or bfloat16")
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[choice]


def _fastest(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_bfloat16() else torch.float32


def prepare(how: Upscaling) -> None:
    """Make the network ready that a run with these options would load first. Raises as :func:`~..engine.enlarge`."""
    _ready(model_for(how.scale, how.model), how)


def _ready(card: ModelCard, how: Upscaling) -> tuple[FusedDurn, torch.device, torch.dtype]:
    device = resolve_device(how.device)
    dtype = resolve_precision(how.precision, device)
    return _network(card, device, dtype), device, dtype


def _network(card: ModelCard, device: torch.device, dtype: torch.dtype) -> FusedDurn:
    key = (card.path, card.sha256, device, dtype)
    network = _loaded.get(key)
    if network is None:
        _loaded.clear()  # one network is in use at a time; an earlier one only holds memory
        network = FusedDurn(_load(card), device, dtype, load_error_head(card))
        _loaded[key] = network
    return network  # another thread may have loaded another one meanwhile


def _load(card: ModelCard) -> Durn:
    state = card.load_state_dict()
    try:
        with torch.device("meta"):  # first values would be drawn from the caller's random numbers
            network = Durn(DurnConfig.from_dict(dict(card.architecture)))
        network.load_state_dict(state, assign=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"the weights {card.path} do not fit their card: {error}") from error
    return network


def load_error_head(card: ModelCard) -> ErrorHead | None:
    """The error head of a model; None if it has none.

    Raises:
        ModelError: weights that do not fit their card.
    """
    if card.error_head is None:
        return None
    state = card.load_error_head()
    try:
        with torch.device("meta"):
            head = ErrorHead(ErrorHeadConfig(**card.error_head["architecture"]))
        head.load_state_dict(state, assign=True)
    except (RuntimeError, TypeError, KeyError) as error:
        raise ModelError(f"the error head in {card.path} does not fit its card: {error}") from error
    return head


def run_model(
    card: ModelCard,
    slices: NDArray,
    normalise: Callable[[NDArray], NDArray[np.float32]],
    steps: Steps,
    how: Upscaling,
    monitor: Monitor,
    bars: ErrorBars | None = None,
) -> NDArray[np.float32]:
    """Run ``card``'s network over ``(n, rows, columns)`` slices that ``normalise`` brings to its range, between the
    ``steps`` that take them to what was measured and put it back.

    Returns float32 ``(n, scale*rows, scale*columns)`` in the network's range. ``bars`` receive the errors to be
    expected, where the model has an error head. Raises as :func:`~..engine.enlarge`.
    """
    network, where, dtype = _ready(card, how)
    run = Run(network, where, dtype, BATCH_PIXELS[where.type], LARGEST_PASS[where.type])
    _log_once(f"{card.name} on {run.place}")
    monitor.announce(f"{card.name} on {run.place}")
    return run.over(slices, normalise, monitor, steps, bars)


def _log_once(what: str) -> None:
    """Say what runs where, once and not again for each phase of a cine."""
    global _logged
    logger.log(logging.DEBUG if what == _logged else logging.INFO, "%s", what)
    _logged = what


@dataclass
class Run:
    """One network on one device; ``largest_pass`` (input pixels) shrinks when memory runs out.

    Attributes:
        network: on ``device``, in ``dtype``.
        device: where it runs; becomes the CPU when ``device`` has no room for a tile.
        dtype: of its arithmetic.
        batch_pixels: slices are batched up to this many input pixels.
        largest_pass: a slice of more input pixels than this is cut into tiles.
    """

    network: FusedDurn
    device: torch.device
    dtype: torch.dtype
    batch_pixels: int
    largest_pass: int

    @property
    def place(self) -> str:
        """Device and precision in words."""
        name = f"{torch.cuda.get_device_name(self.device)} (CUDA)" if self.device.type == "cuda" else "CPU"
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"

    def over(
        self,
        slices: NDArray,
        normalise: Callable[[NDArray], NDArray[np.float32]],
        monitor: Monitor,
        steps: Steps = NO_STEPS,
        bars: ErrorBars | None = None,
    ) -> NDArray[np.float32]:
        """Enlarge all slices; see :func:`run_model`."""
        n, rows, columns = slices.shape
        scale = self.network.config.scale
        result = given_back((n, rows * scale, columns * scale))
        if bars is not None and not self.network.has_error_head:
            bars = None
        done = 0
        while done < n:
            monitor.check()
            count = min(n - done, max(1, self.batch_pixels // (rows * columns)))
            batch = torch.from_numpy(normalise(slices[done : done + count]))
            image = result[done : done + count]
            expected = None if bars is None else bars.room(done, image.shape, n)
            try:
                enlarged, error = self._enlarged(batch, steps, monitor, expected is not None)
                image[:] = enlarged.cpu().numpy()
                if expected is not None and error is not None:
                    expected[:] = error.cpu().numpy()
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                before = self.place
                self._shrink(min(count * rows * columns, self.largest_pass), rows * columns, str(error))
                if self.place != before:
                    monitor.announce(f"{self.place}, after {before} ran out of memory")
                continue
            if bars is not None and expected is not None:
                bars.add(image, expected)
            done += count
            monitor.report(done, n)
        return result

    def _enlarged(
        self, slices: Tensor, steps: Steps, monitor: Monitor, with_error: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The slices enlarged, with the steps before and after the network; and the errors to be expected."""
        seen = before(steps, slices.to(self.device))
        made = self._through_network(seen, monitor, with_error).to(self.device)
        enlarged = after(steps, made[0], seen)
        return enlarged, _on_grid(made[1], *enlarged.shape[-2:]) if with_error else None

    def _through_network(self, images: Tensor, monitor: Monitor, with_error: bool) -> Tensor:
        """What the network makes of ``(n, rows, columns)`` images, whole or cut into tiles, in float32: the image, and
        the error after it, along the first axis.
        """
        scale, (n, rows, columns) = self.network.config.scale, images.shape
        parts = list(tiles(rows, columns, self.largest_pass, self.network.config.receptive_radius))
        if len(parts) == 1:
            monitor.check()
            return self._pass(images, with_error)
        result = torch.empty((1 + with_error, n, scale * rows, scale * columns), dtype=torch.float32, device="cpu")
        for tile in parts:
            monitor.check()
            inside, place = tile.scaled(scale)
            result[place] = self._pass(images[:, tile.seen[0], tile.seen[1]], with_error)[inside].cpu()
        return result

    def _pass(self, images: Tensor, with_error: bool) -> Tensor:
        batch = images[:, None].to(memory_format=torch.channels_last)
        with _own_arithmetic(self.device):
            made = self.network.with_error(batch) if with_error else (self.network(batch),)
            return torch.stack([one[:, 0].float() for one in made])

    def _shrink(self, failed_pixels: int, slice_pixels: int, reason: str) -> None:
        """After ``failed_pixels`` in one pass did not fit: half of that, or the CPU, or the end."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = failed_pixels // 2
        if half >= min(slice_pixels, smallest_pass(self.network.config.receptive_radius)):
            logger.info("out of memory on %s; going on with at most %d pixels a pass", self.device, half)
            self.batch_pixels = self.largest_pass = half
        elif self.device.type != "cpu":
            logger.warning("%s has too little memory for this; going on with the CPU", self.device)
            self.device, self.dtype = torch.device("cpu"), torch.float32
            self.network = self.network.on(self.device, self.dtype)
            self.batch_pixels, self.largest_pass = BATCH_PIXELS["cpu"], LARGEST_PASS["cpu"]
        else:
            raise MemoryError(f"not enough memory even for a small part of a slice: {reason.splitlines()[0]}")


@contextlib.contextmanager
def _own_arithmetic(device: torch.device) -> Iterator[None]:
    """Compute as the options say, whatever the caller has set for its own networks, and leave that as it was.

    The settings of cuDNN are those of the whole process: of two threads the later one would restore the other's.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            stack.enter_context(_cudnn)
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False))
        yield


def _on_grid(images: Tensor, rows: int, columns: int) -> Tensor:
    """``(n, r, c)`` images over the same field of view on another grid, without going below or above their values."""
    if images.shape[-2:] == (rows, columns):
        return images
    return torch.nn.functional.interpolate(images[:, None], (rows, columns), mode="bilinear")[:, 0]


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in str(error) for words in WITHOUT_MEMORY)


@dataclass(frozen=True)
class Tile:
    """Part of a slice: the rows and columns the network sees, and those of them that are kept."""

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]

    def scaled(self, scale: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """What to keep, ``scale`` times as fine: within what the network made of this tile, and in the whole slice."""
        starts = [scale * (kept.start - seen.start) for kept, seen in zip(self.kept, self.seen, strict=True)]
        sizes = [scale * (kept.stop - kept.start) for kept in self.kept]
        inside = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
        place = (slice(scale * kept.start, scale * kept.stop) for kept in self.kept)
        return (..., *inside), (..., *place)


def smallest_pass(radius: int) -> int:
    """Input pixels of the smallest tile worth running: a core of ``SMALLEST_CORE`` and the overlap around it."""
    return (SMALLEST_CORE + 2 * radius) ** 2


def tiles(rows: int, columns: int, largest_pass: int, radius: int) -> Iterator[Tile]:
    """Cut a slice into tiles of at most ``largest_pass`` pixels that see ``radius`` pixels beyond what they keep.

    A tile that keeps pixels at the slice's border ends there, so the network meets the same border as in the whole
    slice. One tile if the slice fits.
    """
    if rows * columns <= largest_pass:
        yield Tile((slice(0, rows), slice(0, columns)), (slice(0, rows), slice(0, columns)))
        return
    core = max(SMALLEST_CORE, math.isqrt(largest_pass) - 2 * radius)
    for row in _spans(rows, core, radius):
        for column in _spans(columns, core, radius):
            yield Tile((row[0], column[0]), (row[1], column[1]))


def _spans(size: int, core: int, radius: int) -> list[tuple[slice, slice]]:
    edges = [(start, min(start + core, size)) for start in range(0, size, core)]
    return [(slice(max(0, a - radius), min(size, b + radius)), slice(a, b)) for a, b in edges]
