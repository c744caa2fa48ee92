"""The pixels of a stack: decoded, with the modality rescaling applied (PS3.3 C.11.1), in one scalar type.

Uncompressed and RLE images need pydicom alone. Others are decoded by whatever plugins pydicom finds, else by SimpleITK,
frame by frame.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from .frames import MR_CLASSES, Frame, Stored
from .plain import DicomError
from .reading import compressed_frames, quiet_pydicom, read_dataset, write_dataset
from .stacks import Stack

STORED_TYPES = tuple(np.dtype(name) for name in ("uint8", "int16", "uint16", "int32"))
WIDER: dict[np.dtype, np.dtype] = {
    np.dtype("int8"): np.dtype("int16"),
    np.dtype("uint32"): np.dtype("float64"),
}  # types of volumes


class PixelReader:
    """Reads the phases of a stack one by one as ``(slices, rows, columns)``.

    ``dtype`` is that of the stored values if no image has a rescaling to apply, else float32.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._path: Path | None = None
        self._stored: NDArray
        self.dtype = self._common_dtype()

    def phase(self, number: int) -> NDArray:
        """The slices of one phase.

        Raises:
            DicomError: pixels that are missing, damaged, or compressed in a way that nothing here decodes.
        """
        return np.stack([self._values(frame).astype(self.dtype) for frame in self.stack.frames[number]])

    def _common_dtype(self) -> np.dtype:
        stored = [frame.stored for phase in self.stack.frames for frame in phase]
        if any(how.rescaled for how in stored):
            return np.dtype(np.float32)
        common = np.result_type(*{how.dtype for how in stored})
        return common if common in STORED_TYPES else WIDER.get(common, np.dtype(np.float32))

    def _values(self, frame: Frame) -> NDArray:
        if frame.path != self._path:
            with quiet_pydicom():
                self._stored = _decode(frame.path)
            self._path = frame.path
        image = self._stored[frame.number] if self._stored.ndim == 3 else self._stored
        if image.shape != frame.matrix:
            raise DicomError(f"{frame.path}: the pixels are {image.shape}, the header says {frame.matrix}")
        return in_units(image, frame.stored)


def in_units(image: NDArray, how: Stored) -> NDArray:
    """Stored pixels in the image's units, with high values bright, as ITK and Slicer read MONOCHROME1 images."""
    if how.inverted:
        top = -1 if how.dtype.kind == "i" else 2**how.bits - 1
        image = (top - image.astype(np.int64)).astype(how.dtype)
    return image * how.slope + how.intercept if how.rescaled else image


def _decode(path: Path) -> NDArray:
    """Pixels as stored, ``(rows, columns)`` or ``(frames, rows, columns)``."""
    try:
        data = read_dataset(path)
        syntax = data.file_meta.TransferSyntaxUID
    except Exception as error:
        raise DicomError(f"{path} cannot be read: {error}") from error
    for name, value in (
        ("SamplesPerPixel", 1),
        ("PixelRepresentation", 0),
        ("PhotometricInterpretation", "MONOCHROME2"),
    ):
        if data.get(name) is None:  # what the decoder insists on and some files leave out
            setattr(data, name, value)
    if data.get("NumberOfFrames") is None and "PerFrameFunctionalGroupsSequence" in data:
        data.NumberOfFrames = len(data.PerFrameFunctionalGroupsSequence)
    if data.get("BitsStored") is None and data.get("BitsAllocated"):
        data.BitsStored = data.BitsAllocated
    try:
        return data.pixel_array
    except Exception as error:
        if syntax.is_transfer_syntax and syntax.is_compressed and not syntax.is_deflated:
            return _decode_by_itk(path, data)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DicomError(f"{path}: its pixels ({syntax.name}) cannot be decoded: {reason}") from error


def _decode_by_itk(path: Path, data: FileDataset) -> NDArray:
    """Compressed pixels as stored: each frame is handed to ITK as an image that has nothing but pixels."""
    syntax = data.file_meta.TransferSyntaxUID
    try:
        import SimpleITK as sitk  # only for images that pydicom cannot decode by itself

        with tempfile.TemporaryDirectory(prefix="durn-") as private:
            alone = Path(private) / "frame.dcm"
            frames = []
            for content in compressed_frames(data):
                write_dataset(_pixels_alone(data, content), alone)
                frames.append(sitk.GetArrayFromImage(sitk.ReadImage(str(alone), imageIO="GDCMImageIO"))[0])
        return np.stack(frames)
    except Exception as error:  # what is damaged makes any of them raise nearly anything
        why = "it is damaged, or pydicom lacks pylibjpeg with pylibjpeg-libjpeg and pylibjpeg-openjpeg"
        raise DicomError(f"{path}: its pixels ({syntax.name}) cannot be decoded: {why}") from error


def _pixels_alone(data: Dataset, content: bytes) -> FileDataset:
    """An image of one compressed frame that says how its pixels are stored and nothing else."""
    image = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID, image.Modality = MR_CLASSES[0], generate_uid(prefix=None), "MR"
    for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"):
        setattr(image, name, data[name].value)
    image.HighBit, image.PhotometricInterpretation = data.get("HighBit", data.BitsStored - 1), "MONOCHROME2"
    image.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    image.PixelData = encapsulate([content])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    return image
