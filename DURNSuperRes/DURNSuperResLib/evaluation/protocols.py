"""From a test set to cases: crop, scale and degrade as the project's tables do.

``A`` and ``B``  a centre crop divided by its own 99.9th percentile and clipped to [0, 1] is the truth; antialiased
    bicubic reduction; figures after clipping to [0, 1], a border of ``scale`` pixels removed.
``C``  any other degradation, k-space truncation first of all, of the whole slice (cropped to a multiple of
    ``4 * scale``); figures on the centre crop.

Volumes of one's own go the way of ``C``, and the figures are taken within the body, so that black background does not
inflate them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from ..core.signal.degradation import DEGRADATIONS
from .test_sets import TestSet

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
    """One slice: its truth, its low-resolution copy, and where it is scored."""

    patient: str
    low: FloatArray
    truth: FloatArray
    region: Region


def cases_of(test_set: TestSet, scale: int, degradation: str) -> list[Case]:
    """The slices of a set, cropped, scaled and reduced as the protocol of the degradation says.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    cropped_first = degradation == "bicubic" and test_set.crop is not None
    border = scale if cropped_first else 0
    cases = []
    for patient, image in test_set.images:
        whole = centre_crop(image, test_set.crop) if cropped_first and test_set.crop else image
        truth = _multiple(normalised(whole), scale)
        low, region = DEGRADATIONS[degradation](truth, scale), _region(truth, test_set.crop, border)
        cases.append(Case(patient, low, truth, region))
    return cases


def _region(truth: FloatArray, crop: int | None, border: int) -> Region:
    if crop is None:
        mask = body_mask(truth)
        extents = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        rows, columns = (slice(int(extent[0]), int(extent[-1]) + 1) for extent in extents)
        return Region(rows, columns, mask[rows, columns])
    first = [(size - crop) // 2 + border for size in truth.shape]
    rows, columns = (slice(start, start + crop - 2 * border) for start in first)
    return Region(rows, columns, None)


def _multiple(truth: FloatArray, scale: int) -> FloatArray:
    rows, columns = (size // (4 * scale) * 4 * scale for size in truth.shape)
    if not rows or not columns:
        raise ValueError(
            f"a slice of {truth.shape[0]} x {truth.shape[1]} pixels is too small to be reduced {scale} times"
        )
    return truth[:rows, :columns]
