"""DICOM folders in plain Python: is this one plain stack of slices, and in which order do its files lie?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError

POSITION_TOLERANCE_MM = 0.01
ORIENTATION_TOLERANCE = 1e-4
GAP_TOLERANCE = 0.01


class DicomError(ValueError):
    """A folder that is not one plain stack; the message says why."""


@dataclass(frozen=True)
class SliceHeader:
    """What decides whether slices belong together; lengths in mm, directions and position in DICOM's LPS.

    ``matrix`` is (rows, columns), ``spacing`` the distance between rows and between columns, ``orientation`` the
    direction cosines along a row and along a column.
    """

    path: Path
    series: str
    matrix: tuple[int, int]
    spacing: tuple[float, float]
    orientation: NDArray[np.float64]
    position: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slice."""
        return np.cross(self.orientation[:3], self.orientation[3:])

    @property
    def depth(self) -> float:
        """Position along the slice normal in mm."""
        return float(self.position @ self.normal)


def plain_stack(folder: Path) -> list[Path]:
    """The files of a folder that holds one series of one plain stack, sorted along the slice normal.

    Raises:
        DicomError: no DICOM image, several series, several images at one position (phases of a cine), other than
            parallel slices of one matrix, uneven gaps, or several frames in one file.
    """
    headers = [header for path in sorted(folder.iterdir()) if path.is_file() and (header := _header(path))]
    if not headers:
        raise DicomError(f"{folder} holds no DICOM image with a position, an orientation and a spacing")
    series = {header.series for header in headers}
    if len(series) > 1:
        raise DicomError(f"{folder} holds {len(series)} DICOM series; give a folder with one")
    first = headers[0]
    if any((header.matrix, header.spacing) != (first.matrix, first.spacing) for header in headers):
        raise DicomError(f"{folder}: the images differ in their rows and columns or in their pixel spacing")
    if any(np.abs(header.orientation - first.orientation).max() > ORIENTATION_TOLERANCE for header in headers):
        raise DicomError(f"{folder}: the images are not parallel, so they are not one stack")
    headers.sort(key=lambda header: header.depth)
    _check_positions(folder, headers)
    return [header.path for header in headers]


def _header(path: Path) -> SliceHeader | None:
    try:
        data = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, EOFError, ValueError):
        return None
    if int(data.get("NumberOfFrames", 1) or 1) > 1:
        raise DicomError(f"{path} holds several frames in one file (enhanced DICOM), which is not supported yet")
    if int(data.get("SamplesPerPixel", 1)) != 1:
        raise DicomError(f"{path} is a colour image; a grey-level volume is needed")
    if not all(data.get(tag) for tag in ("Rows", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient")):
        return None
    return SliceHeader(
        path,
        str(data.get("SeriesInstanceUID", "")),
        (int(data.Rows), int(data.Columns)),
        (float(data.PixelSpacing[0]), float(data.PixelSpacing[1])),
        np.array(data.ImageOrientationPatient, dtype=np.float64),
        np.array(data.ImagePositionPatient, dtype=np.float64),
    )


def _check_positions(folder: Path, headers: list[SliceHeader]) -> None:
    depths = np.array([header.depth for header in headers])
    gaps = np.diff(depths)
    if np.any(gaps < POSITION_TOLERANCE_MM):
        distinct = 1 + int(np.count_nonzero(gaps >= POSITION_TOLERANCE_MM))
        raise DicomError(
            f"{folder} is not one plain stack: {len(headers)} images at only {distinct} slice positions (phases of a "
            "cine, or duplicates); give a folder with one phase"
        )
    if len(gaps) > 1 and np.ptp(gaps) > GAP_TOLERANCE * gaps.mean():
        raise DicomError(
            f"{folder}: the slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart; one even gap is needed"
        )
    drift = np.array([header.position for header in headers]) - np.outer(depths, headers[0].normal)
    if np.linalg.norm(drift - drift[0], axis=1).max() > len(headers) * POSITION_TOLERANCE_MM:
        raise DicomError(f"{folder}: the slices are shifted sideways against one another; a straight stack is needed")
