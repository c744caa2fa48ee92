"""MetaImage files: what the header says, whether the voxels are all there, and those that ITK does not read right.

ITK fills the first bytes with anything where compressed voxels come without their size. Format:
https://itk.org/Wiki/MetaIO/Documentation.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .header_words import HeaderError, numbers, sizes

TYPES = {"UCHAR": "u1", "CHAR": "i1", "USHORT": "u2", "SHORT": "i2", "UINT": "u4", "INT": "i4", "ULONG": "u4"}
TYPES |= {"LONG": "i4", "ULONG_LONG": "u8", "LONG_LONG": "i8", "FLOAT": "f4", "DOUBLE": "f8"}
NUMBERS = ("TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin", "CenterOfRotation")
LONGEST_HEADER = 2**20
BLOCK = 2**20


class MetaImageError(HeaderError):
    """A MetaImage file that is damaged; the message says what is wrong with it."""


@dataclass(frozen=True)
class MetaImageHeader:
    """What a MetaImage header says.

    Attributes:
        sizes: voxels along each axis, the fastest first.
        channels: values a voxel.
        dtype: of a value, in the file's byte order.
        start: of the voxels in the file; None if they are in files of their own.
        detached: the name of the one file that has the voxels alone; empty if there is none or are several.
        squeezed: whether they are compressed.
        stated: bytes of the compressed voxels; 0 if the header does not say.
    """

    sizes: tuple[int, ...]
    channels: int
    dtype: np.dtype
    start: int | None
    squeezed: bool
    stated: int
    detached: str = ""

    @property
    def promised(self) -> int:
        """Bytes of all voxels."""
        return math.prod(self.sizes) * self.dtype.itemsize * self.channels


def read_header(path: Path) -> MetaImageHeader:
    """The header of a ``.mha`` or ``.mhd`` file.

    Raises:
        HeaderError: a header that is none, or makes no sense.
    """
    with path.open("rb") as file:
        begin = file.read(LONGEST_HEADER)
    match = re.search(rb"(?m)^ElementDataFile *= *([^\r\n]*)\r?\n?", begin)
    if match is None:
        raise MetaImageError("cannot be read: it is no MetaImage file, or its header has no end")
    lines = [line.partition("=") for line in begin[: match.start()].decode("latin-1").splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    extents = sizes(fields.get("DimSize", "").split(), fields.get("NDims", ""))
    for key in NUMBERS:
        numbers(key, fields.get(key, "").split())
    spacing = numbers("ElementSpacing", fields.get("ElementSpacing", fields.get("ElementSize", "")).split())
    if any(step <= 0 for step in spacing):
        raise MetaImageError(f"is damaged: its voxels are {' x '.join(f'{step:g}' for step in spacing)} mm apart")
    name = os.fsdecode(match[1].strip())
    header = _of_fields(fields, extents, match.end() if name.lower() == "local" else None)
    several = name.lower().startswith("list") or "%" in name
    return header if header.start is not None or several else replace(header, detached=name)


def _of_fields(fields: dict[str, str], extents: list[int], start: int | None) -> MetaImageHeader:
    kind = TYPES.get(fields.get("ElementType", "").removeprefix("MET_"))
    channels = fields.get("ElementNumberOfChannels", "1")
    stated = fields.get("CompressedDataSize", "0")
    squeezed = _is_true(fields.get("CompressedData", ""))
    if kind is None or not channels.isdigit() or not stated.isdigit() or (stated != "0" and not squeezed):
        raise MetaImageError("cannot be read: its header says no type of voxels, or contradicts itself")
    if fields.get("BinaryData", "True")[:1] in "Ff0":
        raise MetaImageError("has its voxels as text (BinaryData = False), which is not read")
    swapped = _is_true(fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "")))
    dtype = np.dtype((">" if swapped else "<") + kind)
    return MetaImageHeader(tuple(extents), int(channels), dtype, start, squeezed, int(stated))


def _is_true(word: str) -> bool:
    return word.startswith(("T", "t", "1"))


def check_complete(path: Path) -> None:
    """Whether all voxels are there; those in several files are left to the reader.

    Raises:
        HeaderError, EOFError, zlib.error: a file that is cut short or damaged.
    """
    header = read_header(path)
    if header.start is None and not header.detached:
        return
    if not _voxel_file(path, header).is_file():
        raise MetaImageError(f"has its voxels in the file {header.detached}, which is not beside it")
    found = sum(map(len, _blocks(path, header)))
    if found < header.promised:
        raise MetaImageError(f"is cut short: {found} of {header.promised} bytes of voxels")


def _voxel_file(path: Path, header: MetaImageHeader) -> Path:
    return path.parent / header.detached if header.detached else path


def voxels_of_unknown_size(path: Path) -> NDArray | None:
    """The voxels ``([t,] k, j, i)`` of a file that compresses them without stating their size; None for any other.

    Raises:
        HeaderError, EOFError, zlib.error: a file that is cut short or damaged.
    """
    header = read_header(path)
    if not header.squeezed or header.stated or header.start is None or header.channels != 1:
        return None
    content = b"".join(_blocks(path, header))[: header.promised]
    voxels = np.frombuffer(content, header.dtype).reshape(header.sizes[::-1])
    return voxels.astype(header.dtype.newbyteorder("="))


def _blocks(path: Path, header: MetaImageHeader) -> Iterator[bytes]:
    inflate = zlib.decompressobj() if header.squeezed else None
    with _voxel_file(path, header).open("rb") as file:
        file.seek(header.start or 0)
        left = header.stated if header.stated else math.inf if header.squeezed else header.promised
        while left and (block := file.read(int(min(left, BLOCK)))):
            yield inflate.decompress(block) if inflate else block
            left -= len(block)
    if inflate and not inflate.eof:
        raise EOFError("its compressed voxels have no end")
