"""Headers of NRRD files, and whether the voxels that they promise are all there, without holding them in memory.

Format: http://teem.sourceforge.net/nrrd/format.html; the ``axis 3 index`` keys are Slicer's, for sequences.
"""

from __future__ import annotations

import bz2
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .header_words import HeaderError

TYPES = {
    "int8": "signed char|int8|int8_t",
    "uint8": "uchar|unsigned char|uint8|uint8_t",
    "int16": "short|short int|signed short|signed short int|int16|int16_t",
    "uint16": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "int32": "int|signed int|int32|int32_t",
    "uint32": "uint|unsigned int|uint32|uint32_t",
    "int64": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "uint64": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "float32": "float",
    "float64": "double",
}
LONGEST_HEADER = 2**20
BLOCK = 2**20
TEXTS = ("ascii", "text", "txt")
BZIP2 = ("bzip2", "bz2")
ENCODINGS = ("raw", "gzip", "gz", *BZIP2, "hex", *TEXTS)


class NrrdError(HeaderError):
    """A NRRD file that is damaged or of a kind that is not read here; the message says what is wrong with it."""


@dataclass(frozen=True)
class NrrdHeader:
    """The fields and key/value pairs of a NRRD file's header, and where its voxels begin in the file."""

    fields: dict[str, str]
    start: int
    pairs: dict[str, str] = field(default_factory=dict)

    @property
    def detached(self) -> bool:
        """Whether the voxels are in files of their own."""
        return "data file" in self.fields or "datafile" in self.fields

    @property
    def sizes(self) -> tuple[int, ...]:
        """Voxels along each axis, the fastest first."""
        return tuple(int(size) for size in self.fields["sizes"].split())

    @property
    def dtype(self) -> np.dtype:
        """The type of a voxel in the file's byte order."""
        stated = self.fields.get("type", "").lower()
        name = next((name for name, words in TYPES.items() if stated in words.split("|")), None)
        if name is None:
            raise NrrdError(f"has voxels of the type {self.fields.get('type')}, which is not read")
        return np.dtype(name).newbyteorder("<" if self.fields.get("endian", "little").lower() == "little" else ">")

    @property
    def directions(self) -> list[NDArray[np.float64]]:
        """The steps along the axes of space, in the file's own space (LPS or RAS), in mm."""
        vectors = re.findall(r"\(([^)]*)\)", self.fields.get("space directions", ""))
        return [np.array([float(part) for part in vector.split(",")]) for vector in vectors]

    @property
    def axis_directions(self) -> list[NDArray[np.float64] | None]:
        """The step along each axis as :attr:`directions` has it, None along an axis without one; empty without any."""
        vectors = re.findall(r"none|\(([^)]*)\)", self.fields.get("space directions", ""))
        found = [np.array([float(part) for part in vector.split(",")]) if vector else None for vector in vectors]
        return [None if vector is None or np.isnan(vector).any() else vector for vector in found]

    @property
    def kinds(self) -> list[str]:
        """The kind of each axis, as far as the header states them."""
        return self.fields.get("kinds", "").split()

    @property
    def index_values(self) -> list[str]:
        """Slicer's index values of a sequence; empty if the file has none."""
        return next((text.split() for key, text in self.fields.items() if key.endswith("index values")), [])


def parse_header(begin: bytes) -> NrrdHeader:
    """The fields of a NRRD file or a detached header from its first bytes, whatever they say.

    Raises:
        NrrdError: no NRRD header, or one without an end.
    """
    match = re.search(rb"\r?\n\r?\n", begin)
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for line in begin[: match.start() if match else None].decode("utf-8", "replace").splitlines()[1:]:
        key, found, value = line.partition(":=" if ":=" in line else ":")
        if found and not line.startswith("#"):
            fields[key.strip()] = value.strip()
            pairs |= {key.strip(): value.strip()} if ":=" in line else {}
    header = NrrdHeader(fields, match.end() if match else len(begin), pairs)
    if not begin.startswith(b"NRRD") or (match is None and not header.detached):
        raise NrrdError("is damaged: its NRRD header has no beginning or no end")
    return header


def read_header(path: Path) -> NrrdHeader:
    """The header of a NRRD file that holds its voxels itself.

    Raises:
        NrrdError: anything else, a damaged header among it.
    """
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    try:
        if header.detached or not header.sizes or min(header.sizes) < 1:
            raise NrrdError("has its voxels in other files, or none; save it as one file")
        _ = header.dtype, header.directions
    except (KeyError, ValueError) as error:
        if isinstance(error, NrrdError):
            raise
        raise NrrdError(f"is damaged: its NRRD header lacks or garbles {error}") from error
    return header


def voxel_blocks(path: Path, header: NrrdHeader) -> Iterator[bytes]:
    """The voxels of a file in blocks, decompressed, after the lines and bytes that the header skips.

    Raises:
        NrrdError: a compressed part that is damaged or has no end, or an encoding that is not read.
    """
    encoding = header.fields.get("encoding", "raw").lower()
    if encoding not in ENCODINGS:
        raise NrrdError(f"has the encoding {encoding}, which is not read")
    lines, skipped = (_skip(header, f"{what} skip") for what in ("line", "byte"))
    with path.open("rb") as file:
        file.seek(header.start)
        for _ in range(lines):
            file.readline()
        if skipped == -1 and encoding == "raw":  # whatever comes before the voxels
            file.seek(-int(np.prod(header.sizes, dtype=np.int64)) * header.dtype.itemsize, os.SEEK_END)
        blocks = _decoded(file, encoding, header.dtype)
        left = max(skipped, 0)
        for block in blocks:
            yield block[left:]
            left = max(left - len(block), 0)


def bzip2_voxels(path: Path) -> NDArray | None:
    """The voxels ``([t,] k, j, i)`` of a file that is compressed as ITK does not read it; None for any other.

    Raises:
        NrrdError: fewer voxels than the header promises, or damaged ones.
    """
    with path.open("rb") as file:
        header = parse_header(file.read(LONGEST_HEADER))
    if header.detached or header.fields.get("encoding", "raw").lower() not in BZIP2:
        return None
    check_complete(path, header)
    count = int(np.prod(header.sizes, dtype=np.int64))
    voxels = np.frombuffer(b"".join(voxel_blocks(path, header)), header.dtype, count)
    return voxels.reshape(header.sizes[::-1]).astype(header.dtype.newbyteorder("="))


def _skip(header: NrrdHeader, name: str) -> int:
    text = header.fields.get(name, header.fields.get(name.replace(" ", ""), "0"))
    if not re.fullmatch(r"-1|\d{1,9}", text):
        raise NrrdError(f"is damaged: its NRRD header says {name} = {text[:20]!r}")
    return int(text)


def _decoded(file: IO[bytes], encoding: str, dtype: np.dtype) -> Iterator[bytes]:
    """The rest of a file in blocks, decompressed or read from text."""
    if encoding in TEXTS:
        yield _from_text(file.read(), dtype)
        return
    if encoding == "hex":
        yield bytes.fromhex(file.read().decode("ascii", "replace"))
        return
    inflate = _inflater(encoding)
    while block := file.read(BLOCK):
        try:
            yield block if inflate is None else b"" if inflate.eof else inflate.decompress(block)
        except (zlib.error, OSError) as error:
            raise NrrdError(f"is damaged: {error}") from error
    if inflate is not None and not inflate.eof:  # the checksum comes last
        raise NrrdError("is cut short: its compressed voxels have no end")


def _inflater(encoding: str) -> Any:
    """What decompresses an encoding; None for raw voxels."""
    if encoding in ("gzip", "gz"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    return None if encoding == "raw" else bz2.BZ2Decompressor()


def _from_text(text: bytes, dtype: np.dtype) -> bytes:
    try:
        wide = np.float64 if dtype.kind == "f" else np.int64
        return np.array(text.split(), dtype="S").astype(wide).astype(dtype).tobytes()
    except ValueError as error:
        raise NrrdError(f"is damaged: {error}") from error


def check_complete(path: Path, header: NrrdHeader) -> None:
    """Whether all voxels are there.

    Raises:
        NrrdError: fewer voxels than the header promises, or damaged ones.
    """
    wanted = int(np.prod(header.sizes, dtype=np.int64)) * header.dtype.itemsize
    found = sum(len(block) for block in voxel_blocks(path, header))
    if found < wanted:
        raise NrrdError(f"is cut short: {found} of {wanted} bytes of voxels")
