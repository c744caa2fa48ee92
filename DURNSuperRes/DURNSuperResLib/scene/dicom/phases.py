"""The order of a cine's images in time: by trigger time, or by the best tag there is, never by file name.

Trigger times (PS3.3 C.8.3.1) of the same phase differ between slices when each slice has a breath-hold and a heart rate
of its own, so slices are compared after a common stretch of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frames import TIME_TAGS, Frame

SAME_TIME_MS = 0.01
STRETCH = (0.6, 1.6)  # heart rates of the slices of one cine, relative to their median
TRIGGERS = ("TriggerTime", "NominalCardiacTriggerDelayTime")


@dataclass(frozen=True)
class Order:
    """Locations whose images were sorted in time.

    Attributes:
        tag: what they were sorted by.
        locations: the images of each location in their order.
        faults: for each location what is wrong with its phases; empty if nothing is.
        phases: how many images a whole location has.
        notes: what a reader should know of the choice.
    """

    tag: str
    locations: tuple[tuple[Frame, ...], ...]
    faults: tuple[str, ...]
    phases: int
    notes: tuple[str, ...]

    @property
    def timed(self) -> bool:
        """Whether the tag is a time in ms."""
        return self.tag in TRIGGERS


def in_order(locations: Sequence[Sequence[Frame]]) -> Order:
    """Sort the images of each location in time, and say which locations are not whole."""
    counts = [len(images) for images in locations]
    phases = max(set(counts), key=lambda count: (counts.count(count), count))
    tag = _best_tag(locations)
    ordered = tuple(tuple(sorted(images, key=lambda image: image.times.get(tag, 0.0))) for images in locations)
    faults = [_fault(images, phases, tag) for images in ordered]
    if phases > 1 and tag in TRIGGERS:
        faults = _out_of_step(ordered, faults, tag)
    notes = _notes(ordered, faults, phases, tag) if max(counts) > 1 else ()
    return Order(tag, ordered, tuple(faults), phases, tuple(notes))


def mean_times(order: Order, whole: Sequence[Sequence[Frame]]) -> list[float]:
    """The time of each phase, averaged over the whole locations: ms, or 0, 1, 2 ... without a time tag."""
    if not order.timed:
        return [float(n) for n in range(order.phases)]
    return [round(float(np.mean([images[n].times[order.tag] for images in whole])), 3) for n in range(order.phases)]


def _best_tag(locations: Sequence[Sequence[Frame]]) -> str:
    """The first tag that every image has and that tells the images of most locations apart."""
    images = [image for location in locations for image in location]
    for tag in (*TIME_TAGS, "InstanceNumber"):
        if all(tag in image.times for image in images):
            distinct = sum(_distinct([image.times[tag] for image in location]) for location in locations)
            if 2 * distinct > len(locations):
                return tag
    return ""


def _distinct(values: list[float]) -> bool:
    return len(values) < 2 or float(np.diff(np.sort(values)).min()) > SAME_TIME_MS


def _fault(images: Sequence[Frame], phases: int, tag: str) -> str:
    if len(images) < phases:
        return f"{len(images)} of {phases} phases"
    if len(images) > phases:
        return f"{len(images)} images for {phases} phases"
    if phases > 1 and not tag:
        return "no tag that tells its phases apart"
    if tag and not _distinct([image.times[tag] for image in images]):
        return f"two images with one {tag}"
    return ""


def _out_of_step(ordered: Sequence[Sequence[Frame]], faults: list[str], tag: str) -> list[str]:
    """Mark whole locations whose trigger times do not follow the others', so that unlike phases are never joined."""
    whole = [n for n, fault in enumerate(faults) if not fault]
    if len(whole) < 2:
        return faults
    times = np.array([[image.times[tag] for image in ordered[n]] for n in whole])
    pattern = np.median(times, axis=0)
    half_step = 0.5 * float(np.median(np.diff(pattern)))
    marked = list(faults)
    for n, row in zip(whole, times, strict=True):
        stretch = float(row @ pattern / (pattern @ pattern)) if pattern.any() else 1.0
        if not STRETCH[0] < stretch < STRETCH[1] or np.abs(row - stretch * pattern).max() > half_step:
            marked[n] = f"a {tag} unlike that of the other slices"
    return marked


def _notes(ordered: Sequence[Sequence[Frame]], faults: Sequence[str], phases: int, tag: str) -> list[str]:
    notes = []
    if not tag:
        notes.append("no tag tells the phases apart")
    elif tag not in TRIGGERS:
        notes.append(f"phases are in the order of {tag}, since TriggerTime is missing or does not tell them apart")
    whole = [images for images, fault in zip(ordered, faults, strict=True) if not fault]
    if tag in TRIGGERS:
        if any(_disagrees(images) for images in whole):
            notes.append(f"{tag} and InstanceNumber give different orders of the phases; {tag} was followed")
        uneven = _uneven(np.array([[image.times[tag] for image in images] for images in whole]))
        notes += [uneven] if uneven else []
    stated = {image.stated_phases for images in whole for image in images} - {None}
    if stated and stated != {phases} and whole:
        said = ", ".join(str(count) for count in sorted(stated))  # type: ignore[type-var]
        notes.append(f"{phases} phases were found, CardiacNumberOfImages says {said}: phases may be missing")
    return notes


def _disagrees(images: Sequence[Frame]) -> bool:
    numbers = [image.times.get("InstanceNumber", 0.0) for image in images]
    return _distinct(numbers) and numbers != sorted(numbers)


def _uneven(times: NDArray[np.float64]) -> str:
    """A note on phases that are much further apart than most; empty if none are. ``times`` is (locations, phases)."""
    if times.size == 0 or times.shape[1] < 3:
        return ""
    steps = np.diff(times, axis=1)
    if np.all(steps < 1.5 * np.median(steps, axis=1, keepdims=True)):
        return ""
    return f"phases are unevenly spaced ({steps.min():.1f} to {steps.max():.1f} ms): one may be missing"
