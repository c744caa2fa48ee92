"""From a test set to cases: crop, scale and degrade as the project's tables do.

``A`` and ``B``  a centre crop divided by its own 99.9th percentile and clipped to [0, 1] is the truth; antialiased
    bicubic reduction; figures after clipping to [0, 1], a border of ``scale`` pixels removed.
``C``  any other degradation, k-space truncation first of all, of the whole slice (cropped to a multiple of
    ``4 * scale``); figures on the centre crop.

``interpolated``  the whole slice as a scanner stores it that measured a share of its lines; results are brought back to
    the grid of the truth, and the figures are those of ``C``. Error bars speak of an image of ``scale`` times the
    resolution that was measured, so that they are held against one: the slice is what ``C`` reduces, stored with more
    pixels than were measured.

Volumes of one's own go the way of ``C``, and the figures are taken within the body, so that black background does not
inflate them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from ..core.signal.degradation import DEGRADATIONS, INTERPOLATION_SHARES, INTERPOLATIONS, stored_beyond
from ..core.signal.kspace import resized
from ..core.signal.measured import Measured
from ..core.signal.spectrum import sample_of, signal_lines
from .test_sets import TestSet, by_patient

FloatArray = NDArray[np.float64]

BODY_THRESHOLD = 0.05  # of the 99.9th percentile


def normalised(image: ArrayLike) -> FloatArray:
    """``image`` divided by its own 99.9th percentile and clipped to [0, 1]."""
    values = np.asarray(image, dtype=np.float64)
    return np.clip(values / np.percentile(values, 99.9), 0, 1)


def centre_crop(image: NDArray, size: int) -> NDArray:
    """The central ``size`` x ``size`` pixels of ``(..., rows, columns)``."""
    row, column = (image.shape[-2] - size) // 2, (image.shape[-1] - size) // 2
    return image[..., row : row + size, column : column + size]


def body_mask(image: FloatArray) -> NDArray[np.bool_]:
    """Where a slice scaled to [0, 1] shows the body: its largest connected bright part, holes filled."""
    bright = sitk.GetImageFromArray((image > BODY_THRESHOLD).astype(np.uint8))
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(bright, (2, 2)))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(closed))
    return sitk.GetArrayFromImage(parts) == 1


@dataclass(frozen=True)
class Region:
    """Rows and columns to score, and the mask within them, if any."""

    rows: slice
    columns: slice
    mask: NDArray[np.bool_] | None

    def of(self, image: FloatArray) -> FloatArray:
        """The pixels to score, one after the other."""
        part = image[self.rows, self.columns]
        return part.ravel() if self.mask is None else part[self.mask]


@dataclass(frozen=True)
class Case:
    """One slice: its truth, its low-resolution copy, what of that was measured if it is like an acquired one, and where
    it is scored.
    """

    patient: str
    low: FloatArray
    measured: Measured | None
    truth: FloatArray
    region: Region


def cases_of(test_set: TestSet, scale: int, degradation: str) -> list[Case]:
    """The slices of a set, cropped, scaled and reduced as the protocol of the degradation says.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    cropped_first = degradation == "bicubic" and test_set.crop is not None
    border = scale if cropped_first else 0
    truths = []
    for patient, image in test_set.images:
        whole = centre_crop(image, test_set.crop) if cropped_first and test_set.crop else image
        truths.append((patient, multiple_of(normalised(whole), scale)))
    lows = [(patient, degraded(truth, scale, degradation)) for patient, truth in truths]
    stacks = {} if degradation == "bicubic" else by_patient(lows)  # what was measured is found as in a stack
    found = {patient: Measured.of([stack]) for patient, stack in stacks.items()}
    return [
        Case(patient, low, found.get(patient), truth, region_of(truth, test_set.crop, border))
        for (patient, truth), (_, low) in zip(truths, lows, strict=True)
    ]


def degraded(truth: FloatArray, scale: int, degradation: str) -> FloatArray:
    """The low-resolution copy of a truth; an interpolated one has the size of the truth."""
    interpolate = INTERPOLATIONS.get(degradation)
    return interpolate(truth) if interpolate else DEGRADATIONS[degradation](truth, scale)


def beyond_cases_of(test_set: TestSet, scale: int, degradation: str) -> list[Case]:
    """The cases for error bars: :func:`cases_of`, but an interpolated slice has a truth of ``scale`` times the
    resolution that was measured, on the grid that a run gives.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    if degradation not in INTERPOLATION_SHARES:
        return cases_of(test_set, scale, degradation)
    made = []
    for patient, image in test_set.images:
        truth = multiple_of(normalised(image), scale)
        made.append((patient, truth, *stored_beyond(truth, scale, INTERPOLATION_SHARES[degradation])))
    stacks = by_patient((patient, low) for patient, _, low, _ in made)
    found = {patient: Measured.of([stack]) for patient, stack in stacks.items()}
    return [
        Case(patient, low, found[patient], finer, _on(region_of(truth, test_set.crop, 0), truth.shape, finer.shape))
        for patient, truth, low, finer in made
    ]


def in_own_band(test_set: TestSet) -> TestSet:
    """The truth on a grid of what was measured of it, as far as its spectrum tells, patient by patient.

    Images that were zero-filled before they became a truth are too easy (E. Shimron et al., "Implicit data crimes",
    PNAS 119 (2022) e2117203119).
    """
    samples = {patient: sample_of([stack]) for patient, stack in by_patient(test_set.images).items()}
    lines = {patient: (signal_lines(sample, 1), signal_lines(sample, 2)) for patient, sample in samples.items()}
    images = [(patient, resized(image, *lines[patient])) for patient, image in test_set.images]
    shares = [
        np.divide(image.shape, whole.shape) for (_, image), (_, whole) in zip(images, test_set.images, strict=True)
    ]
    crop = None if test_set.crop is None else int(np.min(shares) * test_set.crop) // 2 * 2
    return TestSet(f"{test_set.name} in its own band", tuple(images), crop)


def region_of(truth: FloatArray, crop: int | None, border: int) -> Region:
    """Where a truth is scored: the centre crop without its border, or the body."""
    if crop is None:
        mask = body_mask(truth)
        extents = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        rows, columns = (slice(int(extent[0]), int(extent[-1]) + 1) for extent in extents)
        return Region(rows, columns, mask[rows, columns])
    first = [(size - crop) // 2 + border for size in truth.shape]
    rows, columns = (slice(start, start + crop - 2 * border) for start in first)
    return Region(rows, columns, None)


def _on(region: Region, size: tuple[int, ...], finer: tuple[int, ...]) -> Region:
    """A region of a grid on another one over the same field of view; a mask is left to its rows and columns."""
    spans = zip((region.rows, region.columns), size, finer, strict=True)
    rows, columns = (slice(round(span.start * new / old), round(span.stop * new / old)) for span, old, new in spans)
    return Region(rows, columns, None)


def multiple_of(truth: FloatArray, scale: int) -> FloatArray:
    """A truth without the last rows and columns that no multiple of ``4 * scale`` holds.

    Raises:
        ValueError: nothing would be left.
    """
    rows, columns = (size // (4 * scale) * 4 * scale for size in truth.shape)
    if not rows or not columns:
        raise ValueError(
            f"a slice of {truth.shape[0]} x {truth.shape[1]} pixels is too small to be reduced {scale} times"
        )
    return truth[:rows, :columns]
