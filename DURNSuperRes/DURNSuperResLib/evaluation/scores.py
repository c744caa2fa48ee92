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
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from ..core.engine import enlarge
from ..core.geometry import slice_axis, slices_first
from ..core.options import DEFAULT_MODEL
from ..core.signal.degradation import DEGRADATIONS, INTERPOLATIONS
from ..core.signal.kspace import resized
from ..core.signal.measured import Measured
from ..core.signal.quality import (
    edge_sharpness,
    gradient_magnitude,
    psnr,
    rank_correlation,
    sparsification_area,
    ssim,
)
from ..core.signal.spectrum import sample_of, signal_lines
from ..core.upscaling import Upscaling
from ..scene import nifti
from .methods import CLASSICAL, METHODS, NETWORKS, STORED

FloatArray = NDArray[np.float64]

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
    if not np.isfinite(voxels).all() or not _is_finite(path):
        raise ValueError(f"{path} holds NaN or infinite voxels")
    if voxels.ndim == 2:
        return voxels[None]
    direction = np.eye(4)
    direction[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return slices_first(voxels, slice_axis(direction, axis, voxels.shape[::-1]))


def _is_finite(path: Path) -> bool:
    """Whether all voxels of a NIfTI file are finite, which ITK does not tell; True for others."""
    if not path.name.lower().endswith(nifti.ENDINGS):
        return True
    return all(bool(np.isfinite(voxels).all()) for voxels in nifti.volumes(path, nifti.read_header(path)))


def _read(path: Path) -> FloatArray:
    return np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).astype(np.float64)


def _instance_number(path: Path) -> int:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return int(reader.GetMetaData("0020|0013"))


def score(
    test_set: TestSet,
    scale: int,
    degradation: str,
    methods: Iterable[str] = METHODS,
    model: str = DEFAULT_MODEL,
) -> list[Score]:
    """Score methods on a test set.

    Args:
        test_set: the slices.
        scale: in-plane magnification.
        degradation: name out of :data:`~..core.signal.degradation.DEGRADATIONS`; ``bicubic`` is protocol A and B where
            the set has a centre crop, all others are protocol C. Of the names out of ``INTERPOLATIONS`` results are
            brought back to the grid of the truth.
        methods: names out of :data:`~.methods.CLASSICAL` and :data:`~.methods.NETWORKS`; ``stored`` of interpolations.
        model: which network ``durn`` and its variants are.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    cases = _cases(test_set, scale, degradation)
    results = []
    for name in methods:
        values = np.array([_figures(_result(name, case, scale, model), case.truth, case.region) for case in cases])
        results.append(Score(name, tuple(case.patient for case in cases), *values.T))
    return results


def _result(name: str, case: _Case, scale: int, model: str) -> FloatArray:
    if name == STORED:
        return case.low
    classical = CLASSICAL.get(name)
    result = classical(case.low, scale) if classical else NETWORKS[name](case.low, scale, case.measured, model)
    return result if case.low.shape != case.truth.shape else resized(result, *case.truth.shape)


def in_own_band(test_set: TestSet) -> TestSet:
    """The truth on a grid of what was measured of it, as far as its spectrum tells, patient by patient.

    Images that were zero-filled before they became a truth are too easy (E. Shimron et al., "Implicit data crimes",
    PNAS 119 (2022) e2117203119).
    """
    lines = {
        patient: (signal_lines(sample_of([stack]), 1), signal_lines(sample_of([stack]), 2))
        for patient, stack in _by_patient(test_set.images).items()
    }
    images = [(patient, resized(image, *lines[patient])) for patient, image in test_set.images]
    shares = [
        np.divide(image.shape, whole.shape) for (_, image), (_, whole) in zip(images, test_set.images, strict=True)
    ]
    crop = None if test_set.crop is None else int(np.min(shares) * test_set.crop) // 2 * 2
    return TestSet(f"{test_set.name} in its own band", tuple(images), crop)


def _by_patient(images: Iterable[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
    """The slices of each patient in one array, of the size of the first."""
    found: dict[str, list[FloatArray]] = {}
    for patient, image in images:
        own = found.setdefault(patient, [])
        own += [image] if not own or image.shape == own[0].shape else []
    return {patient: np.stack(own) for patient, own in found.items()}


@dataclass(frozen=True)
class Ranking:
    """How well an order of the pixels tells where the true absolute error is large, of each slice.

    ``correlation`` is Spearman's with the error, ``area`` that under the sparsification curve, where 1 is random.
    """

    name: str
    correlation: FloatArray
    area: FloatArray


def rank_uncertainty(test_set: TestSet, scale: int, degradation: str, model: str = DEFAULT_MODEL) -> list[Ranking]:
    """The uncertainty map, the local gradient magnitude and the true error itself as orders of DURN's errors.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for case in _cases(test_set, scale, degradation):
        how = Upscaling(scale=scale, uncertainty=True, model=model, keep_measured=case.measured is not None)
        result = enlarge(case.low[None], how, measured=case.measured or Measured.whole(*case.low.shape))
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
    """One slice: its truth, its low-resolution copy, what of that was measured if it is like an acquired one, and where
    it is scored.
    """

    patient: str
    low: FloatArray
    measured: Measured | None
    truth: FloatArray
    region: _Region


def _cases(test_set: TestSet, scale: int, degradation: str) -> list[_Case]:
    cropped_first = degradation == "bicubic" and test_set.crop is not None
    border = scale if cropped_first else 0
    truths = []
    for patient, image in test_set.images:
        whole = centre_crop(image, test_set.crop) if cropped_first and test_set.crop else image
        truths.append((patient, _multiple(normalised(whole), scale)))
    lows = [(patient, _degraded(truth, scale, degradation)) for patient, truth in truths]
    stacks = {} if degradation == "bicubic" else _by_patient(lows)  # what was measured is found as in a stack
    found = {patient: Measured.of([stack]) for patient, stack in stacks.items()}
    return [
        _Case(patient, low, found.get(patient), truth, _region(truth, test_set.crop, border))
        for (patient, truth), (_, low) in zip(truths, lows, strict=True)
    ]


def _degraded(truth: FloatArray, scale: int, degradation: str) -> FloatArray:
    interpolate = INTERPOLATIONS.get(degradation)
    return interpolate(truth) if interpolate else DEGRADATIONS[degradation](truth, scale)


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
