"""Sorting frames into groups of parallel slices, and the slices of a group into locations."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .frames import Frame

CONFLICT = "two different files"
GRID_TOLERANCE_MM = 0.1
POSITION_TOLERANCE_MM = 0.05  # positions are rounded to 0.1 mm by some tools
EDGE_TOLERANCE = 0.5  # of a pixel


@dataclass(frozen=True, eq=False)
class Location:
    """The images at one place: one for each phase, if all is well."""

    frames: tuple[Frame, ...]

    @property
    def depth(self) -> float:
        """Position along the slice normal in mm."""
        return self.frames[0].depth


Group = list[Location]


def drop_copies(frames: Sequence[Frame]) -> tuple[list[Frame], dict[Path, str]]:
    """The frames without second copies of an image, and a note for the files of which that is to be told.

    Images with one SOPInstanceUID are copies if their files are equal. Different ones are both kept: one of them has a
    false name, so their stack must not be trusted.
    """
    kept: list[Frame] = []
    notes: dict[Path, str] = {}
    known: dict[tuple[str, int], Frame] = {}
    for image in frames:
        key = (image.sop_instance, image.number)
        twin = known.get(key) if image.sop_instance else None
        if twin is None:
            known[key] = image
            kept.append(image)
        elif _digest(twin.path) == _digest(image.path):
            notes.setdefault(twin.path, "copies of the same images were left out")
        else:
            kept.append(image)
            notes[twin.path] = notes[image.path] = f"{CONFLICT} claim to be the same image (one SOPInstanceUID)"
    return kept, notes


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def groups_of(frames: Iterable[Frame]) -> list[Group]:
    """Groups of parallel slices, the locations of each along their normal."""
    result: list[Group] = []
    for alike in _alike(frames):
        result += _joined(_by_series(alike))
    return [sorted(group, key=lambda location: location.depth) for group in result]


def _alike(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Frames that could lie in one stack: study, frame of reference, kind, matrix, spacing and orientation agree.

    A series has one frame of reference (PS3.3 C.7.4.1); where its images give several, as some tools that remove names
    do, none of them is believed. Spacing and orientation agree where they move the far edge of the image by less than
    half a pixel; all images then have those of most.
    """
    frames = list(frames)
    references = defaultdict(set)
    for image in frames:
        references[image.series].add(image.frame_of_reference)
    rough = defaultdict(list)
    for image in frames:
        reference = image.frame_of_reference if len(references[image.series]) == 1 else image.series
        rough[image.patient, image.study, reference, image.kind, image.matrix].append(image)
    alike: list[list[Frame]] = []
    for images in rough.values():
        clusters: list[list[Frame]] = []
        for image in images:
            for cluster in clusters:
                if edge_shift_mm(cluster[0], image) <= EDGE_TOLERANCE * min(image.spacing):
                    cluster.append(image)
                    break
            else:
                clusters.append([image])
        alike += [_made_parallel(cluster) for cluster in clusters]
    return alike


def edge_shift_mm(one: Frame, other: Frame) -> float:
    """How far the far corner of one image's field of view lies from that of another with the same first pixel."""
    rows, columns = one.matrix
    far = [
        columns * image.spacing[1] * image.orientation[:3] + rows * image.spacing[0] * image.orientation[3:]
        for image in (one, other)
    ]
    return max(float(np.linalg.norm(far[1] - far[0])), max(rows, columns) * _tilt(one, other) * max(one.spacing))


def _tilt(one: Frame, other: Frame) -> float:
    return float(np.linalg.norm(one.normal - other.normal))


def _made_parallel(images: list[Frame]) -> list[Frame]:
    """The images with the orientation and spacing that most of them have."""
    counts = Counter((image.spacing, *image.orientation) for image in images)
    if len(counts) == 1:
        return images
    most = max(counts, key=lambda key: counts[key])
    model = next(image for image in images if (image.spacing, *image.orientation) == most)
    same = {"orientation": model.orientation, "spacing": model.spacing}
    return [replace(image, **same, moved_mm=edge_shift_mm(model, image)) for image in images]  # type: ignore[arg-type]


def _by_series(frames: Iterable[Frame]) -> list[Group]:
    """The locations of each series and echo, in the order of the series' numbers.

    Locations of one series stay together though some lack phases: that is a ragged cine, not two.
    """
    by_series: dict[tuple, list[Frame]] = defaultdict(list)
    for image in frames:
        by_series[(image.series_number or 0, image.series, image.echo)].append(image)
    return [_locations(images) for _, images in sorted(by_series.items(), key=lambda item: item[0])]


def _locations(frames: Iterable[Frame]) -> Group:
    places: list[list[Frame]] = []
    for image in frames:
        for place in places:
            if np.abs(place[0].position - image.position).max() <= POSITION_TOLERANCE_MM:
                place.append(image)
                break
        else:
            places.append([image])
    return [Location(tuple(place)) for place in places]


def _phases(group: Group) -> int:
    """The number of images that most locations of a group have."""
    counts = [len(location.frames) for location in group]
    return max(set(counts), key=lambda count: (counts.count(count), count))


def _joined(parts: list[Group]) -> list[Group]:
    """Parts of different series joined where they complete each other.

    Cines of one phase count make one stack if no two lie at one place; else each description makes its own, and what
    still collides (a slice that was taken again) begins another. Static slices join by description only.
    """
    by_phases: dict[int, list[Group]] = defaultdict(list)
    for part in parts:
        by_phases[_phases(part)].append(part)
    stacks: list[Group] = []
    for phases, same in sorted(by_phases.items(), reverse=True):
        if phases > 1 and not _any_collide(same):
            stacks.append([location for part in same for location in part])
            continue
        by_name: dict[str, list[Group]] = defaultdict(list)
        for part in same:
            by_name[_stem(part)].append(part)
        for named in by_name.values():
            stacks += _stacked(named)
    return _with_ragged_slices(stacks)


def _stem(group: Group) -> str:
    """A series description without its numbers: the slices of a stack are often counted in it."""
    return re.sub(r"[\d\s_]+", " ", group[0].frames[0].description).strip().lower()


def _stacked(parts: Sequence[Group]) -> list[Group]:
    stacks: list[Group] = []
    for part in parts:
        home = next((stack for stack in stacks if not _collide(stack, part)), None)
        if home is None:
            stacks.append(list(part))
        else:
            home += part
    return stacks


def _any_collide(parts: Sequence[Group]) -> bool:
    return any(_collide(a, b) for n, a in enumerate(parts) for b in parts[:n])


def _collide(one: Group, other: Group) -> bool:
    return any(abs(a.depth - b.depth) <= POSITION_TOLERANCE_MM for a in one for b in other)


def _with_ragged_slices(stacks: list[Group]) -> list[Group]:
    """Give a stack of several slices the single slices that fit into its row but have another number of images.

    Left alone they would pass for cines of their own, and the hole in the stack for a wide gap.
    """
    homes = [stack for stack in stacks if len(stack) > 1 and _phases(stack) > 1]
    result = list(stacks)
    for stack in stacks:
        if len(stack) > 1:
            continue
        for home in homes:
            fewer = len(stack[0].frames) < _phases(home)
            if (fewer or _stem(stack) == _stem(home)) and fits_into([place.depth for place in home], stack[0].depth):
                home.append(stack[0])
                result = [other for other in result if other is not stack]
                break
    return result


def fits_into(home: Sequence[float], depth: float) -> bool:
    """Whether a slice lies at a free place between others, or one step outside of them; depths in mm."""
    depths = np.sort(home)
    gaps = np.diff(depths)
    gap = float(gaps[gaps > POSITION_TOLERANCE_MM].min(initial=np.inf))
    away = np.abs(depth - depths)
    inside = depths[0] < depth < depths[-1]
    one_step = abs(away.min() - gap) <= GRID_TOLERANCE_MM
    return bool(away.min() > POSITION_TOLERANCE_MM and (inside or one_step))
