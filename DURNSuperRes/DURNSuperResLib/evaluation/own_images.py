"""Volumes of a user, taken as the truth: reading them, telling them apart, and which of their slices can be scored."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.geometry import slice_axis, slices_first
from ..scene import nifti
from ..scene.door import READABLE, InputError, check_complete, check_name, damage_named
from .protocols import body_mask, normalised
from .test_sets import TestSet

FloatArray = NDArray[np.float64]

SMALLEST_BODY = 11  # rows and columns: the window of SSIM

logger = logging.getLogger(__name__)


def own_volumes(files: Sequence[Path], axis: str = "auto") -> TestSet:
    """Every slice of some volumes of one's own that shows a body, each volume a patient; scored within the body.

    Args:
        files: what SimpleITK reads: NRRD, NIfTI, MetaImage, one DICOM file.
        axis: across the slices: ``auto``, ``i``, ``j`` or ``k``.

    Raises:
        ValueError: a file that cannot be read, is no grey-level volume, or is given twice; no slice to score.
    """
    images = []
    for path, name in zip(files, names_of(files), strict=True):
        slices = _slices(path, axis)
        shown = [image for image in slices if shows_body(image)]
        if len(shown) < len(slices):
            logger.warning(
                "%s: %d of %d slices show no body and are left out", name, len(slices) - len(shown), len(slices)
            )
        images += [(name, image) for image in shown]
    if not images:
        raise ValueError("no slice to evaluate")
    return TestSet("own volumes", tuple(images), None)


def names_of(files: Sequence[Path]) -> list[str]:
    """What to call files in tables: their names, with as many folders before them as tell them apart.

    >>> names_of([Path("a/heart.nrrd"), Path("b/heart.nrrd"), Path("b/lung.nrrd")])
    ['a/heart.nrrd', 'b/heart.nrrd', 'lung.nrrd']

    Raises:
        ValueError: a file given twice.
    """
    whole = [Path(os.path.abspath(path)).parts for path in files]
    for path, parts in zip(files, whole, strict=True):
        if whole.count(parts) > 1:
            raise ValueError(f"{path} is given twice")
    return [
        next(
            "/".join(parts[-n:])
            for n in range(1, len(parts) + 1)
            if sum(other[-n:] == parts[-n:] for other in whole) == 1
        )
        for parts in whole
    ]


def shows_body(image: FloatArray) -> bool:
    """Whether a slice ``(rows, columns)`` can be scored: neither black nor of one value, a body of 11 x 11 pixels."""
    brightest = np.percentile(image, 99.9)
    if brightest <= 0 or image.min() >= brightest:
        return False
    places = np.argwhere(body_mask(normalised(image)))
    return bool(np.ptp(places, axis=0).min() + 1 >= SMALLEST_BODY)


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
    image = whole_image(path)
    if image.GetDimension() not in (2, 3) or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"{path} is not a grey-level image of two or three dimensions")
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all() or not _is_finite(path):
        raise ValueError(f"{path} holds NaN or infinite voxels")
    return image


def whole_image(path: Path) -> sitk.Image:
    """What SimpleITK reads from a file, which must be whole.

    Raises:
        ValueError: a file that cannot be read or is damaged.
    """
    check_name(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give volumes in files, such as upscale or Slicer writes of DICOM")
    if not path.exists():
        raise ValueError(f"{path} cannot be read: it does not exist")
    try:
        if path.name.lower().endswith(READABLE):
            check_complete(path)
        return sitk.ReadImage(str(path))
    except InputError as error:
        raise ValueError(f"{path} cannot be read: it {str(error).removeprefix(f'{path} ')}") from error
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be read as a volume") from error


def _is_finite(path: Path) -> bool:
    """Whether all voxels of a NIfTI file are finite, which ITK does not tell; True for others."""
    if not path.name.lower().endswith(nifti.ENDINGS):
        return True
    with damage_named(path):
        return all(bool(np.isfinite(voxels).all()) for voxels in nifti.volumes(path, nifti.read_header(path)))
