"""Which images of a folder belong together, as a cardiac reader thinks of them.

Parallel slices of one study that share orientation, matrix, spacing, kind of image and number of phases are one stack,
also where each slice is a series of its own. A single slice over time is a cine of its own. The spacing across slices
comes from their positions (PS3.3 C.7.6.2.1.1), never from SliceThickness, unless there is one slice only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .building import stack_of
from .frames import LEADS_BACK, Aside, Frame, read_folder
from .grouping import CONFLICT, drop_copies, groups_of
from .left_out import left_out_of
from .nature import NO_MAGNITUDES
from .plain import DicomError
from .stack import Stack

__all__ = ["Contents", "Stack", "beside_of", "choose_stack", "contents_from", "contents_of", "label_of", "summary"]

LISTED = 8


@dataclass(frozen=True)
class Contents:
    """What a DICOM folder holds: stacks, objects set aside, and how many files are no DICOM."""

    folder: Path
    stacks: tuple[Stack, ...]
    asides: tuple[Aside, ...]
    other_files: int


def contents_of(folder: Path, order: str = "auto") -> Contents:
    """What lies in a folder of any depth and mixture. No file is changed, none is trusted to be whole.

    Args:
        folder: of DICOM files.
        order: what orders phases: ``auto``, ``trigger``, ``acquisition`` or ``instance``.

    Raises:
        DicomError: a folder without one DICOM object.
    """
    frames, asides, others = read_folder(folder)
    if not frames and not any(aside.reason != LEADS_BACK for aside in asides):
        raise DicomError(f"{folder} holds no DICOM image")
    return contents_from(folder, frames, asides, others, order)


def contents_from(folder: Path, frames: list[Frame], asides: list[Aside], others: int, order: str = "auto") -> Contents:
    """What :func:`contents_of` says of a folder whose files have been read."""
    frames, notes = drop_copies(frames)
    asides = list(asides)
    for image in [image for image in frames if image.localiser]:
        asides.append(Aside(image.path, "a localiser", False, image.series, label_of(image)))
    groups = groups_of([image for image in frames if not image.localiser])
    stacks = [stack_of(locations, order) for locations in groups]
    stacks.sort(key=lambda stack: (-stack.slices * stack.phases, stack.series_numbers, stack.descriptions))
    stacks = [replace(stack, number=n + 1) for n, stack in enumerate(stacks)]
    finished = [_with_damage(stack, asides, notes) for stack in stacks]
    told = [replace(one, notes=(*one.notes, *left_out_of(one, stacks, asides))) for one in finished]
    return Contents(folder, tuple(told), tuple(asides), others)


def label_of(image: Frame) -> str:
    """The series of an image, as people call it."""
    number = f"series {image.series_number}" if image.series_number is not None else ""
    return " ".join(filter(None, (number, image.description)))


def choose_stack(contents: Contents, wanted: str | None = None) -> Stack:
    """The stack that a user means: by its number, view or series description, or the only one there can be.

    Without ``wanted`` that is the only stack, else the only one of several slices, else the only one of these that does
    not show phases or a part of complex values.

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
        magnitudes = [s for s in found if s.first.kind[0] not in NO_MAGNITUDES]
        found = magnitudes if len(magnitudes) == 1 else found
    if len(found) != 1:
        how_many = "several stacks" if found or wanted is None else "no stack"
        called = f" called {wanted!r}" if wanted is not None else ""
        candidates = found or stacks
        listed = "; ".join(f"{s.number}: {summary(s)}" for s in candidates[:LISTED])
        listed += "; and more, see durn-superres info" if len(candidates) > LISTED else ""
        raise DicomError(f"{contents.folder} holds {how_many}{called}; choose one with --series: {listed}")
    if found[0].refusal:
        notes = "".join(f"; {note}" for note in found[0].notes)
        raise DicomError(f"{contents.folder}: {summary(found[0])} cannot be taken: {found[0].refusal}{notes}")
    return found[0]


def beside_of(contents: Contents) -> str:
    """What a folder holds beside the one stack that is taken, in words; empty if there is nothing."""
    counts = {
        "other stack": len(contents.stacks) - 1,
        "file that was set aside": len(contents.asides),
        "file that is no DICOM": contents.other_files,
    }
    return ", ".join(f"{count} {_several(what, count)}" for what, count in counts.items() if count)


def _several(what: str, count: int) -> str:
    if count == 1:
        return what
    many = what.replace("file that was", "files that were").replace("file that is", "files that are")
    return f"{many}s" if many == what else many


def summary(stack: Stack) -> str:
    """A stack in a few words."""
    name = stack.descriptions[0] if stack.descriptions else "no description"
    return f"{stack.view}, {stack.slices} slices x {stack.phases} phases, {name}"


def _is_called(stack: Stack, wanted: str) -> bool:
    if wanted.strip().isdecimal():
        return int(wanted) == stack.number
    wanted = wanted.strip().lower()
    return wanted in (stack.view.name.lower(), *(text.lower() for text in stack.descriptions))


def _with_damage(stack: Stack, asides: Sequence[Aside], copies: dict[Path, str]) -> Stack:
    """The stack, refused if an image of it, or one that may be of it, is damaged."""
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
    return replace(stack, notes=tuple(notes), refusal=refusal)
