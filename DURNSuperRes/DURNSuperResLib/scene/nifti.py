"""NIfTI-1 files: what the header says, and the voxels as they are, NaN and the order of the slices included.

ITK's reader, and with it Slicer's, writes 0 over every voxel that is not finite, and Slicer's turns the third axis of
left-handed volumes. Here the voxels come from the bytes; types and scaling are as ITK takes them. Format: nifti1.h of
https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from .header_words import HeaderError, numbers

ENDINGS = (".nii", ".nii.gz")
TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
OTHER_TYPES = {32: "complex numbers", 1792: "complex numbers", 128: "colours", 2304: "colours"}
OTHER_TYPES |= {1: "single bits", 1536: "floats of 128 bits", 2048: "complex numbers"}
BITS = {32: 64, 1792: 128, 128: 24, 2304: 32, 1: 1, 1536: 128, 2048: 256}
UNIT = 1e-3
GZIP_MARK = b"\x1f\x8b"
SPACE_MM = {1: 1e3, 3: 1e-3}  # metres and micrometres; all else is taken for mm, as ITK does
TIME_MS = {8: 1e3, 16: 1.0, 24: 1e-3}
SHORTEST_PHASE_MS, LONGEST_PHASE_MS = 1.0, 10e3


class NiftiError(HeaderError):
    """A NIfTI file that is damaged or of a kind that is not read here; the message says what is wrong with it."""


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI-1 header says.

    Attributes:
        sizes: voxels along each axis, the fastest first, without further axes of extent 1 behind the third.
        kind, bits: code of the voxels' type, and their size.
        order: ``<`` or ``>``, of the bytes.
        offset: of the voxels in bytes.
        slope, intercept: of the scaling; 1 and 0 without one.
        steps: spacing along i, j and k in mm.
        time_step, time_start, time_unit: along the fourth axis; the unit's code.
        sform, qform: IJK-to-RAS, 4 x 4; None where the header states none.
    """

    sizes: tuple[int, ...]
    kind: int
    bits: int
    order: str
    offset: int
    slope: float
    intercept: float
    steps: tuple[float, float, float]
    time_step: float
    time_start: float
    time_unit: int
    sform: NDArray[np.float64] | None
    qform: NDArray[np.float64] | None

    @property
    def dtype(self) -> np.dtype:
        """The type of a voxel in the file's byte order.

        Raises:
            NiftiError: complex numbers, colours or the like.
        """
        if self.kind not in TYPES:
            what = OTHER_TYPES.get(self.kind, "no known type")
            raise NiftiError(f"has voxels of {what} (type {self.kind}); a grey-level volume is needed")
        return np.dtype(self.order + TYPES[self.kind])

    @property
    def scaled(self) -> bool:
        """Whether the voxels are to be scaled."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    @property
    def unit_place(self) -> NDArray[np.float64] | None:
        """The sform with the header's spacing, if its own steps are 1 mm, at right angles; None for any other."""
        if self.sform is None:
            return None
        axes = self.sform[:3, :3]
        if np.abs(axes.T @ axes - np.eye(3)).max() > UNIT or np.allclose(self.steps, 1, rtol=0, atol=UNIT):
            return None
        return self.sform @ np.diag([*self.steps, 1.0])

    @property
    def times_ms(self) -> tuple[float, float] | None:
        """Start and step of the phases in ms; None where the header states none that a cine can have."""
        scale = TIME_MS.get(self.time_unit, 0.0)
        start, step = self.time_start * scale, self.time_step * scale
        known = SHORTEST_PHASE_MS <= step <= LONGEST_PHASE_MS and math.isfinite(start)
        return (start, step) if known else None


def opened(path: Path) -> IO[bytes]:
    """A ``.nii`` or ``.nii.gz`` file to read, decompressed if its content is compressed.

    Raises:
        NiftiError: compressed content under a name that says otherwise, which ITK does not read.
    """
    with path.open("rb") as file:
        squeezed = file.read(2) == GZIP_MARK
    if squeezed and not path.name.lower().endswith(".gz"):
        raise NiftiError("is compressed (gzip); let its name end in .nii.gz")
    return gzip.open(path) if squeezed else path.open("rb")  # type: ignore[return-value]


def read_header(path: Path) -> NiftiHeader:
    """The header of a NIfTI-1 file.

    Raises:
        NiftiError: a header that is none, or contradicts itself.
        EOFError, OSError, zlib.error, struct.error: a file that is damaged otherwise.
    """
    with opened(path) as file:
        return _parsed(file.read(352))


def _parsed(header: bytes) -> NiftiHeader:
    order = _byte_order(header)
    axes, *sizes = struct.unpack(order + "8h", header[40:56])
    kind, bits = struct.unpack(order + "2h", header[70:74])
    handed, *steps = struct.unpack(order + "8f", header[76:108])
    offset, slope, intercept = struct.unpack(order + "3f", header[108:120])
    codes = struct.unpack(order + "2h", header[252:256])
    places = struct.unpack(order + "18f", header[256:328])
    mm = SPACE_MM.get(header[123] & 7, 1.0)
    steps[:3], places = [mm * step for step in steps[:3]], (*places[:3], *(mm * place for place in places[3:]))
    wanted = np.dtype(TYPES[kind]).itemsize * 8 if kind in TYPES else BITS.get(kind, bits)
    if not 1 <= axes <= 7 or bits < 1 or wanted != bits or not 352 <= offset < 2**31:
        raise NiftiError("is damaged: its NIfTI header contradicts itself")
    used = [*steps[:3], *((handed, *places[:6]) if codes[0] > 0 else ()), *(places[6:] if codes[1] > 0 else ())]
    numbers("a spacing or place", [f"{value:g}" for value in used])
    if min(sizes[:axes]) < 1:
        raise NiftiError(f"is damaged: its header says {axes} axes of {' x '.join(map(str, sizes[:axes]))} voxels")
    if min(steps[:axes][:3]) <= 0:
        raise NiftiError(f"is damaged: its voxels are {' x '.join(f'{step:g}' for step in steps[:3])} mm apart")
    slope, intercept = _scaling(slope, intercept)
    return NiftiHeader(
        sizes=_without_idle_axes(sizes[:axes]),
        kind=kind,
        bits=bits,
        order=order,
        offset=int(offset),
        slope=slope,
        intercept=intercept,
        steps=(steps[0], steps[1], steps[2]),
        time_step=steps[3],
        time_start=struct.unpack(order + "f", header[136:140])[0],
        time_unit=header[123] & 0x38,
        sform=np.array([*places[6:], 0, 0, 0, 1], dtype=np.float64).reshape(4, 4) if codes[1] > 0 else None,
        qform=_from_quaternion(places[:6], steps[:3], handed) if codes[0] > 0 else None,
    )


def _byte_order(header: bytes) -> str:
    """The order of the bytes of a NIfTI-1 header.

    Raises:
        NiftiError: any other file; a kind of NIfTI that is not read is named.
    """
    lengths = {order: struct.unpack(order + "i", header[:4])[0] for order in "<>"}
    if 540 in lengths.values():
        raise NiftiError("is a NIfTI-2 file, which is not read here; convert it to NIfTI-1 (.nii or .nii.gz)")
    order = next((order for order, length in lengths.items() if length == 348), "")
    if order and header[344:348] in (b"ni1\0", b"\0\0\0\0"):
        raise NiftiError("cannot be read: it is the header of a pair of files (.hdr and .img), without the mark of one")
    if not order or header[344:348] != b"n+1\0":
        raise NiftiError("cannot be read: it has not the mark of a NIfTI-1 file")
    return order


def _scaling(slope: float, intercept: float) -> tuple[float, float]:
    """Slope and intercept as ITK takes them: what is 0 or not finite counts as none."""
    slope = slope if math.isfinite(slope) and slope != 0 else 1.0
    return slope, intercept if math.isfinite(intercept) else 0.0


def _without_idle_axes(sizes: Sequence[int]) -> tuple[int, ...]:
    count = max((n + 1 for n, size in enumerate(sizes) if size > 1), default=0)
    return tuple(sizes[: max(count, min(len(sizes), 3))])


def volumes(path: Path, header: NiftiHeader) -> Iterator[NDArray]:
    """The volumes of a file one after the other, ``(k, j, i)``, scaled, in this machine's byte order.

    64-bit integers come as float64, scaled integers as float32, as from ITK.

    Raises:
        NiftiError: voxels of another kind than numbers, or fewer than the header promises.
        EOFError, OSError, zlib.error: a file that is damaged otherwise.
    """
    dtype, shape = header.dtype, (*header.sizes[:3], 1, 1, 1)[:3]
    count, size = math.prod(header.sizes[3:]), math.prod(shape) * dtype.itemsize
    with opened(path) as file:
        file.read(header.offset)
        for n in range(count):
            block = file.read(size)
            if len(block) < size:
                found = header.offset + n * size + len(block)
                raise NiftiError(f"is cut short: {found} of {header.offset + count * size} bytes")
            yield _in_units(np.frombuffer(block, dtype).reshape(shape[::-1]), header)
        while file.read(2**20):  # a damaged end of a compressed file shows only here
            pass


def _in_units(voxels: NDArray, header: NiftiHeader) -> NDArray:
    native = voxels.astype(voxels.dtype.newbyteorder("="))
    if native.dtype.kind in "iu" and native.dtype.itemsize == 8:
        native = native.astype(np.float64)
    if not header.scaled:
        return native
    values = native * np.float64(header.slope) + np.float64(header.intercept)
    return values.astype(np.float64 if native.dtype == np.float64 else np.float32)


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
