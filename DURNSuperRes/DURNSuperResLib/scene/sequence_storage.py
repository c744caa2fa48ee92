"""Files of cines: Slicer's ``.seq.nrrd`` and 4-D NIfTI, read, and written item by item.

Slicer's own storage node and ITK hold one more copy of the whole cine while they write it, and one or two while they
read it back. Here the header comes from them, made for a tiny or a single item and corrected in its sizes, and the
voxels are streamed behind it: the memory needed is that of one item. The file is read back in the same way, compared
with the nodes, and only then renamed into place.
"""

from __future__ import annotations

import gzip
import logging
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import slicer
from numpy.typing import NDArray

from .app import current_scene
from .cine_files import read_image_cine, read_nrrd_cine
from .door import SEQUENCE_ENDING, check_header, is_sequence, suffix
from .nodes import ijk_to_ras_of
from .nrrd import NrrdError, read_header, voxel_blocks
from .nrrd_cine import ijk_to_ras_of as nrrd_place
from .sequences import add_item, items_of, new_sequence, one_by_one
from .storage import (
    GEOMETRY_TOLERANCE_MM,
    OutputError,
    check_output,
    header_reader,
    is_worth_compressing,
    matrix_of,
    written_aside,
)

logger = logging.getLogger(__name__)

WRITABLE = (SEQUENCE_ENDING, ".nii", ".nii.gz")
NIFTI_SECONDS, NIFTI_MM = 8, 2
TIME_UNITS = {"ms": 1e-3, "s": 1.0, "us": 1e-6}


def ending(path: Path) -> str:
    """The file name's ending in lower case, ``.seq.nrrd`` as one."""
    return SEQUENCE_ENDING if is_sequence(path) else suffix(path)


def read_sequence(path: Path) -> slicer.vtkMRMLSequenceNode:
    """Read a ``.seq.nrrd`` or a 4-D NIfTI file into a new sequence of the current scene.

    Raises:
        InputError: a missing, damaged or truncated file, or one without a fourth dimension.
    """
    check_header(path)
    sequence = read_nrrd_cine(path) if suffix(path) == ".nrrd" else read_image_cine(path)
    name = path.name[: -len(ending(path))] or "cine"
    sequence.SetName(current_scene().GenerateUniqueName(name))
    return current_scene().AddNode(sequence)


def write_sequence(sequence: slicer.vtkMRMLSequenceNode, path: Path, *, overwrite: bool = False) -> None:
    """Write a cine: aside first, read back and compared, then renamed into place.

    Raises:
        OutputError: as :func:`~.storage.check_output`, items that differ in size, type or geometry, a write that failed
            (a full disk among the reasons), or a file format that does not keep the geometry.
        VolumeError: no sequence of volumes.
    """
    check_sequence_output(path, overwrite)
    items = items_of(sequence)
    _check_alike(path, items)
    with written_aside(path, overwrite=overwrite) as aside:
        header = _header(sequence, aside)
        if header and not np.allclose(_geometry_in(aside), ijk_to_ras_of(items[0]), rtol=0, atol=GEOMETRY_TOLERANCE_MM):
            raise OutputError(f"{path} cannot hold the cine's geometry (oblique axes that are not at right angles?)")
        if not (header and _streamed(sequence, header, aside) and _same_voxels(sequence, aside, len(header))):
            raise OutputError(f"{path} could not be written in full; is the disk full?")


def check_sequence_output(path: Path, overwrite: bool) -> None:
    """As :func:`~.storage.check_output`, for the formats that hold a cine."""
    if ending(path) not in WRITABLE:
        raise OutputError(f"the output {path} of a cine must end in one of {', '.join(WRITABLE)}")
    check_output(path, overwrite)


def _check_alike(path: Path, items: list[slicer.vtkMRMLScalarVolumeNode]) -> None:
    first = items[0]
    for item in items:
        same = item.GetImageData().GetDimensions() == first.GetImageData().GetDimensions()
        same = same and item.GetImageData().GetScalarType() == first.GetImageData().GetScalarType()
        if not same or not np.allclose(ijk_to_ras_of(item), ijk_to_ras_of(first), rtol=0, atol=GEOMETRY_TOLERANCE_MM):
            raise OutputError(f"{path} cannot hold the cine: its volumes differ in size, type or place")


def _header(sequence: slicer.vtkMRMLSequenceNode, aside: Path) -> bytes:
    """The bytes before the voxels of the file to be written; empty if not even these could be written."""
    try:
        return _nrrd_header(sequence, aside) if suffix(aside) == ".nrrd" else _nifti_header(sequence, aside)
    except (OSError, EOFError, NrrdError, struct.error):
        return b""


def _nrrd_header(sequence: slicer.vtkMRMLSequenceNode, aside: Path) -> bytes:
    """The header that Slicer writes for this sequence: that of one-voxel items, with the true sizes.

    The little file is left at ``aside``, to check the geometry on.
    """
    items = items_of(sequence)
    small = new_sequence(sequence.GetName(), sequence.GetIndexName(), sequence.GetIndexUnit())
    small.SetIndexType(sequence.GetIndexType())
    dtype = slicer.util.arrayFromVolume(items[0]).dtype
    for n in range(len(items)):
        add_item(small, np.zeros((1, 1, 1), dtype), ijk_to_ras_of(items[0]), sequence.GetNthIndexValue(n))
    for name in sequence.GetAttributeNames():
        small.SetAttribute(name, sequence.GetAttribute(name))
    if not _storage(aside).WriteData(small) or not _storage(aside).ReadData(slicer.vtkMRMLSequenceNode()):
        return b""
    text = aside.read_bytes()[: read_header(aside).start]
    extents = (*items[0].GetImageData().GetDimensions(), len(items))
    fixed = re.sub(rb"(?m)^sizes: .*$", b"sizes: " + " ".join(map(str, extents)).encode(), text)
    encoding = b"gzip" if _is_squeezed(items, aside) else b"raw"
    return re.sub(rb"(?m)^encoding: .*$", b"encoding: " + encoding, fixed)


def _storage(path: Path) -> slicer.vtkMRMLVolumeSequenceStorageNode:
    storage = slicer.vtkMRMLVolumeSequenceStorageNode()
    storage.SetScene(current_scene())
    storage.SetFileName(str(path.absolute()))  # else it is taken relative to the folder of the scene's file
    return storage


def _nifti_header(sequence: slicer.vtkMRMLSequenceNode, aside: Path) -> bytes:
    """The header that ITK writes for the first item, with a fourth dimension added.

    The file of the first item is left at ``aside``, to check the geometry on.
    """
    items = items_of(sequence)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(aside))
    if not storage.WriteData(items[0]):
        return b""
    with _opened(aside) as file:
        header = bytearray(file.read(352))
    start, step, unit = _time_axis(sequence)
    struct.pack_into("<h", header, 40, 4)
    struct.pack_into("<h", header, 48, len(items))
    struct.pack_into("<f", header, 92, step)
    struct.pack_into("<f", header, 136, start)
    header[123] = NIFTI_MM | unit
    return bytes(header)


def _time_axis(sequence: slicer.vtkMRMLSequenceNode) -> tuple[float, float, int]:
    """Start and mean step, since NIfTI holds one step for all phases, and the unit's code.

    Without a time index that is 0, 1 and no unit: invented times are worse than none.
    """
    count, unit = sequence.GetNumberOfDataNodes(), TIME_UNITS.get(sequence.GetIndexUnit())
    if unit is None or sequence.GetIndexType() != slicer.vtkMRMLSequenceNode.NumericIndex or count < 2:
        return 0.0, 1.0, 0
    values = np.array([float(sequence.GetNthIndexValue(n)) for n in range(count)]) * unit
    steps = np.diff(values)
    if np.ptp(steps) > 0.02 * steps.mean():
        range_ms = 1e3 * steps.min(), 1e3 * steps.max()
        logger.warning("NIfTI holds one time step; the phases, %.1f to %.1f ms apart, get their mean", *range_ms)
    return float(values[0]), float(steps.mean()), NIFTI_SECONDS


def _geometry_in(aside: Path) -> NDArray[np.float64]:
    """IJK-to-RAS in the header that was written, as it is read here."""
    if suffix(aside) == ".nrrd":
        return nrrd_place(read_header(aside))
    return matrix_of(header_reader(aside))


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if suffix(path) == ".nii.gz" else path.open("rb")  # type: ignore[return-value]


def _streamed(sequence: slicer.vtkMRMLSequenceNode, header: bytes, path: Path) -> bool:
    """Write header and voxels, all compressed for ``.nii.gz``, at most the voxels for NRRD; false if that fails."""
    squeezed = _is_squeezed(items_of(sequence), path)
    squeeze = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16) if squeezed else None
    try:
        with path.open("wb") as file:
            file.write(squeeze.compress(header) if squeeze and suffix(path) == ".nii.gz" else header)
            for item in one_by_one(sequence):
                voxels = _little_endian(item)
                file.write(squeeze.compress(voxels) if squeeze else voxels)
            if squeeze:
                file.write(squeeze.flush())
    except OSError:
        return False
    return True


def _is_squeezed(items: list[slicer.vtkMRMLScalarVolumeNode], path: Path) -> bool:
    return suffix(path) == ".nii.gz" or (suffix(path) == ".nrrd" and is_worth_compressing(items[0]))


def _little_endian(item: slicer.vtkMRMLScalarVolumeNode) -> memoryview:
    """An item's voxels as the bytes of a file."""
    voxels = np.ascontiguousarray(slicer.util.arrayFromVolume(item))
    return voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data


def _same_voxels(sequence: slicer.vtkMRMLSequenceNode, path: Path, header_size: int) -> bool:
    """Whether a written file holds exactly the sequence's voxels, read piece by piece."""
    try:
        blocks = (np.frombuffer(block, np.uint8) for block in _blocks(path, header_size))
        pending = np.empty(0, np.uint8)
        for item in one_by_one(sequence):
            voxels = np.frombuffer(_little_endian(item), np.uint8)
            while len(voxels):
                pending = pending if len(pending) else next(blocks)
                count = min(len(pending), len(voxels))
                if not np.array_equal(pending[:count], voxels[:count]):
                    return False
                pending, voxels = pending[count:], voxels[count:]
    except (NrrdError, OSError, EOFError, zlib.error, StopIteration, RuntimeError):
        return False
    return not len(pending) and not any(len(block) for block in blocks)


def _blocks(path: Path, header_size: int) -> Iterator[bytes]:
    if suffix(path) == ".nrrd":
        yield from voxel_blocks(path, read_header(path))
        return
    with _opened(path) as file:
        file.read(header_size)
        while block := file.read(2**20):
            yield block
