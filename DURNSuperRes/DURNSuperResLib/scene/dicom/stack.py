"""One stack of slices: its images in order, where it lies, and what a reader should know of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frames import Frame
from .planes import View

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stack:
    """Parallel slices at evenly spaced locations, each with the same phases; or what is known of one that is not.

    Attributes:
        number: as :func:`contents_of` counts them, from 1.
        frames: ``frames[phase][slice]``, the slices along their normal.
        times: of the phases: ms where ``timed``, else 0, 1, 2 ...
        timed: whether the phases have trigger times.
        gap: distance of neighbouring slices in mm; with one slice the thickness, or 1 if none is stated.
        view: what plane of the heart or body it shows.
        notes: what a reader should know; lines without file names' patients or the like.
        left_out: images of the stack that are not in ``frames``, since their location is not whole.
        refusal: why it must not be upscaled; empty if it may.
    """

    number: int
    frames: tuple[tuple[Frame, ...], ...]
    times: tuple[float, ...]
    timed: bool
    gap: float
    view: View
    notes: tuple[str, ...]
    left_out: tuple[Frame, ...]
    refusal: str

    @property
    def first(self) -> Frame:
        """The first slice of the first phase."""
        return self.frames[0][0]

    @property
    def phases(self) -> int:
        """How many phases each location has."""
        return len(self.frames)

    @property
    def slices(self) -> int:
        """How many locations there are."""
        return len(self.frames[0])

    @property
    def every_frame(self) -> list[Frame]:
        """All images in ``frames`` and ``left_out``."""
        return [image for phase in self.frames for image in phase] + list(self.left_out)

    @property
    def series_numbers(self) -> list[int]:
        """The numbers of the series that the images come from, ascending."""
        return sorted({image.series_number for image in self.every_frame if image.series_number is not None})

    @property
    def descriptions(self) -> list[str]:
        """The different series descriptions."""
        return sorted({image.description for image in self.every_frame if image.description})

    @property
    def ijk_to_ras(self) -> NDArray[np.float64]:
        """4 x 4 matrix of the volume ``(slices, rows, columns)``, from the positions alone.

        The direction cosines in a file are rounded; they are brought to right angles in the way ITK does it, so that
        every reader that builds on ITK, Slicer among them, places the voxels alike.
        """
        first = self.first
        along_row = np.cross(first.orientation[3:], first.normal)
        along_row /= np.linalg.norm(along_row)
        matrix = np.eye(4)
        matrix[:3, 0] = along_row * first.spacing[1]
        matrix[:3, 1] = np.cross(first.normal, along_row) * first.spacing[0]
        matrix[:3, 2] = first.normal * self.gap
        matrix[:3, 3] = first.position
        return LPS_TO_RAS @ matrix
