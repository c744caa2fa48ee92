"""What of a stack the scanner measured: the lines of k-space along both axes, where that is known from, and the steps
that take an image to what was measured, and that put it back into an enlarged one.

Scanners fill k-space with zeros and store more pixels than they measured. A network that enlarges such an image sees
one that is smooth already. So the image is cropped to what was measured, that is enlarged, the measured band of k-space
is put back unchanged, and zero filling makes the rest of the size: the network adds only outside of what was measured.

Of an even number of lines the outermost was measured with one sign only, and an image that has no more pixels than
lines does not tell its phase; where an image does not go on periodically, the outermost line is mixed with what is
beyond. The network sees such a line, but it is not put back: that would cost as much as keeping the rest gains (0.04 to
0.1 dB).

The edge of the band is hard. A cosine fall from 0.9 of the band on leaves the same ripples beside strong rims of
acquired images, costs 0.04 to 0.3 dB where the truth is known, and would change a fifth of what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..options import given_lines
from .kspace import Border, Floats, floats, resampling, separable
from .spectrum import band_along, sample_of

HEADER, SPECTRUM, USER, UNKNOWN = "header", "spectrum", "user", ""
SEAM = 1.5  # times the steps between neighbours at the border: what an image that goes on periodically may have


class Statement(NamedTuple):
    """Numbers of lines along the rows' direction and the columns' that a header may mean; none if it says nothing."""

    rows: tuple[float, ...] = ()
    columns: tuple[float, ...] = ()


NOTHING = Statement()


@dataclass(frozen=True)
class Axis:
    """One axis of the slices of a stack.

    Attributes:
        stored: pixels along it.
        lines: of k-space that hold what was measured, at most as many.
        source: what tells of fewer lines than pixels: ``header``, ``spectrum``, ``user``; empty if nothing does.
        border: how the image goes on beyond its first and last pixel.
    """

    stored: int
    lines: int
    source: str = UNKNOWN
    border: Border = "mirrored"

    def __post_init__(self) -> None:
        if not 0 < self.lines <= self.stored:
            raise ValueError(f"{self.lines} measured lines of {self.stored} stored ones cannot be")

    @property
    def kept(self) -> int:
        """How many of the lines are put back: those that the image tells with their phase, and unmixed."""
        if self.border == "mirrored":
            return max(self.lines - 2, 1)
        return self.lines - (self.lines == self.stored and self.lines % 2 == 0)

    def on(self, size: int) -> Axis:
        """The same share of an axis of another size."""
        lines = self.lines if size == self.stored else min(2 * -(-self.lines * size // (2 * self.stored)), size)
        return Axis(size, lines, self.source, self.border)


@dataclass(frozen=True)
class Measured:
    """What of the slices of a stack was measured, the same for all of them."""

    rows: Axis
    columns: Axis

    @classmethod
    def whole(cls, rows: int, columns: int) -> Measured:
        """All that is stored."""
        return cls(Axis(rows, rows), Axis(columns, columns))

    @classmethod
    def of(cls, items: Sequence[NDArray], acquired: str = "auto", stated: Statement = NOTHING) -> Measured:
        """One result for all items of a stack or cine.

        Args:
            items: slices ``(n, rows, columns)`` of a volume, or of each phase.
            acquired: as in :class:`~..upscaling.Upscaling`.
            stated: what the header says; believed where the spectrum bears it out.

        Raises:
            ValueError: more lines than are stored, or none.
        """
        slices = sample_of(items)
        if acquired == "auto":
            return cls(*(_seen(slices, axis, lines) for axis, lines in zip((1, 2), stated, strict=True)))
        sizes = slices.shape[1:]
        numbers = given_lines(acquired) or sizes
        if any(not 0 < number <= size for number, size in zip(numbers, sizes, strict=True)):
            raise ValueError(f"{acquired} lines cannot have been measured of {sizes[0]} rows x {sizes[1]} columns")
        return cls(*(_told(slices, axis, number) for axis, number in zip((1, 2), numbers, strict=True)))

    @property
    def interpolated(self) -> bool:
        """Whether fewer lines were measured than pixels are stored, along either axis."""
        return any(axis.lines < axis.stored for axis in (self.rows, self.columns))

    @property
    def share(self) -> tuple[float, float]:
        """Share of k-space that was measured, along the rows' direction and the columns'."""
        return self.rows.lines / self.rows.stored, self.columns.lines / self.columns.stored

    def turned(self) -> Measured:
        """Of the slices turned by 90 degrees."""
        return Measured(self.columns, self.rows)

    def on(self, rows: int, columns: int) -> Measured:
        """The same shares of slices of another size."""
        return Measured(self.rows.on(rows), self.columns.on(columns))

    @property
    def lines(self) -> tuple[int, int]:
        """Rows and columns of the grid that holds what was measured and no more."""
        return self.rows.lines, self.columns.lines

    def band_of(self, images: NDArray, scale: int = 1) -> Floats:
        """What was measured, ``(..., *lines)``, in slices ``(..., scale*rows, scale*columns)``."""
        return self._on_lines(images, scale, self.lines)

    @property
    def kept(self) -> tuple[int, int]:
        """Rows and columns of the grid that holds what is put back into a result and no more."""
        return self.rows.kept, self.columns.kept

    def kept_of(self, images: NDArray, scale: int = 1) -> Floats:
        """What is put back into a result, ``(..., *kept)``, in slices ``(..., scale*rows, scale*columns)``."""
        return self._on_lines(images, scale, self.kept)

    def _on_lines(self, images: NDArray, scale: int, lines: tuple[int, int]) -> Floats:
        values = floats(images)
        if values.shape[-2:] == lines:
            return values
        axes = zip((self.rows, self.columns), lines, strict=True)
        return separable(
            values, *(resampling(scale * axis.stored, number, axis.border, values.dtype) for axis, number in axes)
        )

    def steps(self, scale: int, keep: bool = True) -> Steps:
        """The steps around a network that enlarges ``scale`` times; without ``keep`` nothing is put back."""
        asked = (scale * self.rows.stored, scale * self.columns.stored)
        return Steps(
            crop=self.lines if self.interpolated else None,
            keep=self.kept if keep else None,
            fill=asked if self.interpolated else None,
            borders=(self.rows.border, self.columns.border),
        )


@dataclass(frozen=True)
class Resolution:
    """Pixels of a stack, and what of them was measured.

    >>> str(Resolution((1.4, 1.4), Measured(Axis(256, 128, HEADER), Axis(256, 256))))
    'stored 1.40 mm, measured about 1.4 x 2.8 mm (from the header)'

    Attributes:
        pixel_mm: distance of pixel centres between columns and between rows.
        measured: what of the slices was.
    """

    pixel_mm: tuple[float, float]
    measured: Measured

    @property
    def interpolated(self) -> bool:
        """Whether the scanner measured less than is stored, along either axis."""
        return self.measured.interpolated

    @property
    def effective_mm(self) -> tuple[float, float]:
        """Size of the pixels that the measured lines would give, between columns and between rows."""
        along_rows, along_columns = self.measured.share
        return self.pixel_mm[0] / along_columns, self.pixel_mm[1] / along_rows

    @property
    def source(self) -> str:
        """What tells of the interpolation: ``header``, ``spectrum``, ``user``, or several of them; empty without."""
        found = (self.measured.rows.source, self.measured.columns.source)
        return " and ".join(dict.fromkeys(source for source in found if source))

    def __str__(self) -> str:
        pixels, effective = _sizes(self.pixel_mm, 2), _sizes(self.effective_mm, 1)
        if not self.interpolated:
            return f"{pixels} mm pixels"
        return f"stored {pixels} mm, measured about {effective} mm (from the {self.source})"


class Steps(NamedTuple):
    """What is done before and after a network, which :mod:`~..network.grids` does.

    Attributes:
        crop: rows and columns of what was measured, to which slices are cropped first; None if they are that already.
        keep: rows and columns of k-space that are put back into what the network makes; None if nothing is.
        fill: rows and columns that were asked for, to which k-space is filled last; None if the result has them.
        borders: how the slices go on beyond their first and last row, and column.
    """

    crop: tuple[int, int] | None = None
    keep: tuple[int, int] | None = None
    fill: tuple[int, int] | None = None
    borders: tuple[Border, Border] = ("mirrored", "mirrored")


NO_STEPS = Steps()


def _sizes(sizes: tuple[float, float], digits: int) -> str:
    first, second = (f"{size:.{digits}f}" for size in sizes)
    return first if first == second else f"{first} x {second}"


def _seen(slices: NDArray[np.float64], axis: int, stated: tuple[float, ...]) -> Axis:
    """What spectrum and header tell of an axis."""
    size = slices.shape[axis]
    band = band_along(slices, axis, stated)
    source = UNKNOWN if band.lines == size else HEADER if band.stated else SPECTRUM
    return Axis(size, band.lines, source, band.border or _border(slices, axis))


def _told(slices: NDArray[np.float64], axis: int, lines: int) -> Axis:
    """What the user says of an axis."""
    size = slices.shape[axis]
    return Axis(size, lines, UNKNOWN if lines == size else USER, _border(slices, axis))


def _border(slices: NDArray[np.float64], axis: int) -> Border:
    """Periodic if the first pixels follow the last ones as smoothly as neighbours follow each other."""
    lines = np.moveaxis(slices, axis, 0)
    seam = np.abs(lines[0] - lines[-1]).mean()
    steps = (np.abs(lines[0] - lines[1 % len(lines)]).mean() + np.abs(lines[-1] - lines[-2 % len(lines)]).mean()) / 2
    return "periodic" if seam <= SEAM * steps else "mirrored"
