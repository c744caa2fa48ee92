"""What a volume or cine file holds, from its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .door import check_header, damage_named, is_sequence, suffix
from .nrrd import NrrdHeader, read_header
from .nrrd_cine import check_grey, ijk_to_ras_of, index_of, is_cine, size_of
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
        with damage_named(path):
            header = read_header(path)
            check_grey(header, sequence=is_sequence(path))
            if is_cine(header):
                return _of_sequence(header)
    return _of_image(path)


def _of_sequence(header: NrrdHeader) -> FileFacts:
    index, steps = index_of(header), np.linalg.norm(ijk_to_ras_of(header)[:3, :3], axis=0)
    spacing = (float(steps[0]), float(steps[1]), float(steps[2]))
    stated = index.unit or header.index_values
    return FileFacts(size_of(header), spacing, len(index.values), index.values if stated else (), is_cine=True)


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
