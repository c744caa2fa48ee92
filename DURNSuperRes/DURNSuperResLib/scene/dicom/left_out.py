"""What was left out of a stack though it belongs to the same series or row: each with its files and the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .frames import SEQUENCE_TAGS, Aside, Frame
from .grouping import edge_shift_mm, fits_into
from .stack import Stack

NAMED = 3
NEARLY = 3.0  # pixels, by which images are nearly parallel
PARALLEL = 0.02  # length of the difference of two unit normals: 1 degree


def left_out_of(stack: Stack, stacks: Sequence[Stack], asides: Sequence[Aside]) -> list[str]:
    """A line for each group of images of the same series, or of the same row of slices, that is not in a stack."""
    differing: dict[str, list[Stack]] = defaultdict(list)
    for other in stacks:
        if other.number != stack.number and (_same_series(stack, other) or _same_row(stack, other)):
            differing[_difference(stack, other)].append(other)
    lines = []
    for reason, others in differing.items():
        images = [image for other in others for image in other.every_frame]
        what = f"{_count(images)} ({_names([image.path.name for image in images])})"
        which = f"stack{'s' if len(others) > 1 else ''} {', '.join(str(other.number) for other in others)}"
        lines.append(f"left out: {what}, {which}: {reason}")
    series = {image.series for image in stack.every_frame}
    by_reason: dict[str, list[str]] = defaultdict(list)
    for aside in asides:
        if not aside.damaged and aside.series in series:
            by_reason[aside.reason].append(aside.path.name)
    for reason, names in by_reason.items():
        lines.append(f"set aside of the same series: {len(names)} files ({_names(names)}): {reason}")
    return lines


def _same_series(one: Stack, other: Stack) -> bool:
    return bool({image.series for image in one.every_frame} & {image.series for image in other.every_frame})


def _same_row(one: Stack, other: Stack) -> bool:
    """Whether a single slice fits into a row of others, whatever else it differs in."""
    a, b = one.first, other.first
    if other.slices > 1 or one.slices < 2 or (a.patient, a.study) != (b.patient, b.study):
        return False
    if np.linalg.norm(a.normal - b.normal) > PARALLEL or a.kind[0] != b.kind[0]:
        return False
    depths = [float(frame.position @ a.normal) for frame in one.frames[0]]
    sideways = (b.position - a.position) - a.normal * float((b.position - a.position) @ a.normal)
    return float(np.linalg.norm(sideways)) < 2 * max(a.spacing) and fits_into(depths, float(b.position @ a.normal))


def _difference(stack: Stack, other: Stack) -> str:
    """In what another stack differs."""
    a, b = stack.first, other.first
    if (a.patient, a.study) != (b.patient, b.study):
        return "they are filed under another patient or study"
    if a.kind[0] != b.kind[0]:
        return f"they show {b.kind[0] or 'nothing stated'}, not {a.kind[0] or 'nothing stated'}"
    for name, one, two in zip(SEQUENCE_TAGS, a.kind[1:], b.kind[1:], strict=True):
        if one != two:
            return f"{name} is {two or 'not stated'}, not {one or 'not stated'}"
    if a.matrix != b.matrix:
        return f"they have {b.matrix[1]} x {b.matrix[0]} pixels, not {a.matrix[1]} x {a.matrix[0]}"
    if max(abs(x - y) for x, y in zip(a.spacing, b.spacing, strict=True)) > 1e-4:
        return f"their pixels are {_mm(b)} mm, not {_mm(a)} mm"
    if np.abs(a.orientation - b.orientation).max() > 1e-6:
        far = edge_shift_mm(a, b)
        by = f" (by {far:.2f} mm at the far edge)" if far < NEARLY * min(a.spacing) else ""
        return f"they lie in another direction{by}"
    if a.frame_of_reference != b.frame_of_reference:
        return "they have another frame of reference"
    if a.echo != b.echo:
        return "they are of another echo"
    return f"{other.phases} phases, not {stack.phases}, or places that are taken"


def _mm(frame: Frame) -> str:
    return f"{frame.spacing[1]:.4g} x {frame.spacing[0]:.4g}"


def _count(images: Sequence[Frame]) -> str:
    return f"{len(images)} image{'s' if len(images) > 1 else ''}"


def _names(names: Sequence[str]) -> str:
    unique = sorted(set(names))
    more = f" and {len(unique) - NAMED} more" if len(unique) > NAMED else ""
    return ", ".join(unique[:NAMED]) + more
