"""Where a border lies, as a reader sees it: along rays from the centre of a mask, half-way between bright and dark.

Positions are in mm from the outer corner of the first pixel, rows then columns. Images of any pixel size that cover one
field of view share these coordinates, so an enlarged slice and its truth are measured alike.

Levels are each image's own, one for each side of the outline and each ray: the mean from 3 to 6 mm inside and from 3 to
5.5 mm outside. The rays to compare on are chosen in the truth alone: one crossing, and at least half of the slice's
usual contrast; a papillary muscle at the wall or a wall as bright as what lies behind it leaves no border to measure.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PixelSize = tuple[float, float]  # mm between rows and between columns

RAYS = 72
REACH_MM = 6.0  # from the outline to either side; walls are hardly thinner
BLOOD_MM, WALL_MM = (-6.0, -3.0), (3.0, 5.5)  # from the outline, where the two levels are taken
STEP_MM = 0.1
LEAST_CONTRAST = 0.5  # of the median over the slice's rays
LEAST_RADIUS_MM = 4.0  # of a mask; in a smaller one blood and wall cannot be told apart
RISE = (0.9, 0.1)  # of the way from dark to bright


@dataclass(frozen=True)
class Rays:
    """Rays from the centre of a mask: where they begin, their directions, and how far each lies within the mask.

    Attributes:
        centre: row and column in mm.
        directions: ``(n, 2)`` unit vectors, counted around the circle.
        radius: ``(n,)`` in mm, from the centre to the mask's outline.
    """

    centre: FloatArray
    directions: FloatArray
    radius: FloatArray

    @classmethod
    def of(cls, mask: NDArray[np.bool_], pixel_mm: PixelSize, centre: FloatArray | None = None) -> Rays | None:
        """The rays of a mask ``(rows, columns)`` from a point in it, its centroid if ``centre`` (mm) is not given; None
        if the mask is empty, too small, or the point lies outside of it.

        The outline is where the mask, interpolated linearly, first falls below one half.
        """
        places = np.argwhere(mask)
        if not len(places):
            return None
        centre = (places.mean(axis=0) + 0.5) * pixel_mm if centre is None else centre
        angles = 2 * np.pi * np.arange(RAYS) / RAYS
        directions = np.column_stack([np.sin(angles), np.cos(angles)])
        far = np.arange(0, float(np.hypot(*(np.ptp(places, axis=0) + 2) * pixel_mm)), STEP_MM)
        share = _linear(mask.astype(np.float64), _indices(centre, directions, far[None], pixel_mm))
        radius = far[np.argmax(share < 0.5, axis=1)]
        return cls(centre, directions, radius) if radius.min() >= LEAST_RADIUS_MM else None

    def moved_to(self, border: Border) -> Rays:
        """The same rays with their outline where a border was found, since one drawn by hand is off by a mm or two."""
        return replace(self, radius=np.where(border.clear, border.radius, self.radius))


@dataclass(frozen=True)
class Border:
    """A border along rays, all ``(n,)``.

    Attributes:
        radius: from the rays' centre to the half-way crossing, in mm; NaN where there is none.
        rise: distance in which the profile falls from 90 to 10 % of the way, in mm; NaN where it does not within reach.
        contrast: from dark to bright, in the image's units.
        single: whether there is one crossing only.
    """

    radius: FloatArray
    rise: FloatArray
    contrast: FloatArray
    single: NDArray[np.bool_]

    @property
    def clear(self) -> NDArray[np.bool_]:
        """The rays on which there is a border to measure."""
        return self.single & (self.contrast >= LEAST_CONTRAST * np.median(self.contrast)) & ~np.isnan(self.rise)


def border_of(image: FloatArray, pixel_mm: PixelSize, rays: Rays, bright_inside: bool = True) -> Border:
    """The border of ``image`` ``(rows, columns)`` near the outline that ``rays`` hold.

    Args:
        pixel_mm: of the image.
        bright_inside: whether the mask holds the bright side, as blood in balanced SSFP.
    """
    offset = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM)
    coefficients = _coefficients(image if bright_inside else -image)
    distance = np.maximum(rays.radius[:, None] + offset, 0)
    profile = _spline(coefficients, _indices(rays.centre, rays.directions, distance, pixel_mm))
    return _crossings(profile, offset, rays.radius)


def is_bright_inside(image: FloatArray, pixel_mm: PixelSize, rays: Rays) -> bool:
    """Whether ``image`` is brighter just inside the outline than just outside, on average over the rays."""
    coefficients = _coefficients(image)
    inside, outside = (
        _spline(coefficients, _indices(rays.centre, rays.directions, rays.radius[:, None] + side, pixel_mm))
        for side in (-LEAST_RADIUS_MM / 2, LEAST_RADIUS_MM / 2)
    )
    return bool(inside.mean() >= outside.mean())


def _crossings(profile: FloatArray, offset: FloatArray, radius: FloatArray) -> Border:
    """The border in profiles ``(n, samples)`` that are bright first; ``offset`` is from the outline in mm."""
    bright, dark = (
        profile[:, (first <= offset) & (offset <= last)].mean(axis=1) for first, last in (BLOOD_MM, WALL_MM)
    )
    half = (bright + dark) / 2
    falls = (profile[:, :-1] > half[:, None]) & (profile[:, 1:] <= half[:, None])
    nearest = np.argmin(np.where(falls, np.abs(offset[:-1]), np.inf), axis=1)
    high, low = (dark + share * (bright - dark) for share in RISE)
    before = profile.shape[1] - 1 - np.argmax(((profile >= high[:, None]) & _upto(nearest, profile))[:, ::-1], axis=1)
    after = np.argmax((profile <= low[:, None]) & ~_upto(nearest, profile), axis=1) - 1
    begin, end = _between(profile, offset, before, high), _between(profile, offset, after, low)
    found = falls.any(axis=1) & (bright > dark)
    whole = found & (before < profile.shape[1] - 1) & (after >= 0)
    crossing = np.where(found, _between(profile, offset, nearest, half), np.nan)
    return Border(radius + crossing, np.where(whole, end - begin, np.nan), bright - dark, falls.sum(axis=1) == 1)


def _upto(index: NDArray[np.intp], profile: FloatArray) -> NDArray[np.bool_]:
    return np.arange(profile.shape[1]) <= index[:, None]


def _between(profile: FloatArray, offset: FloatArray, index: NDArray[np.intp], level: FloatArray) -> FloatArray:
    """Where each profile passes ``level`` between the samples ``index`` and ``index + 1``."""
    every, index = np.arange(len(profile)), np.clip(index, 0, profile.shape[1] - 2)
    first, second = profile[every, index], profile[every, index + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(first != second, (first - level) / (first - second), 0.0)
    return offset[index] + STEP_MM * np.clip(share, 0, 1)


def _indices(centre: FloatArray, directions: FloatArray, distance: FloatArray, pixel_mm: PixelSize) -> FloatArray:
    """Rows and columns ``(2, n, samples)`` of the points at ``distance`` along each ray."""
    points = centre[:, None, None] + directions.T[:, :, None] * distance
    return points / np.array(pixel_mm)[:, None, None] - 0.5


def _linear(image: FloatArray, where: FloatArray) -> FloatArray:
    first = np.floor(where).astype(np.intp)
    share = where - first
    total = np.zeros(where.shape[1:])
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - share[0]) * np.abs(1 - column - share[1])
            total += weight * _reflected(image, first[0] + row, first[1] + column)
    return total


def _coefficients(image: FloatArray) -> FloatArray:
    """Coefficients of the cubic B-spline that interpolates ``image``, mirrored at the border.

    Source: M. Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Process. Mag. 16 (1999) 22.
    """
    rows, columns = image.shape
    return _prefilter(rows) @ image @ _prefilter(columns).T


def _spline(coefficients: FloatArray, where: FloatArray) -> FloatArray:
    """The spline at fractional rows and columns ``(2, ...)``."""
    first = np.floor(where).astype(np.intp) - 1
    along, across = (_cubic_weights(axis) for axis in where - first - 1)
    total = np.zeros(where.shape[1:])
    for row in range(4):
        for column in range(4):
            total += along[row] * across[column] * _reflected(coefficients, first[0] + row, first[1] + column)
    return total


def _reflected(image: FloatArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> FloatArray:
    places = []
    for index, size in zip((rows, columns), image.shape, strict=True):
        index = np.abs(index) % (2 * size - 2)
        places.append(np.minimum(index, 2 * size - 2 - index))
    return image[places[0], places[1]]


def _cubic_weights(t: FloatArray) -> tuple[FloatArray, ...]:
    """The cubic B-spline at ``t + 1``, ``t``, ``t - 1`` and ``t - 2``, for t in [0, 1)."""
    return (1 - t) ** 3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, t**3 / 6


@functools.lru_cache(maxsize=8)
def _prefilter(size: int) -> FloatArray:
    """Matrix from samples to B-spline coefficients along one axis."""
    samples = np.diag(np.full(size, 4.0)) + np.diag(np.ones(size - 1), 1) + np.diag(np.ones(size - 1), -1)
    samples[0, 1] = samples[-1, -2] = 2.0
    return np.asarray(np.linalg.inv(samples / 6), dtype=np.float64)
