"""Which axis of a four-dimensional NRRD file is time, where its volumes lie, and when.

The axes' kinds decide (http://teem.sourceforge.net/nrrd/format.html#kinds): ``list`` and ``time`` are phases,
``vector`` only in a file that is named as a sequence, as SimpleITK writes them; colours, vectors and tensors are values
of a voxel. The ``axis ... index`` keys are Slicer's, for sequences, and the ``MultiVolume`` keys its importer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .nrrd import NrrdError, NrrdHeader, voxel_blocks

COLOURS = re.compile(r"(RGB|HSV|XYZ|RGBA|3|4)-color")
VALUES = re.compile(r"[234]-vector|3-gradient|(3-)?normal|complex|quaternion|point|gradient|.*matrix.*", re.IGNORECASE)
VECTORS = ("vector", "covariant-vector")
SPACES = {"right-anterior-superior": (1, 1, 1), "left-anterior-superior": (-1, 1, 1)}  # others are LPS, as ITK reads
ABBREVIATED = {"RAS": "right-anterior-superior", "LAS": "left-anterior-superior"}
LPS = (-1, -1, 1)
MULTI_VOLUME = "MultiVolume."
TIME_UNITS = ("s", "ms", "us")


@dataclass(frozen=True)
class Index:
    """What a cine's phases are counted by: name, unit, values as text, and whether these are numbers."""

    name: str
    unit: str
    values: tuple[str, ...]
    numeric: bool


def check_grey(header: NrrdHeader, *, sequence: bool) -> None:
    """Whether the axes are those of grey-level volumes.

    Args:
        header: of any number of axes.
        sequence: whether the file is named ``.seq.nrrd``.

    Raises:
        NrrdError: colours, vectors, tensors, diffusion-weighted images, phases of a slice that has no axis of its own.
    """
    if header.pairs.get("modality", "").upper() == "DWMRI":
        raise NrrdError("holds diffusion-weighted images (modality DWMRI), one for each gradient; no phases of a cine")
    moving = [kind for kind in header.kinds if kind in ("list", "time")]
    if moving and len(header.sizes) == 3:
        axes = f"it has two axes of space and one of the kind {moving[0]}"
        raise NrrdError(f"is neither a volume nor a cine: {axes}; the phases of one slice need a fourth, of size 1")
    for kind in header.kinds:
        if COLOURS.fullmatch(kind):
            raise NrrdError(f"is a colour image (an axis of the kind {kind}); a grey-level volume is needed")
        if VALUES.fullmatch(kind):
            values = f"{header.sizes[header.kinds.index(kind)]} values a voxel (an axis of the kind {kind})"
            raise NrrdError(f"has {values}; a grey-level volume is needed")
        if kind in VECTORS and not sequence:
            values = f"{header.sizes[header.kinds.index(kind)]} values a voxel (an axis of the kind {kind})"
            hint = "phases of a cine are taken from a file whose name ends in .seq.nrrd"
            raise NrrdError(f"has {values}; a grey-level volume is needed ({hint})")


def is_cine(header: NrrdHeader) -> bool:
    """Whether a header has the axes of a cine: three of space, and one more."""
    return len(header.sizes) == 4


def phase_axis(header: NrrdHeader) -> int:
    """The axis of the phases among four: the one that has no direction in space.

    Raises:
        NrrdError: none or several could be it.
    """
    vectors = header.axis_directions
    kinds = [*header.kinds, *[""] * 4][:4]
    if not vectors:
        axes = [axis for axis, kind in enumerate(kinds) if kind in ("list", "time", *VECTORS)]
        return axes[0] if len(axes) == 1 else 3
    axes = [axis for axis, vector in enumerate(vectors) if vector is None or not np.any(vector[:3])]
    if len(axes) != 1:
        raise NrrdError(f"has {len(axes)} axes without a direction in space, not one: its phases cannot be told")
    return axes[0]


def size_of(header: NrrdHeader) -> tuple[int, int, int]:
    """Voxels along i, j and k."""
    extents = [extent for axis, extent in enumerate(header.sizes) if axis != phase_axis(header)]
    return extents[0], extents[1], extents[2]


def ijk_to_ras_of(header: NrrdHeader) -> NDArray[np.float64]:
    """IJK-to-RAS of each volume, left-handed or not."""
    axis, matrix = phase_axis(header), np.eye(4)
    vectors = [vector for n, vector in enumerate(header.axis_directions) if n != axis]
    spacings = header.fields.get("spacings", "").split()
    if vectors:
        matrix[:3, :3] = np.array([vector[:3] for vector in vectors if vector is not None]).T
    elif len(spacings) == 4:
        steps = [float(step) for n, step in enumerate(spacings) if n != axis]
        matrix[:3, :3] = np.diag(np.where(np.isfinite(steps), steps, 1.0))
    origin = re.findall(r"[^(),\s]+", header.fields.get("space origin", ""))
    matrix[:3, 3] = [float(part) for part in origin[:3]] if len(origin) >= 3 else (0, 0, 0)
    space = header.fields.get("space", "").removesuffix("-time").removesuffix("T")
    return np.diag([*SPACES.get(ABBREVIATED.get(space, space), LPS), 1.0]) @ matrix


def index_of(header: NrrdHeader) -> Index:
    """What the phases are counted by: Slicer's index, a multi-volume's, the axis' own step in time, or 0, 1, 2 ..."""
    axis = phase_axis(header)
    count = header.sizes[axis]
    labels, units = (_quoted(header.fields.get(name, "")) for name in ("labels", "units"))
    name = labels[axis] if axis < len(labels) and labels[axis] else "frame"
    unit = units[axis] if axis < len(units) else ""
    if len(header.index_values) == count:
        numeric = not any(text == "text" for key, text in header.pairs.items() if key.endswith("index type"))
        return Index(name, unit, tuple(map(_decoded, header.index_values)), numeric)
    frames = header.pairs.get(f"{MULTI_VOLUME}FrameLabels", "").split(",")
    if len(frames) == count and all(_is_number(text) for text in frames):
        tag, unit = (header.pairs.get(f"{MULTI_VOLUME}FrameIdentifyingDICOMTag{key}", "") for key in ("Name", "Units"))
        return Index(tag or name, unit, tuple(text.strip() for text in frames), True)
    step = _step(header, axis)
    if step and unit in TIME_UNITS:
        return Index(name, unit, tuple(f"{n * step:.6g}" for n in range(count)), True)
    return Index(name, "", tuple(map(str, range(count))), True)


def _step(header: NrrdHeader, axis: int) -> float:
    """The step along the axis of phases; 0 where none is stated."""
    spacings = header.fields.get("spacings", "").split()
    vectors = header.axis_directions
    if vectors and vectors[axis] is not None:
        return float(np.linalg.norm(vectors[axis]))  # type: ignore[arg-type]
    step = float(spacings[axis]) if axis < len(spacings) and _is_number(spacings[axis]) else 0.0
    return step if np.isfinite(step) and step > 0 else 0.0


def phases(path: Path, header: NrrdHeader) -> Iterator[NDArray]:
    """The volumes one after the other, ``(k, j, i)``, in this machine's byte order; 64-bit integers as float64.

    Raises:
        NrrdError: fewer voxels than the header promises, or damaged ones.
    """
    shape, dtype = size_of(header)[::-1], header.dtype
    count = header.sizes[phase_axis(header)]
    if phase_axis(header) == 3:
        size = int(np.prod(shape)) * dtype.itemsize
        every = (np.frombuffer(piece, dtype).reshape(shape) for piece in _pieces(path, header, size, count))
    else:
        (piece,) = _pieces(path, header, int(np.prod(header.sizes)) * dtype.itemsize, 1)
        whole = np.frombuffer(piece, dtype).reshape(header.sizes[::-1])
        every = (voxels for voxels in np.moveaxis(whole, 3 - phase_axis(header), 0))
    for voxels in every:
        wide = dtype.kind in "iu" and dtype.itemsize == 8
        yield np.ascontiguousarray(voxels, np.float64 if wide else dtype.newbyteorder("="))


def _pieces(path: Path, header: NrrdHeader, size: int, count: int) -> Iterator[bytes]:
    """``count`` pieces of ``size`` bytes."""
    pending = bytearray()
    blocks = voxel_blocks(path, header)
    for n in range(count):
        while len(pending) < size:
            block = next(blocks, None)
            if block is None:
                raise NrrdError(f"is cut short: {n * size + len(pending)} of {count * size} bytes of voxels")
            pending += block
        yield bytes(pending[:size])
        del pending[:size]
    for _ in blocks:  # the checksum of compressed voxels comes last
        pass


def _decoded(text: str) -> str:
    """An index value without the percent signs by which Slicer writes spaces and the like."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())
    return raw.decode("utf-8", "replace")


def _quoted(text: str) -> list[str]:
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
