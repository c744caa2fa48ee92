"""What shipped models draw into images as scanners store them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.options import SCALES
from DURNSuperResLib.core.signal.intensity import IntensityMap
from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.signal.resampling import bicubic_upscale

ACQUIRED = {"1.5 T stack": "sunnybrook_dicom/SC-N-02-static", "3 T cine": "cine_dicom/Se1"}


def _slices(folder: Path) -> NDArray[np.float32]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())[::3][:4]
    stack = np.stack([pydicom.dcmread(path, force=True).pixel_array for path in files])
    return IntensityMap.of(stack).normalise(stack)


def _overshoot(fine: NDArray, coarse: NDArray, scale: int) -> float:
    """Mean distance of fine pixels from the range of the 3 x 3 coarse pixels around them."""
    rows, columns = coarse.shape[1:]
    padded = np.pad(coarse, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    low, high = (np.kron(edge(around, axis=0), np.ones((1, scale, scale))) for edge in (np.min, np.max))
    return float((np.maximum(fine - high, 0) + np.maximum(low - fine, 0)).mean())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ACQUIRED)
def test_no_ripples_are_drawn_into_acquired_images(data: Path, name: str, scale: int) -> None:
    """A model that expects blur which is not there overshoots at edges; sharp sinc interpolation is the measure."""
    coarse = _slices(data / "cmr" / ACQUIRED[name])
    enlarged = upscale_slices(coarse, scale, intensity=IntensityMap(0.0, 1.0))
    assert _overshoot(enlarged, coarse, scale) < 1.5 * _overshoot(zero_fill(coarse, scale), coarse, scale)


@pytest.mark.parametrize(("scale", "decibels"), [(2, 6.0), (3, 3.5), (4, 2.0)])
def test_magnitudes_beside_bright_rims_are_understood(scale: int, decibels: float) -> None:
    """Scanners store magnitudes: beside a bright rim the undershoot of truncated k-space has its sign turned."""
    truth = short_axis_phantom(scale, slices=2, size=240).truth / 1000
    acquired = np.abs(kspace_truncate(truth, scale)).astype(np.float32)
    enlarged = upscale_slices(acquired, scale, intensity=IntensityMap(0.0, 1.0))
    bicubic = np.stack([bicubic_upscale(image, scale) for image in acquired])
    gain = psnr(enlarged.clip(0, 1), truth.clip(0, 1)) - psnr(bicubic.clip(0, 1), truth.clip(0, 1))
    assert gain.min() > decibels
