"""Reading cines from files, phase by phase and as the file orders them; writing is in ``sequence_storage``."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
from numpy.typing import NDArray

from . import nifti
from .door import PLACE_TOLERANCE_MM, InputError, check_geometry, check_place, damage_named, is_sequence, suffix
from .nrrd import NrrdError, NrrdHeader, read_header
from .nrrd_cine import check_grey, ijk_to_ras_of, index_of, is_cine, phase_axis, phases, size_of
from .sequences import add_item, new_sequence
from .storage import header_reader, image_information, itk_voxels, matrix_of

if TYPE_CHECKING:
    import SimpleITK as sitk

logger = logging.getLogger(__name__)

NOT_JUDGED = (b"kinds:", b"line skip:", b"byte skip:", b"lineskip:", b"byteskip:")
ITK_KINDS = ("list", "vector", "domain", "space")
TIME_INDEX, COUNT_INDEX = ("TriggerTime", "ms"), ("Phase", "")


def read_image_cine(path: Path) -> slicer.vtkMRMLSequenceNode:
    """A 4-D NIfTI or MetaImage file as a sequence in no scene yet.

    Raises:
        InputError: a file that is damaged, or holds something else than one grey-level volume for each phase.
    """
    reader = image_information(path)
    if reader.GetDimension() != 4 or reader.GetNumberOfComponents() != 1:
        size = " x ".join(map(str, reader.GetSize()))
        raise InputError(f"{path} is no cine of grey-level volumes (size {size})")
    check_place(path, matrix_of(reader))
    times = _times_of(path)
    sequence = new_sequence(path.name, *(COUNT_INDEX if times is None else TIME_INDEX))
    start, step = times or (0.0, 1.0)
    for n, voxels in enumerate(_phases(path, reader)):
        add_item(sequence, np.ascontiguousarray(voxels), matrix_of(reader), f"{round(start + n * step, 3):.12g}")
    return sequence


def read_nrrd_cine(path: Path) -> slicer.vtkMRMLSequenceNode:
    """A 4-D NRRD file as a sequence in no scene yet.

    Raises:
        InputError: a file that is damaged, or whose axes are not those of a cine.
    """
    with damage_named(path):
        header = read_header(path)
        check_grey(header, sequence=is_sequence(path))
        if not is_cine(header):
            size = " x ".join(map(str, header.sizes))
            raise NrrdError(f"is no cine: it has {len(header.sizes)} dimensions ({size}), not 4")
        index, ijk_to_ras = index_of(header), ijk_to_ras_of(header)
        check_geometry(path, ijk_to_ras)
        _check_agreement(path, header, ijk_to_ras)
        if len(set(index.values)) < len(index.values):
            raise NrrdError("cannot be read as a cine: index values occur twice, or are missing")
        sequence = new_sequence(path.name, index.name, index.unit)
        if not index.numeric:
            sequence.SetIndexType(slicer.vtkMRMLSequenceNode.TextIndex)
        for name, value in header.pairs.items():
            if not name.startswith("axis "):
                sequence.SetAttribute(name, value)
        for value, voxels in zip(index.values, phases(path, header), strict=True):
            add_item(sequence, voxels, ijk_to_ras, value)
    return sequence


def _check_agreement(path: Path, header: NrrdHeader, ijk_to_ras: NDArray[np.float64]) -> None:
    """Refuse a header that ITK reads otherwise or not at all."""
    kinds, axis = header.kinds, phase_axis(header)
    if axis < len(kinds) and kinds[axis] in ITK_KINDS:
        reader = image_information(path)
    else:
        with tempfile.TemporaryDirectory(prefix="durn-") as private:
            reader = _information_as_list(path, header, Path(private) / "header.nrrd")
    count = reader.GetSize()[3] if reader.GetDimension() == 4 else reader.GetNumberOfComponents()
    found, place = (*reader.GetSize()[:3], count), matrix_of(reader)
    wanted = (*size_of(header), header.sizes[phase_axis(header)])
    if found != wanted or not np.allclose(place, ijk_to_ras, rtol=1e-6, atol=PLACE_TOLERANCE_MM):
        raise NrrdError("is damaged: what its NRRD header says of its axes does not go together")


def _information_as_list(path: Path, header: NrrdHeader, aside: Path) -> sitk.ImageFileReader:
    """What ITK finds in the header alone if the axis of the phases, whose kind it does not know, is a list."""
    kinds = ["list" if axis == phase_axis(header) else "domain" for axis in range(4)]
    with path.open("rb") as file:
        begin = file.read(header.start)
    lines = [line for line in begin.split(b"\n") if not line.startswith(NOT_JUDGED)]
    aside.write_bytes(b"\n".join(lines).rstrip() + b"\nkinds: " + " ".join(kinds).encode() + b"\n\n")
    try:
        return header_reader(aside)
    except RuntimeError as error:
        raise NrrdError(f"cannot be read: {str(error).strip().splitlines()[-1]}") from error


def _phases(path: Path, reader: sitk.ImageFileReader) -> Iterator[NDArray]:
    if suffix(path) in nifti.ENDINGS:
        with damage_named(path):
            yield from nifti.volumes(path, nifti.read_header(path))
        return
    yield from itk_voxels(path, reader)


def _times_of(path: Path) -> tuple[float, float] | None:
    """Start and step of the phases in ms; None, with a warning where the header states some that no cine has."""
    if suffix(path) not in nifti.ENDINGS:
        return None
    header = nifti.read_header(path)
    times = header.times_ms
    if times is None and header.time_unit in nifti.TIME_MS:
        step = header.time_step * nifti.TIME_MS[header.time_unit]
        logger.warning("%s states a time step of %g ms, which no cine has; its phases are counted", path, step)
    return times
