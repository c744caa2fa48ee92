"""The order of a cine's images in time: by trigger time, or by the best tag there is, never by file name.

Trigger times (PS3.3 C.8.3.1) of the same phase differ between slices when each slice has a breath-hold and a heart rate
of its own, so slices are compared after a common stretch of time. In first-pass perfusion and real-time cines the
trigger time counts from the last of many beats; there the order of acquisition holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frames import CLOCK_TAGS, DIMENSION, POSITION_TAGS, TRIGGER_TAGS, Frame
from .repeats import one_acquisition

SAME_TIME_MS = 0.01
SAME_SHAPE = 0.1  # of a step
STRETCH = (0.6, 1.6)  # heart rates of the slices of one cine, relative to their median
INSTANCE = "InstanceNumber"
FRAME_CLOCKS = tuple(tag for tag in CLOCK_TAGS if tag.startswith("Frame"))

Images = tuple[Frame, ...]


@dataclass(frozen=True)
class Order:
    """Locations whose images were sorted in time.

    Attributes:
        tag: what they were sorted by.
        locations: the images of each location in their order.
        repeated: those of an acquisition in place of which another one was taken.
        faults: for each location what is wrong with its phases; empty if nothing is.
        phases: how many images a whole location has.
        notes: what a reader should know of the choice.
    """

    tag: str
    locations: tuple[Images, ...]
    repeated: Images
    faults: tuple[str, ...]
    phases: int
    notes: tuple[str, ...]

    @property
    def timed(self) -> bool:
        """Whether the tag is a time in ms."""
        return self.tag in (*TRIGGER_TAGS, *CLOCK_TAGS)

    @property
    def certain(self) -> bool:
        """Whether a tag of time told the images apart, not a mere number."""
        return self.tag not in ("", INSTANCE, "frame number")


def in_order(locations: Sequence[Sequence[Frame]], wanted: str = "auto") -> Order:
    """Sort the images of each location in time, and say which locations are not whole.

    Args:
        locations: the images at each place.
        wanted: ``auto``, or what to follow: ``trigger``, ``acquisition`` (time) or ``instance`` (number).
    """
    counts = [len(images) for images in locations]
    phases = max(set(counts), key=lambda count: (counts.count(count), count))
    chosen = [one_acquisition(images, phases) for images in locations]
    notes = [f"slice {n + 1} of {len(chosen)} {choice.note}" for n, choice in enumerate(chosen) if choice.note]
    kept = [choice.taken for choice in chosen]
    tag, why = _best_tag(kept, wanted)
    ordered = tuple(tuple(sorted(images, key=lambda image: image.times.get(tag, 0.0))) for images in kept)
    faults = [_fault(images, phases, tag) for images in ordered]
    if phases > 1 and tag in TRIGGER_TAGS:
        faults, late = _out_of_step(ordered, faults, tag)
        notes += late
    notes += [*why, *_notes(ordered, faults, phases, tag, bool(why))] if max(map(len, kept)) > 1 else []
    repeated = tuple(image for choice in chosen for image in choice.left)
    return Order(tag, ordered, repeated, tuple(faults), phases, tuple(notes))


def mean_times(order: Order, whole: Sequence[Sequence[Frame]]) -> list[float]:
    """The time of each phase, averaged over the whole locations: ms, or 0, 1, 2 ... without a time tag.

    Times of day count from the first image of each location.
    """
    if not order.timed:
        return [float(n) for n in range(order.phases)]
    times = np.array([[images[n].times[order.tag] for n in range(order.phases)] for images in whole])
    if order.tag in CLOCK_TAGS:
        times = times - times[:, :1]
    return [round(float(time), 3) for time in times.mean(axis=0)]


def _best_tag(locations: Sequence[Sequence[Frame]], wanted: str) -> tuple[str, list[str]]:
    """The tag to sort by, and notes on a choice that is not the first: one that tells most locations' images apart.

    Trigger times that contradict both the images' numbers and their times of acquisition are not followed.
    """
    usable = [tag for tag in _candidates(locations) if _tells_apart(locations, tag)]
    triggers = [tag for tag in usable if tag in TRIGGER_TAGS]
    clocks = [tag for tag in CLOCK_TAGS if tag in usable]
    if wanted != "auto":
        numbers = [tag for tag in (INSTANCE, "frame number") if tag in usable]
        chosen = {"trigger": triggers, "acquisition": clocks, "instance": numbers}[wanted]
        return (chosen[0], [f"phases are in the order of {chosen[0]}, as told"]) if chosen else ("", [])
    agreeing = [tag for tag in clocks if _agree(locations, tag, INSTANCE)] if INSTANCE in usable else []
    if triggers and _contradicted(locations, triggers[0], usable):
        tag = agreeing[0] if agreeing else INSTANCE
        note = f"{triggers[0]} gives another order of the phases than {INSTANCE} and {tag}, which were followed"
        return tag, [f"{note} (--order trigger follows it)"]
    if usable and usable[0] == INSTANCE and agreeing and agreeing[0] != "ContentTime":
        return agreeing[0], []
    return (usable[0] if usable else ""), []


def _candidates(locations: Sequence[Sequence[Frame]]) -> list[str]:
    """Tags by which images may be sorted, the best first."""
    found = {tag for images in locations for image in images for tag in image.times}
    dimensions = sorted(tag for tag in found if tag.startswith(DIMENSION))
    best = (*TRIGGER_TAGS, *POSITION_TAGS, *dimensions, *FRAME_CLOCKS, INSTANCE)
    return [tag for tag in (*best, *CLOCK_TAGS, "frame number") if tag in found]


def _tells_apart(locations: Sequence[Sequence[Frame]], tag: str) -> bool:
    if not all(tag in image.times for images in locations for image in images):
        return False
    distinct = sum(_distinct([image.times[tag] for image in images]) for images in locations)
    return 2 * distinct > len(locations)


def _contradicted(locations: Sequence[Sequence[Frame]], trigger: str, usable: Sequence[str]) -> bool:
    """Whether numbers and times of acquisition agree with each other, and not with the trigger times."""
    if INSTANCE not in usable or _agree(locations, trigger, INSTANCE):
        return False
    return any(_agree(locations, tag, INSTANCE) for tag in (*POSITION_TAGS, *CLOCK_TAGS[:-1]) if tag in usable)


def _agree(locations: Sequence[Sequence[Frame]], one: str, other: str) -> bool:
    """Whether two tags give the images of each location the same order."""
    return all(_ranks(images, one) == _ranks(images, other) for images in locations)


def _ranks(images: Sequence[Frame], tag: str) -> list[int]:
    return sorted(range(len(images)), key=lambda n: images[n].times[tag])


def _distinct(values: list[float]) -> bool:
    return len(values) < 2 or float(np.diff(np.sort(values)).min()) > SAME_TIME_MS


def _fault(images: Sequence[Frame], phases: int, tag: str) -> str:
    if len(images) < phases:
        return f"has {len(images)} of {phases} phases"
    if len(images) > phases and len(images) % phases == 0:
        times = {2: "twice"}.get(len(images) // phases, f"{len(images) // phases} times")
        return f"was acquired {times} ({len(images)} images for {phases} phases)"
    if len(images) > phases:
        return f"has {len(images)} images for {phases} phases"
    if phases > 1 and not tag:
        return "has no tag that tells its phases apart"
    if tag and not _distinct([image.times[tag] for image in images]):
        return f"has two images with one {tag}"
    return ""


def _out_of_step(ordered: Sequence[Sequence[Frame]], faults: list[str], tag: str) -> tuple[list[str], list[str]]:
    """Mark whole locations whose trigger times do not follow the others', so that unlike phases are never joined.

    A location that starts up to one phase later or earlier than the others, and then follows them, is told of.
    """
    whole = [n for n, fault in enumerate(faults) if not fault]
    if len(whole) < 2:
        return faults, []
    times = np.array([[image.times[tag] for image in ordered[n]] for n in whole])
    pattern = np.median(times, axis=0)
    step = float(np.median(np.diff(pattern)))
    marked, notes = list(faults), []
    for n, row in zip(whole, times, strict=True):
        delay = float(np.median(row - pattern))
        alike = STRETCH[0] * np.ptp(pattern) < np.ptp(row) < STRETCH[1] * np.ptp(pattern)
        shifted = abs(delay) > 0.5 * step and float(np.abs(row - delay - pattern).max()) < SAME_SHAPE * step
        if _follows(row, pattern, step) and not shifted:
            continue
        if alike and abs(delay) <= step and _follows(row - delay, pattern, step):
            when = f"starts {abs(delay):.0f} ms {'later' if delay > 0 else 'earlier'} than the others"
            notes.append(f"slice {n + 1} of {len(ordered)} {when}; its phases were taken as theirs")
        else:
            marked[n] = f"has a {tag} unlike that of the other slices"
    return marked, notes


def _follows(row: NDArray[np.float64], pattern: NDArray[np.float64], step: float) -> bool:
    stretch = float(row @ pattern / (pattern @ pattern)) if pattern.any() else 1.0
    return STRETCH[0] < stretch < STRETCH[1] and bool(np.abs(row - stretch * pattern).max() <= 0.5 * step)


def _notes(
    ordered: Sequence[Sequence[Frame]], faults: Sequence[str], phases: int, tag: str, explained: bool
) -> list[str]:
    notes = []
    if not tag:
        notes.append("no tag tells the phases apart")
    elif tag not in TRIGGER_TAGS and not explained:
        notes.append(f"phases are in the order of {tag}, since TriggerTime is missing or does not tell them apart")
    whole = [images for images, fault in zip(ordered, faults, strict=True) if not fault]
    if tag in TRIGGER_TAGS:
        if not explained and any(_disagrees(images) for images in whole):
            notes.append(f"{tag} and {INSTANCE} give different orders of the phases; {tag} was followed")
        uneven = _uneven(np.array([[image.times[tag] for image in images] for images in whole]))
        notes += [uneven] if uneven else []
    stated = {image.stated_phases for images in whole for image in images} - {None}
    if stated and stated != {phases} and whole:
        said = ", ".join(str(count) for count in sorted(stated))  # type: ignore[type-var]
        notes.append(f"{phases} phases were found, CardiacNumberOfImages says {said}: phases may be missing")
    return notes


def _disagrees(images: Sequence[Frame]) -> bool:
    numbers = [image.times.get(INSTANCE, 0.0) for image in images]
    return _distinct(numbers) and numbers != sorted(numbers)


def _uneven(times: NDArray[np.float64]) -> str:
    """A note on phases that are much further apart than most; empty if none are. ``times`` is (locations, phases)."""
    if times.size == 0 or times.shape[1] < 3:
        return ""
    steps = np.diff(times, axis=1)
    if np.all(steps < 1.5 * np.median(steps, axis=1, keepdims=True)):
        return ""
    return f"phases are unevenly spaced ({steps.min():.1f} to {steps.max():.1f} ms): one may be missing"
