"""Making a stack of parallel locations: which of them are whole, in which order, how far apart, or why not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .frames import Frame
from .grouping import POSITION_TOLERANCE_MM, Location
from .phases import Order, in_order, mean_times
from .planes import view_of
from .stack import Stack

GAP_TOLERANCE = 0.01
PIXEL_SHARE = 0.1  # how far a slice may lie beside an even row, in pixels
ROUNDING_MM = 0.1
TOLD_MM = 1e-3
LOST = (
    "its images all lie at one place, and nothing but {tag} tells them apart: phases of a cine, or slices that have "
    "lost their positions; if they are phases, say in which order (--order)"
)
MOVED = "its images all lie at one place by ImagePositionPatient, but SliceLocation differs: their positions were lost"


def stack_of(locations: list[Location], wanted: str = "auto") -> Stack:
    """A stack of the whole ones among parallel locations, and why it must be refused if that leaves a hole.

    Args:
        locations: along their normal.
        wanted: what orders the phases, as :func:`~.phases.in_order`.
    """
    order = in_order([location.frames for location in locations], wanted)
    whole = [n for n, fault in enumerate(order.faults) if not fault]
    refusal = _not_whole(order, whole)
    kept = [order.locations[n] for n in whole] or [images[: order.phases] for images in order.locations]
    left_out = tuple(image for n, images in enumerate(order.locations) if n not in whole for image in images)
    gap, reason, notes = _even_gap(kept)
    phases = min(len(images) for images in kept)
    first = kept[0][0]
    return Stack(
        number=0,
        frames=tuple(tuple(images[n] for images in kept) for n in range(phases)),
        times=tuple(mean_times(order, kept) if whole else range(phases)),
        timed=order.timed,
        gap=gap,
        view=view_of(" ".join(sorted({image.description for images in kept for image in images})), first.normal),
        notes=(
            *_no_magnitude(first),
            *order.notes,
            *_incomplete(order, whole),
            *_rounded(kept),
            *notes,
            *_stated(first, gap, reason, kept),
        ),
        left_out=(left_out if whole else ()) + order.repeated,
        refusal=refusal or _lost_positions(locations, order, wanted) or reason,
    )


def _not_whole(order: Order, whole: Sequence[int]) -> str:
    """Why too little is whole; empty if enough is."""
    if not whole:
        return f"no slice has all its phases: each {order.faults[0]}"
    if len(whole) * 2 < len(order.locations):
        return f"only {len(whole)} of {len(order.locations)} slices have all their {order.phases} phases"
    if list(whole) != list(range(whole[0], whole[-1] + 1)):
        inner = [n for n, fault in enumerate(order.faults) if fault and whole[0] < n < whole[-1]]
        count = len(order.locations)
        why = "; ".join(f"slice {n + 1} of {count} {order.faults[n]}" for n in inner)
        return f"a slice in its midst is not complete ({why})"
    return ""


def _lost_positions(locations: Sequence[Location], order: Order, wanted: str) -> str:
    """Why images at one place may be slices whose positions were lost; empty if they are phases."""
    images = locations[0].frames
    if len(locations) > 1 or len(images) < 2:
        return ""
    stated = {image.stated_location for image in images}
    if (
        None not in stated
        and len(stated) == len(images)
        and np.ptp([float(place or 0) for place in stated]) > ROUNDING_MM
    ):
        return MOVED
    if wanted != "auto" or order.certain or any(image.one_of_many for image in images) or not order.tag:
        return ""
    return LOST.format(tag=order.tag)


def _incomplete(order: Order, whole: Sequence[int]) -> list[str]:
    """A line on the slices that are left out, with the reason for each."""
    missing = [n for n in range(len(order.locations)) if n not in whole]
    if not missing or not whole:
        return []
    why = "; ".join(f"slice {n + 1} of {len(order.locations)} {order.faults[n]}" for n in missing)
    count = sum(len(order.locations[n]) for n in missing)
    return [f"incomplete: {len(whole)} slices with all {order.phases} phases are left, {count} images left out ({why})"]


def _no_magnitude(first: Frame) -> list[str]:
    what = {"P": "phase images", "R": "real parts of complex images", "I": "imaginary parts"}.get(first.kind[0])
    return [f"{what} by their header, which are no grey levels; --any-image takes them"] if what else []


def _rounded(kept: Sequence[Sequence[Frame]]) -> list[str]:
    moved = max(image.moved_mm for images in kept for image in images)
    if moved < TOLD_MM:
        return []
    what = "orientation or pixel spacing differs a little between its images"
    return [f"{what} (by {moved:.2f} mm at the far edge); those of most were taken"]


def _stated(first: Frame, gap: float, reason: str, kept: Sequence[Sequence[Frame]]) -> list[str]:
    stated = first.stated_gap
    if reason or len(kept) < 2 or not stated or abs(stated - gap) <= GAP_TOLERANCE * gap:
        return []
    return [f"slices lie {gap:.2f} mm apart by their positions, SpacingBetweenSlices says {stated:g}"]


def _even_gap(kept: Sequence[Sequence[Frame]]) -> tuple[float, str, list[str]]:
    """Distance between neighbouring slices in mm, why they are no straight even stack (empty if they are), and notes.

    Slices may lie as far beside an even straight row as the rounding of their positions explains.
    """
    first = kept[0][0]
    if len(kept) == 1:
        return first.thickness if first.thickness and first.thickness > 0 else 1.0, "", []
    positions = np.array([images[0].position for images in kept])
    depths = positions @ first.normal
    gaps = np.diff(depths)
    if gaps.min() < POSITION_TOLERANCE_MM:
        return 1.0, "two of its slices lie at one depth, shifted sideways", []
    gap = float(gaps.mean())
    numbers = np.arange(len(depths))
    row = np.polynomial.Polynomial.fit(numbers, depths, 1)
    uneven = float(np.abs(depths - row(numbers)).max())
    allowed = max(PIXEL_SHARE * min(first.spacing), ROUNDING_MM)
    if np.ptp(gaps) > GAP_TOLERANCE * gap and uneven > allowed:
        return gap, f"its slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart; one even gap is needed", []
    drift = positions - np.outer(depths, first.normal)
    sideways = float(np.linalg.norm(drift - drift[0], axis=1).max())
    if sideways > max(allowed, len(kept) * TOLD_MM * 10):
        return gap, "its slices are shifted sideways against one another; a straight stack is needed", []
    beside = max(uneven, sideways)
    told = [f"its slices lie up to {beside:.2f} mm beside an even row, as rounded positions do"]
    return gap, "", told if beside > POSITION_TOLERANCE_MM else []
