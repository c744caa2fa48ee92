"""The steps around a network, on tensors: to the grid that was measured, then to the one that was asked for, with the
k-space that was measured put back.

What :func:`~..signal.kspace.resized` does with matrices is done by fast transforms here: at the sizes of enlarged
slices they take less than half of the time, large prime factors aside. Both agree to the last digits of float32.

``periodic``  the discrete Fourier transform.
``mirrored``  the discrete cosine transform (type II), by a Fourier transform of the same length, after J. Makhoul,
    "A fast cosine transform in one and two dimensions", IEEE Transactions on Acoustics, Speech, and Signal Processing
    28 (1980) 27-34.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from ..signal.kspace import Border
from ..signal.measured import Steps

Size = tuple[int, int]


def before(steps: Steps, slices: Tensor) -> Tensor:
    """What the network is to see of float32 slices ``(n, rows, columns)``."""
    return slices if steps.crop is None else resized(slices, steps.crop, steps.borders)


def after(steps: Steps, enlarged: Tensor, seen: Tensor) -> Tensor:
    """The result, float32 ``(n, rows, columns)``, from what the network made of what it saw."""
    if steps.keep is not None:
        missing = seen - resized(enlarged, _size(seen), steps.borders)
        enlarged = enlarged + resized(missing, _size(enlarged), steps.borders, steps.keep)
    return enlarged if steps.fill is None else resized(enlarged, steps.fill, steps.borders)


def resized(images: Tensor, size: Size, borders: tuple[Border, Border], lines: Size | None = None) -> Tensor:
    """float32 images ``(..., rows, columns)`` on a grid of another size over the same field of view, as
    :func:`~..signal.kspace.resized`; ``lines`` of k-space at most.
    """
    axes = sorted((-2, -1), key=lambda axis: size[axis] / images.shape[axis])  # what shrinks most first
    for axis in axes:
        if images.shape[axis] != size[axis]:
            along = _periodic if borders[axis] == "periodic" else _mirrored
            most = size[axis] if lines is None else lines[axis]
            images = along(images.movedim(axis, -1), size[axis], most).movedim(-1, axis)
    return images


def _size(images: Tensor) -> Size:
    return images.shape[-2], images.shape[-1]


def _periodic(lines: Tensor, new: int, most: int) -> Tensor:
    """``(..., old)`` samples to ``(..., new)``, which go on at their opposite border; ``most`` lines of k-space."""
    shift = _half_pixel_shift(lines.shape[-1], new, most).to(lines.device)
    return torch.fft.irfft(torch.fft.rfft(lines)[..., : len(shift)] * shift, n=new)


@functools.lru_cache(maxsize=32)
def _half_pixel_shift(old: int, new: int, most: int) -> Tensor:
    """Factors of the frequencies that both grids hold and that are among ``most`` lines, complex ``(lines // 2 + 1,)``.

    The larger grid has each sign of an even smaller one's outermost line, with half of it.
    """
    kept = min(old, new, most)
    factors = new / old * np.exp(1j * np.pi * np.arange(kept // 2 + 1) * (1 / new - 1 / old))
    if kept % 2 == 0 and kept == min(old, new):
        factors[-1] *= 0.5 if new > old else 2.0
    return torch.from_numpy(factors.astype(np.complex64))


def _mirrored(lines: Tensor, new: int, most: int) -> Tensor:
    """``(..., old)`` samples to ``(..., new)``, which go on as their mirror image; ``most`` half lines of k-space."""
    old = lines.shape[-1]
    waves = lines.new_zeros(*lines.shape[:-1], max(old, new) + 1)
    _write_cosines(lines, waves)
    waves[..., min(old, new, most) :] = 0
    return _from_cosines(waves[..., : new + 1]) * (new / old)


def _write_cosines(lines: Tensor, waves: Tensor) -> None:
    """The cosine transform of ``(..., n)`` samples, unscaled, into the first ``n`` of ``waves``."""
    n = lines.shape[-1]
    folded = torch.cat([lines[..., ::2], lines[..., 1::2].flip(-1)], dim=-1)
    turned = torch.fft.rfft(folded) * _quarter_turn(n).to(lines.device)
    waves[..., : n // 2 + 1] = turned.real
    waves[..., n // 2 + 1 : n] = -turned.imag[..., 1 : (n + 1) // 2].flip(-1)


def _from_cosines(waves: Tensor) -> Tensor:
    """``(..., n)`` samples from their cosine transform, ``n`` frequencies and a zero."""
    n = waves.shape[-1] - 1
    half = n // 2 + 1
    turned = torch.complex(waves[..., :half], -waves[..., n + 1 - half :].flip(-1))
    folded = torch.fft.irfft(turned * _quarter_turn(n).conj().to(waves.device), n=n)
    lines = torch.empty_like(folded)
    lines[..., ::2] = folded[..., : (n + 1) // 2]
    lines[..., 1::2] = folded[..., (n + 1) // 2 :].flip(-1)
    return lines


@functools.lru_cache(maxsize=32)
def _quarter_turn(n: int) -> Tensor:
    """Factors between the Fourier transform of folded samples and their cosine transform, ``(n // 2 + 1,)``."""
    return torch.from_numpy(np.exp(-0.5j * np.pi * np.arange(n // 2 + 1) / n).astype(np.complex64))
