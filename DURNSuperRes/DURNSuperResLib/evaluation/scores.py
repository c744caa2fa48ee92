"""Scoring upscaling methods on slices whose truth is known: degrade, enlarge, compare, per patient and overall.

The protocols crop, scale and degrade as the project's tables do:

``A`` and ``B``  a centre crop divided by its own 99.9th percentile and clipped to [0, 1] is the truth; antialiased
    bicubic reduction; figures after clipping to [0, 1], a border of ``scale`` pixels removed.
``C``  any other degradation, k-space truncation first of all, of the whole slice (cropped to a multiple of
    ``4 * scale``); figures on the centre crop.

Volumes of one's own go the way of ``C``, and the figures are taken within the body, so that black background does not
inflate them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from ..core.engine import enlarge, upscale_slices
from ..core.geometry import slice_axis, slices_first
from ..core.signal.degradation import DEGRADATIONS
from ..core.signal.kspace import zero_fill
from ..core.signal.quality import (
    edge_sharpness,
    gradient_magnitude,
    psnr,
    rank_correlation,
    sparsification_area,
    ssim,
)
from ..core.signal.resampling import bicubic_upscale
from ..core.upscaling import Upscaling

FloatArray = NDArray[np.float64]
Enlarge = Callable[[FloatArray, int], FloatArray]

MIRRORED_BORDER = 8
CINE_SERIES = ("Se1", "Se2", "Se3", "Se4", "Se5", "Se11", "Se6")
CINE_INSTANCES = (1, 9, 17, 25)
BODY_THRESHOLD = 0.05  # of the 99.9th percentile


@dataclass(frozen=True)
class TestSet:
    """Slices with known truth: ``(patient, image)`` pairs, and where they are scored.

    ``crop`` is the edge of the centre crop in pixels; None scores within the body.
    """

    __test__ = False  # not a pytest class

    name: str
    images: tuple[tuple[str, FloatArray], ...]
    crop: int | None


@dataclass(frozen=True)
class Score:
    """One method's figures of each slice, PSNR in dB, with the patient it belongs to."""

    method: str
    patients: tuple[str, ...]
    psnr: FloatArray
    ssim: FloatArray
    sharpness: FloatArray

    @property
    def means(self) -> tuple[float, float, float]:
        """Mean PSNR, SSIM and edge sharpness."""
        return float(self.psnr.mean()), float(self.ssim.mean()), float(self.sharpness.mean())

    def by_patient(self) -> dict[str, Score]:
        """The figures of each patient alone."""
        names = np.array(self.patients)
        return {
            name: Score(self.method, (name,) * int(own.sum()), self.psnr[own], self.ssim[own], self.sharpness[own])
            for name in dict.fromkeys(self.patients)
            if (own := names == name).any()
        }


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


def sunnybrook_validation(data: Path) -> TestSet:
    """The cine slices of the Sunnybrook validation patients; ``data`` is the folder that holds ``cmr``."""
    with (data / "cmr" / "sunnybrook" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val" and row["kind"] == "cine"]
    return TestSet("sunnybrook", tuple((row["patient"], _read(data / row["path"])) for row in rows), 144)


def other_vendor_cine(data: Path) -> TestSet:
    """Four phases of each of the seven series of the Siemens 3 T cine; ``data`` is the folder that holds ``cmr``."""
    images = []
    for series in CINE_SERIES:
        by_instance = {_instance_number(path): path for path in (data / "cmr" / "cine_dicom" / series).glob("*.dcm")}
        images += [(series, _read(by_instance[number])) for number in CINE_INSTANCES]
    return TestSet("cine_dicom", tuple(images), 192)


def own_volumes(files: Iterable[Path], axis: str = "auto") -> TestSet:
    """Every slice of some volumes of one's own, each a patient; taken as the truth and scored within the body.

    Args:
        files: what SimpleITK reads: NRRD, NIfTI, MetaImage, one DICOM file.
        axis: across the slices: ``auto``, ``i``, ``j`` or ``k``.

    Raises:
        ValueError: a file that cannot be read, or is no grey-level volume.
    """
    images = []
    for path in files:
        slices = _slices(path, axis)
        bright = slices.max(axis=(1, 2)) > 0
        images += [(path.name, image) for image in slices[bright]]
    if not images:
        raise ValueError("no slice to evaluate")
    return TestSet("own volumes", tuple(images), None)


def _slices(path: Path, axis: str) -> FloatArray:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be read as a volume") from error
    if image.GetDimension() not in (2, 3) or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"{path} is not a grey-level image of two or three dimensions")
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    if voxels.ndim == 2:
        return voxels[None]
    direction = np.eye(4)
    direction[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return slices_first(voxels, slice_axis(direction, axis))


def _read(path: Path) -> FloatArray:
    return np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).astype(np.float64)


def _instance_number(path: Path) -> int:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return int(reader.GetMetaData("0020|0013"))


def _durn(image: FloatArray, scale: int) -> FloatArray:
    return upscale_slices(image[None], scale)[0].astype(np.float64)


def _durn_consistent(image: FloatArray, scale: int) -> FloatArray:
    return upscale_slices(image[None], scale, data_consistency=True)[0].astype(np.float64)


def _durn_x8(image: FloatArray, scale: int) -> FloatArray:
    return enlarge(image[None], Upscaling(scale=scale, best_quality=True)).image[0].astype(np.float64)


def _resampled(interpolator: int) -> Enlarge:
    def enlarge(image: FloatArray, scale: int) -> FloatArray:
        padded = np.pad(image, MIRRORED_BORDER, mode="symmetric")
        source = sitk.GetImageFromArray(padded)
        rows, columns = (size * scale for size in image.shape)
        first = MIRRORED_BORDER + (1 / scale - 1) / 2
        step = (1 / scale, 1 / scale)
        grid = ((columns, rows), sitk.Transform(), interpolator, (first, first), step, (1.0, 0.0, 0.0, 1.0), 0.0)
        return sitk.GetArrayFromImage(sitk.Resample(source, *grid, sitk.sitkFloat64))

    return enlarge


METHODS: dict[str, Enlarge] = {
    "bicubic": bicubic_upscale,
    "linear": _resampled(sitk.sitkLinear),
    "B-spline": _resampled(sitk.sitkBSpline),
    "Lanczos": _resampled(sitk.sitkLanczosWindowedSinc),
    "zero-filled": zero_fill,
    "durn": _durn,
}
DURN_VARIANTS: dict[str, Enlarge] = {"durn + data consistency": _durn_consistent, "durn x8": _durn_x8}


def score(test_set: TestSet, scale: int, degradation: str, methods: Iterable[str] = METHODS) -> list[Score]:
    """Score methods on a test set.

    Args:
        test_set: the slices.
        scale: in-plane magnification.
        degradation: name out of :data:`~.core.degradation.DEGRADATIONS`; ``bicubic`` is protocol A and B where the
            set has a centre crop, all others are protocol C.
        methods: names out of :data:`METHODS` and :data:`DURN_VARIANTS`.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    cases = _cases(test_set, scale, degradation)
    known = METHODS | DURN_VARIANTS
    results = []
    for name in methods:
        values = np.array([_figures(known[name](c.low, scale), c.truth, c.region) for c in cases])
        results.append(Score(name, tuple(case.patient for case in cases), *values.T))
    return results


@dataclass(frozen=True)
class Ranking:
    """How well an order of the pixels tells where the true absolute error is large, of each slice.

    ``correlation`` is Spearman's with the error, ``area`` that under the sparsification curve, where 1 is random.
    """

    name: str
    correlation: FloatArray
    area: FloatArray


def rank_uncertainty(test_set: TestSet, scale: int, degradation: str) -> list[Ranking]:
    """The uncertainty map, the local gradient magnitude and the true error itself as orders of DURN's errors.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for case in _cases(test_set, scale, degradation):
        result = enlarge(case.low[None], Upscaling(scale=scale, uncertainty=True))
        assert result.spread is not None
        image = np.clip(result.image[0], 0, 1)
        error = case.region.of(np.abs(image - case.truth))
        orders = {"uncertainty": result.spread[0], "gradient magnitude": gradient_magnitude(image)}
        for name, order in orders.items():
            inside = case.region.of(order)
            figures = rank_correlation(error, inside), sparsification_area(error, inside)
            found.setdefault(name, []).append(figures)
        found.setdefault("true error", []).append((1.0, sparsification_area(error, error)))
    return [Ranking(name, *np.array(figures).T) for name, figures in found.items()]


@dataclass(frozen=True)
class _Region:
    """Rows and columns to score, and the mask within them, if any."""

    rows: slice
    columns: slice
    mask: NDArray[np.bool_] | None

    def of(self, image: FloatArray) -> FloatArray:
        """The pixels to score, one after the other."""
        part = image[self.rows, self.columns]
        return part.ravel() if self.mask is None else part[self.mask]


@dataclass(frozen=True)
class _Case:
    """One slice: its truth, its low-resolution copy, and where it is scored."""

    patient: str
    low: FloatArray
    truth: FloatArray
    region: _Region


def _cases(test_set: TestSet, scale: int, degradation: str) -> list[_Case]:
    cropped_first = degradation == "bicubic" and test_set.crop is not None
    border = scale if cropped_first else 0
    cases = []
    for patient, image in test_set.images:
        whole = centre_crop(image, test_set.crop) if cropped_first and test_set.crop else image
        truth = _multiple(normalised(whole), scale)
        low, region = DEGRADATIONS[degradation](truth, scale), _region(truth, test_set.crop, border)
        cases.append(_Case(patient, low, truth, region))
    return cases


def _region(truth: FloatArray, crop: int | None, border: int) -> _Region:
    if crop is None:
        mask = body_mask(truth)
        extents = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        rows, columns = (slice(int(extent[0]), int(extent[-1]) + 1) for extent in extents)
        return _Region(rows, columns, mask[rows, columns])
    first = [(size - crop) // 2 + border for size in truth.shape]
    rows, columns = (slice(start, start + crop - 2 * border) for start in first)
    return _Region(rows, columns, None)


def _multiple(truth: FloatArray, scale: int) -> FloatArray:
    rows, columns = (size // (4 * scale) * 4 * scale for size in truth.shape)
    if not rows or not columns:
        raise ValueError(
            f"a slice of {truth.shape[0]} x {truth.shape[1]} pixels is too small to be reduced {scale} times"
        )
    return truth[:rows, :columns]


def _figures(image: FloatArray, truth: FloatArray, region: _Region) -> tuple[float, float, float]:
    a, b = (np.clip(x, 0, 1)[region.rows, region.columns] for x in (image, truth))
    return (
        float(psnr(a, b, mask=region.mask)),
        float(ssim(a, b, mask=region.mask)),
        float(edge_sharpness(a, b, region.mask)),
    )
