"""The pictures of the evidence: borders on a slice, invented patches, ring correlations, agreement of areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.signal.degradation import DEGRADATIONS
from .borders import FloatArray
from .charts import draw_frame, draw_points, in_colour, line_chart, scatter_chart
from .findings import Finding, Ruler
from .invention import HOP, PATCH, patches_of, ring_centres
from .methods import Enlarge
from .outlined import Outlined
from .protocols import centre_crop, multiple_of, normalised
from .statistics import agreement
from .summary import borders_of, rings_of

TRUE, MEASURED, INVENTED, REAL = (80, 220, 120), (255, 90, 60), (255, 60, 60), (60, 140, 220)
ZOOM, HEART, GAP = 4, 72, 4
BRIGHTEST = 0.8  # of the intensity range, shown as white


def typical(slices: Sequence[Outlined], findings: Sequence[Finding]) -> Outlined:
    """The slice whose border moved by the median amount, so that nobody picks a pretty one."""
    moved = {
        (one.patient, one.name): float(np.abs(moves).mean()) if (moves := one.border.displacement).size else np.inf
        for one in findings
        if one.border is not None
    }
    ranked = sorted(moved, key=lambda key: (moved[key], key))
    middle = ranked[len(ranked) // 2]
    return next(one for one in slices if (one.patient, one.name) == middle)


def border_picture(one: Outlined, scale: int, degradation: str, ways: Mapping[str, Enlarge]) -> NDArray[np.uint8]:
    """The heart in the truth and by each way, from left to right: the truth's border green, the image's own red.

    Raises:
        ValueError: a slice without a border to measure.
    """
    truth = multiple_of(normalised(one.image), scale)
    ruler = Ruler.of(truth, one.mask[: truth.shape[0], : truth.shape[1]], one.pixel_mm)
    if ruler is None:
        raise ValueError(f"{one.name} has no border to show")
    low = DEGRADATIONS[degradation](truth, scale)
    images = [truth, *(enlarged(low, scale) for enlarged in ways.values())]
    row, column = (
        max(0, round(place / step) - HEART // 2) for place, step in zip(ruler.rays.centre, one.pixel_mm, strict=True)
    )
    panels = []
    for number, image in enumerate(images):
        panel = in_colour(image[row : row + HEART, column : column + HEART] / BRIGHTEST, ZOOM)
        _draw_border(panel, ruler, ruler.truth.radius, (row, column), TRUE)
        if number:
            _draw_border(panel, ruler, ruler.border(image).radius, (row, column), MEASURED)
        panels.append(panel)
    return beside(panels)


def _draw_border(
    panel: NDArray[np.uint8], ruler: Ruler, radius: FloatArray, first: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    shown = ruler.truth.clear & ~np.isnan(radius)
    points = (ruler.rays.centre + radius[:, None] * ruler.rays.directions)[shown]
    draw_points(panel, (points / ruler.pixel_mm - first) * ZOOM - 1, colour)


def patch_picture(
    one: Outlined, scale: int, degradation: str, crop: int, ways: Mapping[str, Enlarge]
) -> NDArray[np.uint8]:
    """The scored crop by each way, from left to right: red squares where added detail does not correlate with the
    truth, blue ones where it does; none where none can be seen.
    """
    truth = multiple_of(normalised(one.image), scale)
    low = DEGRADATIONS[degradation](truth, scale)
    panels = []
    for enlarged in ways.values():
        image, true = (centre_crop(np.clip(part, 0, 1), crop) for part in (enlarged(low, scale), truth))
        patches = patches_of(image, true, scale)
        panel = in_colour(image / BRIGHTEST, 2)
        for corner, seen, invented in zip(patches.corner, patches.seen, patches.invented, strict=True):
            if seen:
                first = tuple(2 * int(place + (PATCH - HOP) // 2) + 1 for place in corner)
                draw_frame(panel, (first[0], first[1]), 2 * HOP - 2, INVENTED if invented else REAL)
        panels.append(panel)
    return beside(panels)


def beside(panels: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Panels of one height beside each other, with white between."""
    gap = np.full((panels[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    parts = [part for panel in panels for part in (panel, gap)][:-1]
    return np.concatenate(parts, axis=1)


def ring_chart(found: Mapping[str, Sequence[Finding]]) -> str:
    """Ring correlation over frequency of each method, as SVG."""
    lines = {}
    for name, findings in found.items():
        values = rings_of(findings)
        shown = ~np.isnan(values)
        lines[name] = list(zip(ring_centres()[shown].tolist(), values[shown].tolist(), strict=True))
    labels = ("frequency, multiples of the highest acquired one", "correlation with the truth")
    return line_chart(lines, labels, (0.0, 2.0, 0.0, 1.0))


def agreement_chart(found: Mapping[str, Sequence[Finding]], names: Sequence[str]) -> str:
    """Areas after Bland and Altman, as SVG: difference over mean, lines at bias and limits of the last of ``names``."""
    points, levels = {}, (0.0, 0.0, 0.0)
    for name in names:
        borders = borders_of(found[name])
        area, true = (np.array([getattr(one, part) for one in borders]) / 100 for part in ("area", "true_area"))
        points[name] = list(zip(((area + true) / 2).tolist(), (area - true).tolist(), strict=True))
        limits = agreement(area, true)
        levels = (limits.bias, limits.low, limits.high)
    every = np.array([point for places in points.values() for point in places])
    reach = 1.1 * float(np.abs(every[:, 1]).max())
    box = (
        0.0,
        float(np.ceil(every[:, 0].max() / 4) * 4),
        -float(np.ceil(reach * 2) / 2),
        float(np.ceil(reach * 2) / 2),
    )
    return scatter_chart(points, levels, ("mean of both areas, cm2", "image less truth, cm2"), box)
