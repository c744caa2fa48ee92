"""Files: reading volumes through Slicer's storage nodes, and writing them so that nothing is ever lost.

Slicer's and ITK's readers and writers let some damage pass without a word (a truncated NIfTI file reads as zeros, a
NIfTI write to a full disk reports success), so input is checked before and output read back after.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
from numpy.typing import NDArray

from . import metaimage, nifti
from .app import current_scene
from .door import (
    READABLE,
    InputError,
    check_complete,
    check_geometry,
    check_header,
    check_name,
    check_place,
    damage_named,
    is_sequence,
    suffix,
)
from .nodes import ijk_to_ras_of
from .nrrd import LONGEST_HEADER, bzip2_voxels, parse_header
from .nrrd_cine import check_grey, is_cine, phase_axis

if TYPE_CHECKING:
    import SimpleITK as sitk

WRITABLE = (".nrrd", ".nii", ".nii.gz", ".mha")
UNWRITABLE = tuple(np.dtype(name) for name in ("int8", "int64", "uint64"))
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
    if path.is_dir():
        return _read_stack(path)
    _check_grey_volume(path)
    voxels, ijk_to_ras = voxels_of(path)
    check_place(path, ijk_to_ras)
    return _new_node(path.name.removesuffix(suffix(path)) or "volume", voxels, ijk_to_ras)


def voxels_of(path: Path) -> tuple[NDArray, NDArray[np.float64]]:
    """Voxels ``(k, j, i)`` of a volume file in the order of the file, and its IJK-to-RAS matrix, left-handed or not.

    Slicer's own reader would turn the third axis of a left-handed volume, and with ITK's NaN of NIfTI files become 0.
    64-bit integers come as float64, which Slicer holds.

    Raises:
        InputError: a file that is cut short or damaged.
    """
    reader = image_information(path)
    if suffix(path) in nifti.ENDINGS:
        with damage_named(path):
            return next(nifti.volumes(path, nifti.read_header(path))), matrix_of(reader)
    voxels = itk_voxels(path, reader)
    voxels = voxels.reshape(voxels.shape[-3:]) if voxels.ndim > 3 else voxels
    return voxels.astype(np.float64) if voxels.dtype in (np.int64, np.uint64) else voxels, matrix_of(reader)


def itk_voxels(path: Path, reader: sitk.ImageFileReader) -> NDArray:
    """The voxels ``([t,] k, j, i)`` that ITK reads from a NRRD or MetaImage file, which must be whole.

    Raises:
        InputError: a file that is cut short or damaged.
    """
    check_complete(path)
    with damage_named(path):
        own = {".mha": metaimage.voxels_of_unknown_size, ".nrrd": bzip2_voxels}.get(suffix(path))
        voxels = own(path) if own else None
    if voxels is not None:
        return voxels
    from SimpleITK import GetArrayFromImage

    try:
        return GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: {_last_line(error)}") from error


def _new_node(name: str, voxels: NDArray, ijk_to_ras: NDArray) -> slicer.vtkMRMLScalarVolumeNode:
    node = current_scene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, voxels)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def _read_stack(folder: Path) -> slicer.vtkMRMLScalarVolumeNode:
    """A DICOM folder of one plain stack, by Slicer's reader."""
    check_name(folder)
    from .dicom.plain import DicomError, plain_stack  # with pydicom, which files do without

    try:
        files = plain_stack(folder)
    except DicomError as error:
        raise InputError(str(error)) from error
    scene = current_scene()
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", folder.name or "volume")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(files[0]))
    for file in files:
        storage.AddFileName(str(file))
    storage.SetSingleFile(len(files) == 1)
    try:
        if not storage.ReadData(node) or node.GetImageData() is None:
            raise InputError(f"{folder} cannot be read as a volume")
        _straighten(node)
        check_geometry(folder, ijk_to_ras_of(node))
    except InputError:
        scene.RemoveNode(node)
        raise
    node.CreateDefaultDisplayNodes()
    return node


def check_volume_output(path: Path, overwrite: bool) -> None:
    """As :func:`check_output`, for a volume, which must not be named as a sequence is."""
    if is_sequence(path):
        raise OutputError(f"the output {path} is named as a sequence, and the input is one volume; let it end in .nrrd")
    check_output(path, overwrite)


def check_kept_type(path: Path, keep_type: bool) -> None:
    """Whether the voxel type of a file can be kept, asked before the work starts.

    Raises:
        OutputError: 8-bit signed or 64-bit integers, which Slicer's writers do not take.
        InputError: a damaged file.
    """
    if not keep_type:
        return
    check_header(path)
    with damage_named(path):
        dtype = _stored_type(path)
    if dtype in UNWRITABLE:
        raise OutputError(f"{path} has voxels of the type {dtype}, which cannot be written; leave --keep-type away")


def _stored_type(path: Path) -> np.dtype:
    if suffix(path) in nifti.ENDINGS:
        header = nifti.read_header(path)
        return np.dtype(np.float32) if header.scaled else header.dtype.newbyteorder("=")
    if suffix(path) in (".nrrd", ".nhdr"):
        return parse_header(_begin(path)).dtype.newbyteorder("=")
    return metaimage.read_header(path).dtype.newbyteorder("=")


def check_output(path: Path, overwrite: bool, endings: tuple[str, ...] = WRITABLE) -> None:
    """Whether ``path`` can be written, asked before the work starts.

    Raises:
        OutputError: an unknown file type, a folder that is missing or read-only, or a file that exists already
            and ``overwrite`` is not set.
        InputError: a folder that no writer can be told.
    """
    if suffix(path) not in endings:
        raise OutputError(f"the output {path} must end in one of {', '.join(endings)}")
    check_name(path.parent.absolute())
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
    check_volume_output(path, overwrite)
    with written_aside(path, overwrite=overwrite) as aside:
        try:
            voxels, ijk_to_ras = voxels_of(aside) if _written(node, aside) else (None, np.eye(4))
        except InputError:
            voxels = None
        if voxels is None or not np.array_equal(slicer.util.arrayFromVolume(node), voxels):
            raise OutputError(f"{path} could not be written in full; is the disk full?")
        if not np.allclose(ijk_to_ras_of(node), ijk_to_ras, rtol=0, atol=GEOMETRY_TOLERANCE_MM):
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


def _straighten(node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Turn a DICOM stack's third axis to the slice normal, keeping its spacing.

    Slicer's reader takes that axis from the position tags, whose rounding shears the volume by some 1e-4 mm a slice.
    """
    columns = ijk_to_ras_of(node)
    normal = np.cross(columns[:3, 0], columns[:3, 1])
    normal *= np.sign(normal @ columns[:3, 2]) / np.linalg.norm(normal)
    columns[:3, 2] = normal * np.linalg.norm(columns[:3, 2])
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(columns))


def image_information(path: Path) -> sitk.ImageFileReader:
    """A reader that knows what the header of an image file says.

    Raises:
        InputError: no image file of a kind that is read here, or a damaged one.
    """
    if path.exists() and suffix(path) not in READABLE:
        raise InputError(f"{path} is none of {', '.join(READABLE)}, nor a folder of DICOM files")
    check_header(path)
    try:
        reader = header_reader(path)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: {_last_line(error)}") from error
    if reader.GetDimension() > 2:
        check_geometry(path, matrix_of(reader))
    return reader


def header_reader(path: Path) -> sitk.ImageFileReader:
    """ITK's reader of an image file, which has read the header.

    Raises:
        RuntimeError: what ITK says of a file that it cannot read.
    """
    from SimpleITK import ImageFileReader  # 100 MiB, which DICOM in and a sequence out do without

    reader = ImageFileReader()
    if suffix(path) in (".mha", ".mhd"):  # whose reader does not know itself by an ending in capitals
        reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader


def _last_line(error: RuntimeError) -> str:
    if "orthonormal" in str(error):
        return "its axes are sheared, not at right angles"
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("Reason: ")]
    return re.sub(r"^(sitk::ERROR|ITK ERROR: \w+\(0x\w+\)): ", "", lines[-1])


def matrix_of(image: sitk.Image | sitk.ImageFileReader) -> NDArray[np.float64]:
    """IJK-to-RAS of an image's first three axes."""
    size = image.GetDimension()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(size, size)[:3, :3] * image.GetSpacing()[:3]
    matrix[:3, 3] = image.GetOrigin()[:3]
    return LPS_TO_RAS @ matrix


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST_HEADER)


def _check_grey_volume(path: Path) -> None:
    if suffix(path) in READABLE:
        check_header(path)
    with damage_named(path):
        if suffix(path) in (".nrrd", ".nhdr"):
            header = parse_header(_begin(path))
            check_grey(header, sequence=is_sequence(path))
            if header.detached and is_cine(header) and header.sizes[phase_axis(header)] > 1:
                raise InputError(f"{path} is a cine with its voxels in another file, which is not read; save it as one")
        elif suffix(path) in nifti.ENDINGS:
            _ = nifti.read_header(path).dtype
    reader = image_information(path)
    size = " x ".join(map(str, reader.GetSize()))
    if reader.GetNumberOfComponents() != 1:
        raise InputError(f"{path} has {reader.GetNumberOfComponents()} values a voxel; a grey-level volume is needed")
    if reader.GetDimension() < 3:
        raise InputError(f"{path} is a 2-D image ({size}); a stack of slices is needed")
    if reader.GetDimension() == 4 and reader.GetSize()[3] > 1:
        raise InputError(f"{path} is a cine of 4 dimensions ({size}), and a volume is needed here; save a phase of it")
    if reader.GetDimension() > 3 and any(extent > 1 for extent in reader.GetSize()[3:]):
        dimensions = f"{reader.GetDimension()} dimensions ({size})"
        raise InputError(f"{path} has {dimensions}; the three of a volume are needed, or the four of a cine")
