"""Small NIfTI-1 files, byte by byte, so that each field says what a test wants."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
MM, SECONDS, MILLISECONDS = 2, 8, 16


def heart(slices: int = 3, rows: int = 10, columns: int = 12, phase: int = 0) -> NDArray[np.float32]:
    """Voxels ``(k, j, i)`` that tell their slice, row, column and phase."""
    k, j, i = np.indices((slices, rows, columns))
    return (100 + 1000 * k + 31 * j + 3 * i + 250 * np.hypot(j - 5, i - 6) + 17 * phase).astype(np.float32)


def nifti(
    voxels: NDArray,
    *,
    sform: NDArray | None = None,
    pixdim: tuple[float, ...] = (1.4, 1.5, 8.0, 1.0),
    units: int = MM,
    scaling: tuple[float, float] = (1.0, 0.0),
    order: str = "<",
    codes: tuple[int, int] = (0, 1),
    quaternion: tuple[float, ...] = (0.0, 0.0, 0.0),
    handed: float = 1.0,
    shape: tuple[int, ...] | None = None,
    kind: int | None = None,
) -> bytes:
    """A file of ``([t,] k, j, i)`` voxels; ``codes`` are those of qform and sform."""
    place = np.diag([*pixdim[:3], 1.0]) if sform is None else sform
    sizes = voxels.shape[::-1] if shape is None else shape
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + f"{1 + len(sizes)}h", header, 40, len(sizes), *sizes)
    for n in range(len(sizes) + 1, 8):
        struct.pack_into(order + "h", header, 40 + 2 * n, 1)
    code = CODES[voxels.dtype.str[1:]] if kind is None else kind
    struct.pack_into(order + "2h", header, 70, code, voxels.dtype.itemsize * 8)
    struct.pack_into(order + f"{1 + len(pixdim)}f", header, 76, handed, *pixdim)
    struct.pack_into(order + "3f", header, 108, 352, *scaling)
    header[123] = units
    struct.pack_into(order + "2h", header, 252, *codes)
    struct.pack_into(order + "6f", header, 256, *quaternion, *place[:3, 3])
    struct.pack_into(order + "12f", header, 280, *place[:3].ravel())
    header[344:348] = b"n+1\0"
    return bytes(header) + voxels.astype(voxels.dtype.newbyteorder(order)).tobytes()


def save(path: Path, content: bytes) -> Path:
    """Write a file, compressed if its name ends so."""
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)
    return path
