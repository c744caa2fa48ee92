"""DICOM folders in plain Python: is this one plain stack of slices, and in which order do its files lie?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from .nature import why_no_image
from .reading import DICOM_ENDINGS, is_apple_double, quiet_pydicom, read_dataset

POSITION_TOLERANCE_MM = 0.01
ORIENTATION_TOLERANCE = 1e-4
COSINE_TOLERANCE = 0.01
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
        DicomError: no DICOM image, a damaged one or one without geometry, several series, several images at one
            position (phases of a cine), other than parallel slices of one matrix, uneven gaps, or several frames in
            one file.
    """
    headers = [header for path in sorted(folder.iterdir()) if path.is_file() and (header := _read_header(path))]
    if not headers:
        below = any(path.is_dir() for path in folder.iterdir())
        raise DicomError(f"{folder} holds no DICOM image{' itself; give one of the folders in it' if below else ''}")
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


def _read_header(path: Path) -> SliceHeader | None:
    """What a file says of its slice; None for a file that is no DICOM image."""
    try:
        with quiet_pydicom():
            header = _header(path)
    except DicomError:
        raise
    except Exception as error:  # a damaged file makes the parser raise nearly anything, quoting what it holds
        raise DicomError(f"{path} cannot be read ({type(error).__name__})") from error
    if header and not _is_a_place(header):
        raise DicomError(f"{path} is damaged: its position, orientation and spacing state no place in space")
    return header


def _is_a_place(header: SliceHeader) -> bool:
    if header.position.shape != (3,) or header.orientation.shape != (6,):
        return False
    if not np.isfinite([*header.position, *header.orientation, *header.spacing]).all() or min(header.spacing) <= 0:
        return False
    cosines = header.orientation.reshape(2, 3)
    return bool(np.allclose(cosines @ cosines.T, np.eye(2), rtol=0, atol=COSINE_TOLERANCE))


def _header(path: Path) -> SliceHeader | None:
    data = _dataset(path)
    if data is None or "Rows" not in data:
        return None
    if int(data.get("NumberOfFrames", 1) or 1) > 1:
        raise DicomError(f"{path} holds several frames in one file (enhanced DICOM), which is not supported yet")
    if reason := why_no_image(data):
        raise DicomError(f"{path} is {reason}")
    for tag in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"):
        if not data.get(tag):
            raise DicomError(f"{path} is a DICOM image without {tag}: its place in the stack is not known")
    _check_pixels(path, data)
    return SliceHeader(
        path,
        str(data.get("SeriesInstanceUID", "")),
        (int(data.Rows), int(data.Columns)),
        (float(data.PixelSpacing[0]), float(data.PixelSpacing[1])),
        np.array(data.ImageOrientationPatient, dtype=np.float64),
        np.array(data.ImagePositionPatient, dtype=np.float64),
    )


def _dataset(path: Path) -> FileDataset | None:
    try:
        return read_dataset(path)
    except InvalidDicomError:
        if path.suffix.lower() in DICOM_ENDINGS and not is_apple_double(path):
            raise DicomError(f"{path} is damaged: it does not begin as a DICOM file") from None
        return None


def _check_pixels(path: Path, data: pydicom.Dataset) -> None:
    """Refuse a file that ends before its last pixel, which image readers let pass."""
    wanted = int(data.Rows) * int(data.Columns) * int(data.BitsAllocated) // 8
    found = len(data.get("PixelData") or b"")
    if not found or (found < wanted and not data.file_meta.TransferSyntaxUID.is_compressed):
        raise DicomError(f"{path} is cut short: {found} of {wanted} bytes of pixels")


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
