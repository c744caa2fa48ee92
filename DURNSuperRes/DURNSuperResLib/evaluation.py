"""Scoring upscaling methods on slices whose truth is known: degrade, enlarge, compare, per patient and overall.

The protocols crop, scale and degrade as the project's tables do:

``A`` and ``B``  a centre crop divided by its own 99.9th percentile and clipped to [0, 1] is the truth; antialiased
    bicubic reduction; PSNR (peak 1) and SSIM after clipping to [0, 1], a border of ``scale`` pixels removed.
``C``  k-space truncation of the whole slice (cropped to a multiple of ``4 * scale``); figures on the centre crop.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from .core.engine import upscale_slices
from .core.quality import psnr, ssim
from .core.resample import bicubic_downscale, bicubic_upscale, kspace_truncate, zero_fill

FloatArray = NDArray[np.float64]
Enlarge = Callable[[FloatArray, int], FloatArray]

MIRRORED_BORDER = 8
CINE_SERIES = ("Se1", "Se2", "Se3", "Se4", "Se5", "Se11", "Se6")
CINE_INSTANCES = (1, 9, 17, 25)


@dataclass(frozen=True)
class TestSet:
    """Slices with known truth: ``(patient, image)`` pairs, and the edge of the centre crop that is scored."""

    __test__ = False  # not a pytest class

    name: str
    images: tuple[tuple[str, FloatArray], ...]
    crop: int


@dataclass(frozen=True)
class Score:
    """One method's figures: PSNR in dB and SSIM of each slice, with the patient it belongs to."""

    method: str
    patients: tuple[str, ...]
    psnr: FloatArray
    ssim: FloatArray

    def by_patient(self) -> dict[str, tuple[float, float]]:
        """Mean PSNR and SSIM of each patient."""
        names = np.array(self.patients)
        return {
            name: (float(self.psnr[names == name].mean()), float(self.ssim[names == name].mean()))
            for name in dict.fromkeys(self.patients)
        }


def normalised(image: ArrayLike) -> FloatArray:
    """``image`` divided by its own 99.9th percentile and clipped to [0, 1]."""
    values = np.asarray(image, dtype=np.float64)
    return np.clip(values / np.percentile(values, 99.9), 0, 1)


def centre_crop(image: NDArray, size: int) -> NDArray:
    """The central ``size`` x ``size`` pixels of ``(..., rows, columns)``."""
    row, column = (image.shape[-2] - size) // 2, (image.shape[-1] - size) // 2
    return image[..., row : row + size, column : column + size]


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


def _read(path: Path) -> FloatArray:
    return np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).astype(np.float64)


def _instance_number(path: Path) -> int:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return int(reader.GetMetaData("0020|0013"))


def _durn(image: FloatArray, scale: int) -> FloatArray:
    return upscale_slices(image[None], scale)[0].astype(np.float64)


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


def score(test_set: TestSet, scale: int, degradation: str, methods: Iterable[str] = METHODS) -> list[Score]:
    """Score methods on a test set.

    Args:
        test_set: the slices.
        scale: in-plane magnification.
        degradation: ``bicubic`` (protocols A and B) or ``kspace`` (protocol C).
        methods: names out of :data:`METHODS`.
    """
    prepare = {"bicubic": _crop_then_reduce, "kspace": _truncate_whole}[degradation]
    cases = [(patient, *prepare(image, scale, test_set.crop)) for patient, image in test_set.images]
    border = scale if degradation == "bicubic" else 0
    results = []
    for name in methods:
        figures = [_figures(METHODS[name](low, scale), truth, test_set.crop, border) for _, low, truth in cases]
        values = np.array(figures)
        results.append(Score(name, tuple(patient for patient, *_ in cases), values[:, 0], values[:, 1]))
    return results


def _crop_then_reduce(image: FloatArray, scale: int, crop: int) -> tuple[FloatArray, FloatArray]:
    truth = normalised(centre_crop(image, crop))
    return bicubic_downscale(truth, scale), truth


def _truncate_whole(image: FloatArray, scale: int, _crop: int) -> tuple[FloatArray, FloatArray]:
    rows, columns = (size // (4 * scale) * 4 * scale for size in image.shape)
    truth = normalised(image)[:rows, :columns]
    return kspace_truncate(truth, scale), truth


def _figures(image: FloatArray, truth: FloatArray, crop: int, border: int) -> tuple[float, float]:
    inside = slice(border, -border or None)
    a, b = (centre_crop(np.clip(x, 0, 1), crop)[inside, inside] for x in (image, truth))
    return float(psnr(a, b)), float(ssim(a, b))
