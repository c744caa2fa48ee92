"""Files: reading volumes through Slicer's storage nodes, and writing them so that nothing is ever lost.

Slicer's and ITK's readers and writers let some damage pass without a word (a truncated NIfTI file reads as zeros, a
NIfTI write to a full disk reports success), so input is checked before and output read back after.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray

from .app import current_scene
from .dicom import DicomError, plain_stack
from .door import InputError, check_complete, check_geometry, check_header, check_place, suffix
from .nodes import ijk_to_ras_of

READABLE = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
WRITABLE = (".nrrd", ".nii", ".nii.gz", ".mha")
GEOMETRY_TOLERANCE_MM = 1e-3
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class OutputError(OSError):
    """An output that cannot be written; the message says why. What was there before is untouched."""


def read_volume(path: Path) -> slicer.vtkMRMLScalarVolumeNode:
    """Read a NRRD, NIfTI or MetaImage file, or a folder of one DICOM series, into a new node of the current scene.

    Raises:
        InputError: a missing, empty, unreadable, truncated or unsupported file, a colour or vector image, an image of
            two or of more than three dimensions, a DICOM folder that is not one plain stack.
    """
    files = _checked_files(path)
    scene = current_scene()
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.name.removesuffix(suffix(path)) or "volume")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(files[0]))
    for file in files:
        storage.AddFileName(str(file))
    storage.SetSingleFile(len(files) == 1)
    if not storage.ReadData(node) or node.GetImageData() is None:
        scene.RemoveNode(node)
        raise InputError(f"{path} cannot be read as a volume")
    if path.is_dir():
        _straighten(node)
    _check_place(path, node)
    node.CreateDefaultDisplayNodes()
    return node


def _check_place(path: Path, node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take a volume out of the scene again that is not where its file says."""
    try:
        if path.is_dir():
            check_geometry(path, ijk_to_ras_of(node))
        else:
            check_place(path, ijk_to_ras_of(node), node.GetImageData().GetDimensions()[2])
    except InputError:
        node.GetScene().RemoveNode(node)
        raise


def check_output(path: Path, overwrite: bool, endings: tuple[str, ...] = WRITABLE) -> None:
    """Whether ``path`` can be written, asked before the work starts.

    Raises:
        OutputError: an unknown file type, a folder that is missing or read-only, or a file that exists already
            and ``overwrite`` is not set.
    """
    if suffix(path) not in endings:
        raise OutputError(f"the output {path} must end in one of {', '.join(endings)}")
    if not path.parent.is_dir():
        raise OutputError(f"the output folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"the output folder {path.parent} is read-only")
    if path.is_dir():
        raise OutputError(f"the output {path} is a folder")
    if path.exists() and not overwrite:
        raise OutputError(f"the output {path} exists; give --overwrite to replace it")


@contextmanager
def written_aside(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A path in a private folder beside ``path`` to write to; put there at the end, removed after an error.

    Raises:
        OutputError: a failed write, or without ``overwrite`` a file that another run has put there meanwhile.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".durn-", dir=path.parent) as folder:
            aside = Path(folder) / f"image{suffix(path)}"
            yield aside
            _put(aside, path, overwrite)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _put(aside: Path, path: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(aside, path)  # never replaces, as a rename would
            return
        except OSError:  # it exists, or the file system has no links
            check_output(path, overwrite, (suffix(path),))
    aside.replace(path)


def write_volume(node: slicer.vtkMRMLScalarVolumeNode, path: Path, *, overwrite: bool = False) -> None:
    """Write a volume as NRRD, NIfTI or MetaImage: aside first, read back and compared, then renamed into place.

    Raises:
        OutputError: as :func:`check_output`, a write that failed (a full disk among the reasons), or a file format
            that does not keep the volume's geometry.
    """
    check_output(path, overwrite)
    with written_aside(path, overwrite=overwrite) as aside:
        copy = _read_back(aside) if _written(node, aside) else None
        if copy is None or not np.array_equal(slicer.util.arrayFromVolume(node), slicer.util.arrayFromVolume(copy)):
            raise OutputError(f"{path} could not be written in full; is the disk full?")
        if not np.allclose(ijk_to_ras_of(node), ijk_to_ras_of(copy), rtol=0, atol=GEOMETRY_TOLERANCE_MM):
            raise OutputError(f"{path} cannot hold the volume's geometry (oblique axes that are not at right angles?)")


def is_worth_compressing(node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether gzip makes a NRRD file much smaller: real numbers shrink by a fifth, and take longer than all else."""
    return slicer.util.arrayFromVolume(node).dtype.kind != "f"


def _written(node: slicer.vtkMRMLScalarVolumeNode, path: Path) -> bool:
    if suffix(path) == ".nrrd":
        storage = slicer.vtkMRMLNRRDStorageNode()
        storage.SetUseCompression(is_worth_compressing(node))
        storage.SetCompressionParameter(storage.GetCompressionParameterFastest())
    else:
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    return bool(storage.WriteData(node)) and path.exists()


def _read_back(path: Path) -> slicer.vtkMRMLScalarVolumeNode | None:
    copy = slicer.vtkMRMLScalarVolumeNode()
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    try:
        check_complete(path)
    except InputError:
        return None
    return copy if storage.ReadData(copy) and copy.GetImageData() is not None else None


def _straighten(node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Turn a DICOM stack's third axis to the slice normal, keeping its spacing.

    Slicer's reader takes that axis from the position tags, whose rounding shears the volume by some 1e-4 mm a slice.
    """
    columns = ijk_to_ras_of(node)
    normal = np.cross(columns[:3, 0], columns[:3, 1])
    normal *= np.sign(normal @ columns[:3, 2]) / np.linalg.norm(normal)
    columns[:3, 2] = normal * np.linalg.norm(columns[:3, 2])
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(columns))


def _checked_files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir():
        try:
            return plain_stack(path)
        except DicomError as error:
            raise InputError(str(error)) from error
    _check_grey_volume(path)
    check_complete(path)
    return [path]


def image_information(path: Path) -> sitk.ImageFileReader:
    """A reader that knows what the header of an image file says.

    Raises:
        InputError: no image file of a kind that is read here, or a damaged one.
    """
    if suffix(path) not in READABLE:
        raise InputError(f"{path} is none of {', '.join(READABLE)}, nor a folder of DICOM files")
    check_header(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("sitk::ERROR: ")
        raise InputError(f"{path} cannot be read: {reason}") from error
    if reader.GetDimension() > 2:
        check_geometry(path, matrix_of(reader))
    return reader


def matrix_of(image: sitk.Image | sitk.ImageFileReader) -> NDArray[np.float64]:
    """IJK-to-RAS of an image's first three axes."""
    size = image.GetDimension()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(size, size)[:3, :3] * image.GetSpacing()[:3]
    matrix[:3, 3] = image.GetOrigin()[:3]
    return LPS_TO_RAS @ matrix


def _check_grey_volume(path: Path) -> None:
    reader = image_information(path)
    size = " x ".join(map(str, reader.GetSize()))
    if reader.GetNumberOfComponents() != 1:
        raise InputError(f"{path} has {reader.GetNumberOfComponents()} values a voxel; a grey-level volume is needed")
    if reader.GetDimension() < 3:
        raise InputError(f"{path} is a 2-D image ({size}); a stack of slices is needed")
    if reader.GetDimension() > 3 and any(extent > 1 for extent in reader.GetSize()[3:]):
        raise InputError(f"{path} has {reader.GetDimension()} dimensions ({size}); a 3-D volume is needed")
