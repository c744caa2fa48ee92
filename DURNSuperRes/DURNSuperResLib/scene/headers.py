"""What a volume or cine file holds, from its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .door import InputError, check_header, suffix
from .nrrd import NrrdError, read_header
from .storage import image_information


@dataclass(frozen=True)
class FileFacts:
    """Size (i, j, k), spacing in mm along these, phases, and their times as Slicer's index values, if it has any."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    phases: int
    times: tuple[str, ...]
    is_cine: bool


def facts_of(path: Path) -> FileFacts:
    """The facts of a NRRD, NIfTI or MetaImage file.

    Raises:
        InputError: a missing or damaged file, or one of another kind.
    """
    if suffix(path) == ".nrrd":
        check_header(path)
        try:
            header = read_header(path)
        except NrrdError as error:
            raise InputError(f"{path} {error}") from error
        if len(header.sizes) == 4 and len(header.directions) == 3:
            return _of_sequence(header.sizes, header.fields, header.directions, tuple(header.index_values))
    return _of_image(path)


def _of_sequence(
    sizes: tuple[int, ...], fields: dict[str, str], directions: list[np.ndarray], times: tuple[str, ...]
) -> FileFacts:
    """Of a 4-D NRRD, whose list of phases is the axis without a direction: Slicer writes it last, or first."""
    phase_axis = 0 if fields.get("space directions", "").strip().startswith("none") else 3
    size = [extent for axis, extent in enumerate(sizes) if axis != phase_axis]
    spacing = [float(np.linalg.norm(direction)) for direction in directions]
    return FileFacts(
        (size[0], size[1], size[2]), (spacing[0], spacing[1], spacing[2]), sizes[phase_axis], times, is_cine=True
    )


def _of_image(path: Path) -> FileFacts:
    reader = image_information(path)
    size = (*reader.GetSize(), 1, 1)[:4] if reader.GetDimension() < 4 else reader.GetSize()[:4]
    spacing = (*reader.GetSpacing(), 1.0, 1.0)[:3]
    phases = int(size[3]) if reader.GetDimension() == 4 else 1
    return FileFacts(
        (int(size[0]), int(size[1]), int(size[2])),
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        phases,
        (),
        is_cine=phases > 1,
    )
