"""The slices with known truth that methods are scored on: a set of them, and the project's own sets."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CINE_SERIES = ("Se1", "Se2", "Se3", "Se4", "Se5", "Se11", "Se6")
CINE_INSTANCES = (1, 9, 17, 25)


@dataclass(frozen=True)
class TestSet:
    """Slices with known truth: ``(patient, image)`` pairs, and where they are scored.

    ``crop`` is the edge of the centre crop in pixels; None scores within the body.
    """

    __test__ = False  # not a pytest class

    name: str
    images: tuple[tuple[str, FloatArray], ...]
    crop: int | None


def by_patient(images: Iterable[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
    """The slices of each patient in one array, of those that have the size of the first."""
    found: dict[str, list[FloatArray]] = {}
    for patient, image in images:
        own = found.setdefault(patient, [])
        own += [image] if not own or image.shape == own[0].shape else []
    return {patient: np.stack(own) for patient, own in found.items()}


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
