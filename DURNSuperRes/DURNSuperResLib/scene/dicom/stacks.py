"""Which images of a folder belong together, as a cardiac reader thinks of them.

Parallel slices of one study that share orientation, matrix, spacing, kind of image and number of phases are one stack,
also where each slice is a series of its own. A single slice over time is a cine of its own. The spacing across slices
comes from their positions (PS3.3 C.7.6.2.1.1), never from SliceThickness, unless there is one slice only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .frames import Aside, Frame, read_folder
from .grouping import CONFLICT, Location, drop_copies, groups_of
from .phases import Order, in_order, mean_times
from .plain import GAP_TOLERANCE, POSITION_TOLERANCE_MM, DicomError
from .planes import View, view_of

LISTED = 8
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stack:
    """Parallel slices at evenly spaced locations, each with the same phases; or what is known of one that is not.

    Attributes:
        number: as :func:`contents_of` counts them, from 1.
        frames: ``frames[phase][slice]``, the slices along their normal.
        times: of the phases: ms where ``timed``, else 0, 1, 2 ...
        timed: whether the phases have trigger times.
        gap: distance of neighbouring slices in mm; with one slice the thickness, or 1 if none is stated.
        view: what plane of the heart or body it shows.
        notes: what a reader should know; lines without file names' patients or the like.
        left_out: images of the stack that are not in ``frames``, since their location is not whole.
        refusal: why it must not be upscaled; empty if it may.
    """

    number: int
    frames: tuple[tuple[Frame, ...], ...]
    times: tuple[float, ...]
    timed: bool
    gap: float
    view: View
    notes: tuple[str, ...]
    left_out: tuple[Frame, ...]
    refusal: str

    @property
    def first(self) -> Frame:
        """The first slice of the first phase."""
        return self.frames[0][0]

    @property
    def phases(self) -> int:
        """How many phases each location has."""
        return len(self.frames)

    @property
    def slices(self) -> int:
        """How many locations there are."""
        return len(self.frames[0])

    @property
    def every_frame(self) -> list[Frame]:
        """All images in ``frames`` and ``left_out``."""
        return [image for phase in self.frames for image in phase] + list(self.left_out)

    @property
    def series_numbers(self) -> list[int]:
        """The numbers of the series that the images come from, ascending."""
        return sorted({image.series_number for image in self.every_frame if image.series_number is not None})

    @property
    def descriptions(self) -> list[str]:
        """The different series descriptions."""
        return sorted({image.description for image in self.every_frame if image.description})

    @property
    def ijk_to_ras(self) -> NDArray[np.float64]:
        """4 x 4 matrix of the volume ``(slices, rows, columns)``, from the positions alone.

        The direction cosines in a file are rounded; they are brought to right angles in the way ITK does it, so that
        every reader that builds on ITK, Slicer among them, places the voxels alike.
        """
        first = self.first
        along_row = np.cross(first.orientation[3:], first.normal)
        along_row /= np.linalg.norm(along_row)
        matrix = np.eye(4)
        matrix[:3, 0] = along_row * first.spacing[1]
        matrix[:3, 1] = np.cross(first.normal, along_row) * first.spacing[0]
        matrix[:3, 2] = first.normal * self.gap
        matrix[:3, 3] = first.position
        return LPS_TO_RAS @ matrix


@dataclass(frozen=True)
class Contents:
    """What a DICOM folder holds: stacks, objects set aside, and how many files are no DICOM."""

    folder: Path
    stacks: tuple[Stack, ...]
    asides: tuple[Aside, ...]
    other_files: int


def contents_of(folder: Path) -> Contents:
    """What lies in a folder of any depth and mixture. No file is changed, none is trusted to be whole.

    Raises:
        DicomError: a folder without one DICOM object.
    """
    frames, asides, others = read_folder(folder)
    if not frames and not asides:
        raise DicomError(f"{folder} holds no DICOM image")
    return contents_from(folder, frames, asides, others)


def contents_from(folder: Path, frames: list[Frame], asides: list[Aside], others: int) -> Contents:
    """What :func:`contents_of` says of a folder whose files have been read."""
    frames, notes = drop_copies(frames)
    asides = list(asides)
    for image in [image for image in frames if image.localiser]:
        asides.append(Aside(image.path, "a localiser", False, image.series, label_of(image)))
    stacks = [_stack(locations) for locations in groups_of([image for image in frames if not image.localiser])]
    stacks.sort(key=lambda stack: (-stack.slices * stack.phases, stack.series_numbers, stack.descriptions))
    finished = [_with_damage(stack, n + 1, asides, notes) for n, stack in enumerate(stacks)]
    return Contents(folder, tuple(finished), tuple(asides), others)


def label_of(image: Frame) -> str:
    """The series of an image, as people call it."""
    number = f"series {image.series_number}" if image.series_number is not None else ""
    return " ".join(filter(None, (number, image.description)))


def choose_stack(contents: Contents, wanted: str | None = None) -> Stack:
    """The stack that a user means: by its number, view or series description, or the only one there can be.

    Without ``wanted`` that is the only stack, else the only one of several slices.

    Raises:
        DicomError: none or several fit, or the one that fits must not be upscaled; the message lists them.
    """
    stacks = contents.stacks
    if not stacks:
        reasons = "; ".join(sorted({aside.reason for aside in contents.asides})[:4])
        raise DicomError(f"{contents.folder} holds no stack of slices ({reasons})")
    if wanted is not None:
        found = [s for s in stacks if _is_called(s, wanted)]
    else:
        found = list(stacks) if len(stacks) == 1 else [s for s in stacks if s.slices > 1]
    if len(found) != 1:
        how_many = "several stacks" if found or wanted is None else "no stack"
        called = f" called {wanted!r}" if wanted is not None else ""
        candidates = found or stacks
        listed = "; ".join(f"{s.number}: {summary(s)}" for s in candidates[:LISTED])
        listed += "; and more, see durn-superres info" if len(candidates) > LISTED else ""
        raise DicomError(f"{contents.folder} holds {how_many}{called}; choose one with --series: {listed}")
    if found[0].refusal:
        raise DicomError(f"{contents.folder}: {summary(found[0])} cannot be taken: {found[0].refusal}")
    return found[0]


def summary(stack: Stack) -> str:
    """A stack in a few words."""
    name = stack.descriptions[0] if stack.descriptions else "no description"
    return f"{stack.view}, {stack.slices} slices x {stack.phases} phases, {name}"


def _is_called(stack: Stack, wanted: str) -> bool:
    if wanted.strip().isdecimal():
        return int(wanted) == stack.number
    wanted = wanted.strip().lower()
    return wanted in (stack.view.name.lower(), *(text.lower() for text in stack.descriptions))


def _stack(locations: list[Location]) -> Stack:
    """A stack of the whole ones among parallel locations, and why it must be refused if that leaves a hole."""
    order = in_order([location.frames for location in locations])
    whole = [n for n, fault in enumerate(order.faults) if not fault]
    refusal = "" if whole else f"no slice has all its phases: {order.faults[0]}"
    if len(whole) * 2 < len(locations) and not refusal:
        refusal = f"only {len(whole)} of {len(locations)} slices have all their {order.phases} phases"
    if whole and whole != list(range(whole[0], whole[-1] + 1)) and not refusal:
        refusal = "a slice in its midst is not complete"
    kept = [order.locations[n] for n in whole] or [images[: order.phases] for images in order.locations[:1]]
    left_out = tuple(image for n, images in enumerate(order.locations) if n not in whole for image in images)
    notes = list(order.notes) + _incomplete(order, locations, whole)
    gap, reason = _even_gap(kept)
    phases = min(len(images) for images in kept)
    first = kept[0][0]
    stated = first.stated_gap
    if not reason and len(kept) > 1 and stated and abs(stated - gap) > GAP_TOLERANCE * gap:
        notes.append(f"slices lie {gap:.2f} mm apart by their positions, SpacingBetweenSlices says {stated:g}")
    return Stack(
        number=0,
        frames=tuple(tuple(images[n] for images in kept) for n in range(phases)),
        times=tuple(mean_times(order, kept) if whole else range(phases)),
        timed=order.timed,
        gap=gap,
        view=view_of(" ".join(sorted({image.description for images in kept for image in images})), first.normal),
        notes=tuple(notes),
        left_out=left_out if whole else (),
        refusal=refusal or reason,
    )


def _incomplete(order: Order, locations: Sequence[Location], whole: Sequence[int]) -> list[str]:
    """A line on the slices that are left out, with the reason for each."""
    missing = [n for n in range(len(locations)) if n not in whole]
    if not missing:
        return []
    why = "; ".join(f"slice {n + 1} of {len(locations)} has {order.faults[n]}" for n in missing)
    count = sum(len(order.locations[n]) for n in missing)
    return [f"incomplete: {len(whole)} slices with all {order.phases} phases are left, {count} images left out ({why})"]


def _even_gap(kept: Sequence[Sequence[Frame]]) -> tuple[float, str]:
    """Distance between neighbouring slices in mm, and why they are no straight even stack; empty if they are."""
    first = kept[0][0]
    if len(kept) == 1:
        return first.thickness if first.thickness and first.thickness > 0 else 1.0, ""
    normal = first.normal
    positions = np.array([images[0].position for images in kept])
    depths = positions @ normal
    gaps = np.diff(depths)
    if gaps.min() < POSITION_TOLERANCE_MM:
        return 1.0, "two of its slices lie at one depth, shifted sideways"
    gap = float(gaps.mean())
    if np.ptp(gaps) > GAP_TOLERANCE * gap:
        return gap, f"its slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart; one even gap is needed"
    drift = positions - np.outer(depths, normal)
    if np.linalg.norm(drift - drift[0], axis=1).max() > len(kept) * POSITION_TOLERANCE_MM:
        return gap, "its slices are shifted sideways against one another; a straight stack is needed"
    return gap, ""


def _with_damage(stack: Stack, number: int, asides: Sequence[Aside], copies: dict[Path, str]) -> Stack:
    """The stack with its number, refused if an image of it, or one that may be of it, is damaged."""
    images = stack.every_frame
    series, folders = {image.series for image in images}, {image.path.parent for image in images}
    notes = list(stack.notes) + sorted({copies[image.path] for image in images if image.path in copies})
    damage = [f"{image.path.name} {image.damage}" for image in images if image.damage]
    elsewhere = 0
    for aside in (aside for aside in asides if aside.damaged):
        if aside.series in series or (aside.series is None and aside.path.parent in folders):
            damage.append(f"{aside.path.name} {aside.reason}, and may belong to it; repair it or move it away")
        else:
            elsewhere += 1
    if elsewhere:
        notes.append(f"damaged files elsewhere in the folder: {elsewhere}; slices may be missing")
    conflicts = [note for note in notes if note.startswith(CONFLICT)]
    refusal = next((reason for reason in (*damage[:1], *conflicts, stack.refusal) if reason), "")
    return replace(stack, number=number, notes=tuple(notes), refusal=refusal)
