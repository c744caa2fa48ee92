"""The door to the image readers: what a file's header says must make sense before any reader is let at it.

Slicer's and ITK's readers crash, hang or ask for all memory on some damaged headers, and take others for a place in
space that is none. Formats: http://teem.sourceforge.net/nrrd/format.html, nifti1.h of https://nifti.nimh.nih.gov/nifti-1,
https://itk.org/Wiki/MetaIO/Documentation.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import math
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from . import nrrd
from .nrrd import LONGEST_HEADER, NrrdError, parse_header

logger = logging.getLogger(__name__)

MOST_SQUEEZED = 1100  # deflate gains a factor of 1032 at most
LARGEST_MM, SMALLEST_MM = 1e6, 1e-6
PLACE_TOLERANCE, PLACE_TOLERANCE_MM = 1e-3, 0.05  # of a step in space, as a share of the smallest; of the origin
LEAST_ANGLE = 1e-3  # volume that three unit steps span; 0 where they lie in a plane
NIFTI = (".nii", ".nii.gz")
NIFTI_BITS = {2: 8, 4: 16, 8: 32, 16: 32, 64: 64, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64}
META_BYTES = {"UCHAR": 1, "CHAR": 1, "USHORT": 2, "SHORT": 2, "UINT": 4, "INT": 4, "ULONG": 4, "LONG": 4}
META_BYTES |= {"ULONG_LONG": 8, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}
DAMAGES = (EOFError, OSError, zlib.error, struct.error)
META_NUMBERS = ("TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin", "CenterOfRotation")


class InputError(ValueError):
    """An input that cannot be read as one volume; the message says why."""


def suffix(path: Path) -> str:
    """The file name's ending in lower case, ``.nii.gz`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def check_header(path: Path) -> None:
    """Whether readers may be let at a NRRD, NIfTI or MetaImage file: a header that makes sense, and no false promise.

    Raises:
        InputError: a missing, empty or damaged file, or one whose header promises more than it can hold.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if not path.is_file():
        raise InputError(f"{path} is no file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    check = {".nrrd": _check_nrrd, ".nhdr": _check_nrrd, ".mha": _check_meta, ".mhd": _check_meta}
    with _damage_named(path):
        check.get(suffix(path), _nifti_header)(path)


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Whatever damage is found in the file becomes an InputError that names it."""
    try:
        yield
    except NrrdError as error:
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


def check_place(path: Path, ijk_to_ras: NDArray[np.float64], slices: int) -> None:
    """Whether a reader put a volume where its file says, if need be with its slices in reverse order.

    Args:
        path: the file; only NIfTI files are looked into, whose two ways to state a place readers mix up.
        ijk_to_ras: 4 x 4, as it was read.
        slices: voxels along k.

    Raises:
        InputError: as :func:`check_geometry`, or a place that is neither the file's sform nor its qform.
    """
    check_geometry(path, ijk_to_ras)
    if suffix(path) not in NIFTI:
        return
    header = _nifti_header(path)
    places = [place for place in (header.sform, header.qform) if place is not None]
    turned = np.diag([1.0, 1.0, -1.0, 1.0])
    turned[2, 3] = slices - 1
    found = [any(_near(place @ turn, ijk_to_ras) for turn in (np.eye(4), turned)) for place in places]
    if places and not any(found):
        raise InputError(f"{path}: its orientation (sform) and its spacing do not go together, or its axes are sheared")
    if not all(found):
        logger.warning("%s states two places in space that differ (sform, qform); one of them is taken", path)


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    tolerance = np.array([*[PLACE_TOLERANCE * np.linalg.norm(other[:3, :3], axis=0).min()] * 3, PLACE_TOLERANCE_MM])
    return bool((np.abs(one - other) <= tolerance).all())


def _check_promise(path: Path, promised: int, held: int, *, squeezed: bool) -> None:
    """Refuse at once what would otherwise ask for memory without end."""
    if promised > held * (MOST_SQUEEZED if squeezed else 1):
        raise InputError(f"{path} is cut short or damaged: {promised} bytes of voxels are not in {held} of file")


def _numbers(path: Path, what: str, words: Sequence[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [math.nan]
    if not all(math.isfinite(value) and abs(value) <= LARGEST_MM for value in values):
        raise InputError(f"{path} is damaged: its header says {what} = {' '.join(words)[:60]!r}")
    return values


def _sizes(path: Path, words: Sequence[str], axes: str) -> list[int]:
    if not all(re.fullmatch(r"[1-9]\d{0,8}", word) for word in words) or axes != str(len(words)) or len(words) > 7:
        raise InputError(f"{path} is damaged: its header says {axes[:20]!r} axes of {' x '.join(words)[:60]!r} voxels")
    return [int(word) for word in words]


def _check_nrrd(path: Path) -> None:
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    fields = header.fields
    sizes = _sizes(path, fields.get("sizes", "").split(), fields.get("dimension", ""))
    directions = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    if directions and len(directions) != len(sizes):
        raise InputError(f"{path} is damaged: {len(sizes)} axes, and directions of {len(directions)}")
    for vector in (*directions, fields.get("space origin", "none")):
        parts = [1.0] if vector == "none" else _numbers(path, "a step or place", vector.strip("()").split(","))
        if vector in directions and math.hypot(*parts) < SMALLEST_MM:
            raise InputError(f"{path} is damaged: its header says a step of {vector}")
    if not header.detached:
        held = path.stat().st_size - header.start
        squeezed = fields.get("encoding", "raw") != "raw"
        _check_promise(path, math.prod(sizes) * header.dtype.itemsize, held, squeezed=squeezed)


@dataclass(frozen=True)
class _Meta:
    """What a MetaImage header says.

    Attributes:
        promised: bytes of all voxels.
        start: of the voxels in the file; None if they are in files of their own.
        compressed: bytes of the compressed voxels; 0 if they are not compressed.
    """

    promised: int
    start: int | None
    compressed: int


def _meta_header(path: Path) -> _Meta:
    with path.open("rb") as file:
        begin = file.read(LONGEST_HEADER)
    match = re.search(rb"(?m)^ElementDataFile *= *([^\r\n]*)\r?\n?", begin)
    if match is None:
        raise InputError(f"{path} cannot be read: it is no MetaImage file, or its header has no end")
    lines = [line.partition("=") for line in begin[: match.start()].decode("latin-1").splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    sizes = _sizes(path, fields.get("DimSize", "").split(), fields.get("NDims", ""))
    for key in META_NUMBERS:
        _numbers(path, key, fields.get(key, "").split())
    spacing = _numbers(path, "ElementSpacing", fields.get("ElementSpacing", fields.get("ElementSize", "")).split())
    if any(step <= 0 for step in spacing):
        raise InputError(f"{path} is damaged: its voxels are {' x '.join(f'{step:g}' for step in spacing)} mm apart")
    width = META_BYTES.get(fields.get("ElementType", "").removeprefix("MET_"))
    channels = fields.get("ElementNumberOfChannels", "1")
    compressed = fields.get("CompressedDataSize", "0")
    squeezed = fields.get("CompressedData", "False").startswith(("T", "t", "1"))
    if width is None or not channels.isdigit() or not compressed.isdigit() or squeezed != (compressed != "0"):
        raise InputError(f"{path} cannot be read: its header says no type of voxels, or no size of compressed ones")
    local = match[1].strip() in (b"LOCAL", b"Local", b"local")
    return _Meta(math.prod(sizes) * width * int(channels), match.end() if local else None, int(compressed))


def _check_meta(path: Path) -> None:
    header = _meta_header(path)
    if header.start is not None:
        held = path.stat().st_size - header.start
        _check_promise(path, header.compressed, held, squeezed=False)
        _check_promise(path, header.promised, held, squeezed=header.compressed > 0)


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if suffix(path) == ".nii.gz" else path.open("rb")  # type: ignore[return-value]


def check_complete(path: Path) -> None:
    """Whether all voxels are there, compressed ones undamaged: readers fill what is missing with anything.

    Voxels in files of their own are left to the reader, NRRD in other encodings than raw and gzip likewise.

    Raises:
        InputError: a file that is cut short or damaged.
    """
    check = {".nrrd": _nrrd_complete, ".mha": _meta_complete, ".nii": _nifti_complete, ".nii.gz": _nifti_complete}
    with _damage_named(path):
        check.get(suffix(path), check_header)(path)


def _nrrd_complete(path: Path) -> None:
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    if not header.detached and header.fields.get("encoding", "raw") in ("raw", "gzip", "gz"):
        nrrd.check_complete(path, header)


def _meta_complete(path: Path) -> None:
    header = _meta_header(path)
    if header.start is None:
        return
    inflate = zlib.decompressobj() if header.compressed else None
    found = 0
    with path.open("rb") as file:
        file.seek(header.start)
        left = header.compressed or header.promised
        while left and (block := file.read(min(left, 2**20))):
            found += len(inflate.decompress(block) if inflate else block)
            left -= len(block)
    if inflate and not inflate.eof:
        raise EOFError("its compressed voxels have no end")
    if found < header.promised:
        raise InputError(f"{path} is cut short: {found} of {header.promised} bytes of voxels")


def _nifti_complete(path: Path) -> None:
    header = _nifti_header(path)
    with _opened(path) as file:
        found = sum(len(block) for block in iter(lambda: file.read(2**20), b""))
    wanted = header.offset + math.prod(header.sizes) * header.bits // 8
    if found < wanted:
        raise InputError(f"{path} is cut short: {found} of {wanted} bytes")


@dataclass(frozen=True)
class _Nifti:
    """What a NIfTI-1 header says; ``bits`` a voxel, ``offset`` of the voxels in bytes."""

    sizes: tuple[int, ...]
    bits: int
    offset: int
    sform: NDArray[np.float64] | None
    qform: NDArray[np.float64] | None


def _nifti_header(path: Path) -> _Nifti:
    with _opened(path) as file:
        header = file.read(352)
    order = "<" if struct.unpack("<i", header[:4])[0] == 348 else ">"
    if struct.unpack(order + "i", header[:4])[0] != 348 or header[344:348] != b"n+1\0":
        raise InputError(f"{path} cannot be read: it has not the mark of a NIfTI-1 file")
    axes, *sizes = struct.unpack(order + "8h", header[40:56])
    kind, bits = struct.unpack(order + "2h", header[70:74])
    handed, *steps = struct.unpack(order + "8f", header[76:108])
    (offset,) = struct.unpack(order + "f", header[108:112])
    codes = struct.unpack(order + "2h", header[252:256])
    places = struct.unpack(order + "18f", header[256:328])
    if not 1 <= axes <= 7 or bits < 1 or NIFTI_BITS.get(kind, bits) != bits or not 352 <= offset < 2**31:
        raise InputError(f"{path} is damaged: its NIfTI header contradicts itself")
    used = [*steps[:3], *((handed, *places[:6]) if codes[0] > 0 else ()), *(places[6:] if codes[1] > 0 else ())]
    _numbers(path, "a spacing or place", [f"{value:g}" for value in used])
    sform = np.array([*places[6:], 0, 0, 0, 1], dtype=np.float64).reshape(4, 4) if codes[1] > 0 else None
    qform = _from_quaternion(places[:6], steps[:3], handed) if codes[0] > 0 else None
    extents = _sizes(path, [str(size) for size in sizes[:axes]], str(axes))
    if min(steps[:axes][:3]) <= 0:
        raise InputError(f"{path} is damaged: its voxels are {' x '.join(f'{step:g}' for step in steps[:3])} mm apart")
    return _Nifti(tuple(extents), bits, int(offset), sform, qform)


def _from_quaternion(place: Sequence[float], steps: Sequence[float], handed: float) -> NDArray[np.float64]:
    """IJK-to-RAS of a qform: quaternion b, c, d, then the origin (nifti1.h, method 2)."""
    b, c, d = place[:3]
    length = math.sqrt(b * b + c * c + d * d)
    a = math.sqrt(max(0.0, 1 - length**2))
    if length > 1:
        b, c, d = b / length, c / length, d / length
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
    ]
    matrix[:3, :3] *= (steps[0], steps[1], steps[2] * (-1 if handed < 0 else 1))
    matrix[:3, 3] = place[3:]
    return matrix
