"""The slices with known truth that methods are scored on, the project's own and those of a user."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.geometry import slice_axis, slices_first
from ..scene import nifti

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
    image = grey_image(path)
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    return voxels[None] if voxels.ndim == 2 else slices_first(voxels, slice_axis_of(image, axis))


def slice_axis_of(image: sitk.Image, axis: str) -> int:
    """The axis across the slices of a volume: that of the choice, or by its spacing."""
    direction = np.eye(4)
    direction[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return slice_axis(direction, axis, image.GetSize())


def grey_image(path: Path) -> sitk.Image:
    """A slice or volume of grey levels from a file.

    Raises:
        ValueError: a file that cannot be read, is no grey-level image, or holds NaN or infinite voxels.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be read as a volume") from error
    if image.GetDimension() not in (2, 3) or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"{path} is not a grey-level image of two or three dimensions")
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all() or not _is_finite(path):
        raise ValueError(f"{path} holds NaN or infinite voxels")
    return image


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
