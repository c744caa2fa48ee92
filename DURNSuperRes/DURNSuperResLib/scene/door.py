"""The door to the image readers: what a file's header says must make sense before any reader is let at it.

Slicer's and ITK's readers crash, hang or ask for all memory on some damaged headers, and take others for a place in
space that is none. Formats: http://teem.sourceforge.net/nrrd/format.html, nifti1.h of https://nifti.nimh.nih.gov/nifti-1,
https://itk.org/Wiki/MetaIO/Documentation.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import header_words, metaimage, nifti, nrrd
from .header_words import LARGEST_MM, HeaderError, numbers
from .nrrd import LONGEST_HEADER, parse_header

logger = logging.getLogger(__name__)

READABLE = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
MOST_SQUEEZED = 1100  # deflate gains a factor of 1032 at most
SEQUENCE_ENDING = ".seq.nrrd"
SMALLEST_MM = 1e-6
PLACE_TOLERANCE, PLACE_TOLERANCE_MM = 1e-3, 0.05  # of a step in space, as a share of the smallest; of the origin
LEAST_ANGLE = 1e-3  # volume that three unit steps span; 0 where they lie in a plane
ANATOMICAL = re.compile(r"(left|right)-(anterior|posterior)-superior|(LP|RA|LA)S", re.IGNORECASE)
DAMAGES = (EOFError, OSError, zlib.error, struct.error)


class InputError(ValueError):
    """An input that cannot be read as one volume; the message says why."""


def suffix(path: Path) -> str:
    """The file name's ending in lower case, ``.nii.gz`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def is_sequence(path: Path) -> bool:
    """Whether a file is named as Slicer names sequences."""
    return path.name.lower().endswith(SEQUENCE_ENDING)


def check_name(path: Path) -> None:
    """Whether readers and writers can be told a path; they end the process at one that is no text.

    Raises:
        InputError: bytes that are no UTF-8, as archives of other systems leave them in names.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{path} has letters in its name or folders that are not UTF-8; rename these") from error


def check_header(path: Path) -> None:
    """Whether readers may be let at a NRRD, NIfTI or MetaImage file: a header that makes sense, and no false promise.

    Raises:
        InputError: a missing, empty or damaged file, or one whose header promises more than it can hold.
    """
    check_name(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if not path.is_file():
        raise InputError(f"{path} is no file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    check = {".nrrd": _check_nrrd, ".nhdr": _check_nrrd, ".mha": _check_meta, ".mhd": _check_meta}
    with damage_named(path):
        check.get(suffix(path), nifti.read_header)(path)


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Whatever damage is found in the file becomes an InputError that names it."""
    try:
        yield
    except HeaderError as error:
        raise InputError(f"{path} {error}") from error
    except DAMAGES as error:
        raise InputError(f"{path} cannot be read: it is damaged ({error})") from error


def check_geometry(path: Path, ijk_to_ras: NDArray[np.float64]) -> None:
    """Whether a 4 x 4 IJK-to-RAS matrix that a reader found can be the place of a volume.

    Raises:
        InputError: steps that are not finite, too small, too large, or in one plane.
    """
    steps = ijk_to_ras[:3, :3]
    lengths = np.linalg.norm(steps, axis=0) if np.isfinite(ijk_to_ras).all() else np.zeros(3)
    if lengths.min() < SMALLEST_MM or np.abs(ijk_to_ras).max() > LARGEST_MM:
        raise InputError(f"{path} is damaged: its voxels are {' x '.join(f'{step:g}' for step in lengths)} mm apart")
    if abs(np.linalg.det(steps / lengths)) < LEAST_ANGLE:
        raise InputError(f"{path} is damaged: its axes lie in one plane")


def check_place(path: Path, ijk_to_ras: NDArray[np.float64]) -> None:
    """Whether a reader put a volume where its file says.

    Args:
        path: the file; of NIfTI files the two ways to state a place, which readers mix up; of NRRD files whether they
            state one at all, which is told where not.
        ijk_to_ras: 4 x 4, as it was read.

    Raises:
        InputError: as :func:`check_geometry`, or a place that is neither the file's sform nor its qform. A sform whose
            steps are 1 mm at right angles goes with the spacing in ``pixdim``.
    """
    check_geometry(path, ijk_to_ras)
    if suffix(path) in (".nrrd", ".nhdr"):
        _tell_space(path)
    if suffix(path) not in nifti.ENDINGS:
        return
    header = nifti.read_header(path)
    unit = header.unit_place
    stated = {"sform": header.sform if unit is None else unit, "qform": header.qform}
    found = {name: _near(place, ijk_to_ras) for name, place in stated.items() if place is not None}
    if found and not any(found.values()):
        raise InputError(f"{path}: its orientation (sform) and its spacing do not go together, or its axes are sheared")
    if unit is not None and found["sform"]:
        steps = " x ".join(f"{step:g}" for step in header.steps)
        logger.warning("%s: its sform has steps of 1 mm; the spacing of its header, %s mm, was taken", path, steps)
    if not all(found.values()):
        taken = next(name for name in found if found[name])
        logger.warning("%s states two places in space that differ (sform, qform); its %s is taken", path, taken)


def _tell_space(path: Path) -> None:
    with path.open("rb") as file:
        space = parse_header(file.read(LONGEST_HEADER)).fields.get("space", "")
    if not ANATOMICAL.match(space):
        logger.warning("%s states no anatomical space; it is placed as ITK does (LPS), Slicer does otherwise", path)


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    tolerance = np.array([*[PLACE_TOLERANCE * np.linalg.norm(other[:3, :3], axis=0).min()] * 3, PLACE_TOLERANCE_MM])
    return bool((np.abs(one - other) <= tolerance).all())


def _check_promise(path: Path, promised: int, held: int, *, squeezed: bool) -> None:
    """Refuse at once what would otherwise ask for memory without end."""
    if promised > held * (MOST_SQUEEZED if squeezed else 1):
        raise InputError(f"{path} is cut short or damaged: {promised} bytes of voxels are not in {held} of file")


def _check_nrrd(path: Path) -> None:
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    fields = header.fields
    sizes = header_words.sizes(fields.get("sizes", "").split(), fields.get("dimension", ""))
    directions = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    if directions and len(directions) != len(sizes):
        raise InputError(f"{path} is damaged: {len(sizes)} axes, and directions of {len(directions)}")
    for vector in (*directions, fields.get("space origin", "none")):
        parts = [1.0] if vector == "none" else numbers("a step or place", vector.strip("()").split(","))
        if vector in directions and math.hypot(*parts) < SMALLEST_MM:
            raise InputError(f"{path} is damaged: its header says a step of {vector}")
    if not header.detached:
        held = path.stat().st_size - header.start
        squeezed = fields.get("encoding", "raw") != "raw"
        _check_promise(path, math.prod(sizes) * header.dtype.itemsize, held, squeezed=squeezed)


def _check_meta(path: Path) -> None:
    header = metaimage.read_header(path)
    if header.start is not None:
        held = path.stat().st_size - header.start
        _check_promise(path, header.stated, held, squeezed=False)
        _check_promise(path, header.promised, held, squeezed=header.squeezed)


def check_complete(path: Path) -> None:
    """Whether all voxels are there, compressed ones undamaged: readers fill what is missing with anything.

    Voxels of NRRD headers in files of their own are left to the reader, those of NIfTI files are counted as
    :func:`~.nifti.volumes` reads them.

    Raises:
        InputError: a file that is cut short or damaged.
    """
    check = {".nrrd": _nrrd_complete, ".mha": metaimage.check_complete, ".mhd": metaimage.check_complete}
    with damage_named(path):
        check.get(suffix(path), check_header)(path)


def _nrrd_complete(path: Path) -> None:
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    if not header.detached and header.fields.get("encoding", "raw").lower() in nrrd.ENCODINGS:
        nrrd.check_complete(path, header)
