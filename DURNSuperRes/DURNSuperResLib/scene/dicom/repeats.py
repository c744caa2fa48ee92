"""A slice that was acquired more than once: its acquisitions told apart, and one of them taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .frames import Frame

APART = ("AcquisitionNumber", "AcquisitionDateTime", "AcquisitionTime", "FrameAcquisitionNumber")


@dataclass(frozen=True)
class Choice:
    """The images that were taken at a location, those of other acquisitions, and a note; empty if there is none."""

    taken: tuple[Frame, ...]
    left: tuple[Frame, ...] = ()
    note: str = ""


def one_acquisition(images: Sequence[Frame], phases: int) -> Choice:
    """The latest of several whole acquisitions of one slice; all its images where none can be told apart.

    Args:
        images: at one place.
        phases: how many images one acquisition has.
    """
    if len(images) <= phases or len(images) % phases:
        return Choice(tuple(images))
    for tag in APART:
        sets = _sets(images, tag)
        if len(sets) == len(images) // phases and all(len(one) == phases for one in sets.values()):
            latest = max(sets)
            left = tuple(image for key, one in sets.items() if key != latest for image in one)
            times = {2: "twice"}.get(len(sets), f"{len(sets)} times")
            what = f"{len(images)} images for {phases} phase{'s' if phases > 1 else ''}"
            return Choice(tuple(sets[latest]), left, f"was acquired {times} ({what}): the latest by {tag} was taken")
    return Choice(tuple(images))


def _sets(images: Sequence[Frame], tag: str) -> dict[float, list[Frame]]:
    sets: dict[float, list[Frame]] = defaultdict(list)
    for image in images:
        if tag in image.times:
            sets[image.times[tag]].append(image)
    return sets
