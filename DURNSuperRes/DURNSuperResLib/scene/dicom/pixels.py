"""The pixels of a stack: decoded, with the modality rescaling applied (PS3.3 C.11.1), in one scalar type.

Uncompressed and RLE images need pydicom alone. Others are decoded by whatever plugins pydicom finds, else by SimpleITK.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from .frames import Frame, Tags, quiet_pydicom
from .plain import DicomError
from .stacks import Stack

STORED_TYPES = tuple(np.dtype(name) for name in ("int8", "uint8", "int16", "uint16", "int32"))


class PixelReader:
    """Reads the phases of a stack one by one as ``(slices, rows, columns)``.

    ``dtype`` is that of the stored values if no image has a rescaling to apply, else float32.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._path: Path | None = None
        self._decoded: tuple[NDArray, pydicom.Dataset, bool]
        self.dtype = self._common_dtype()

    def phase(self, number: int) -> NDArray:
        """The slices of one phase.

        Raises:
            DicomError: pixels that are missing, damaged, or compressed in a way that nothing here decodes.
        """
        return np.stack([self._values(frame).astype(self.dtype) for frame in self.stack.frames[number]])

    def _common_dtype(self) -> np.dtype:
        kinds = set()
        for path in {frame.path: None for phase in self.stack.frames for frame in phase}:
            with quiet_pydicom():
                data = pydicom.dcmread(path, stop_before_pixels=True)
            for frame in (frame for phase in self.stack.frames for frame in phase if frame.path == path):
                if rescaling(Tags(data, frame.number)) != (1.0, 0.0):
                    return np.dtype(np.float32)
            signed = "int" if int(data.get("PixelRepresentation") or 0) else "uint"
            kinds.add(np.dtype(f"{signed}{int(data.BitsAllocated)}"))
        common = np.result_type(*kinds)
        return common if common in STORED_TYPES else np.dtype(np.float32)

    def _values(self, frame: Frame) -> NDArray:
        if frame.path != self._path:
            with quiet_pydicom():
                self._decoded = _decode(frame.path)
            self._path = frame.path
        pixels, data, rescaled = self._decoded
        image = pixels[frame.number] if pixels.ndim == 3 else pixels
        if image.shape != frame.matrix:
            raise DicomError(f"{frame.path}: the pixels are {image.shape}, the header says {frame.matrix}")
        slope, intercept = rescaling(Tags(data, frame.number))
        return image if rescaled or (slope, intercept) == (1.0, 0.0) else image * slope + intercept


def rescaling(tags: Tags) -> tuple[float, float]:
    """Slope and intercept of the modality rescaling; 1 and 0 if there is none."""
    slope, intercept = tags.number("RescaleSlope"), tags.number("RescaleIntercept")
    return slope or 1.0, intercept or 0.0


def _decode(path: Path) -> tuple[NDArray, pydicom.Dataset, bool]:
    """Pixels as stored, the data set, and whether the decoder has rescaled them already."""
    try:
        data = pydicom.dcmread(path)
        syntax = data.file_meta.TransferSyntaxUID
    except Exception as error:
        raise DicomError(f"{path} cannot be read: {error}") from error
    try:
        return data.pixel_array, data, False
    except Exception as error:
        if syntax.is_transfer_syntax and syntax.is_compressed and "NumberOfFrames" not in data:
            return _decode_by_itk(path, syntax.name), data, True
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DicomError(f"{path}: its pixels ({syntax.name}) cannot be decoded: {reason}") from error


def _decode_by_itk(path: Path, syntax: str) -> NDArray:
    try:
        import SimpleITK as sitk  # only for images that pydicom cannot decode by itself

        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    except (ImportError, RuntimeError, IndexError) as error:
        raise DicomError(f"{path}: its pixels ({syntax}) cannot be decoded here") from error
