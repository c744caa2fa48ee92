"""One pass over slices with known truth: what each method does to borders and areas, how much of its detail is real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.signal.degradation import DEGRADATIONS
from ..core.signal.quality import psnr, ssim
from .areas import area_of, closed
from .borders import Border, FloatArray, PixelSize, Rays, border_of, is_bright_inside
from .invention import Patches, hfen, patches_of, ring_correlation
from .methods import Enlarge
from .outlined import Outlined
from .protocols import Region, multiple_of, normalised, region_of

TRUTH = "truth"


@dataclass(frozen=True)
class BorderFinding:
    """The border in one method's image of one slice, held against the truth's.

    Attributes:
        displacement: in mm on the truth's clear rays, positive outwards; rays on which none was found are left out.
        lost: how many those are.
        rise, true_rise: mean 10 to 90 % distance on the rays where both images show one, in mm.
        area, true_area: of the closed contour, in mm2.
    """

    displacement: FloatArray
    lost: int
    rise: float
    true_rise: float
    area: float
    true_area: float


@dataclass(frozen=True)
class Finding:
    """One method on one slice: fidelity within the scored region, and the border where the slice has an outline.

    ``rings`` is the Fourier ring correlation; ``added`` and ``invented`` count patches with visible added detail, and
    among them those whose detail does not correlate with the truth, ``doubtful`` those less than half right;
    ``patches`` counts all.
    """

    patient: str
    name: str
    phase: str
    psnr: float
    ssim: float
    hfen: float
    rings: FloatArray
    patches: int
    added: int
    invented: int
    doubtful: int
    border: BorderFinding | None


@dataclass(frozen=True)
class Ruler:
    """The truth's border in a slice, and the rays along which others are held against it."""

    rays: Rays
    pixel_mm: PixelSize
    bright_inside: bool
    truth: Border

    @classmethod
    def of(cls, truth: FloatArray, mask: NDArray[np.bool_], pixel_mm: PixelSize) -> Ruler | None:
        """None where the mask has no rays, or no ray a clear border."""
        rays = Rays.of(mask, pixel_mm)
        if rays is None:
            return None
        bright = is_bright_inside(truth, pixel_mm, rays)
        rays = rays.moved_to(border_of(truth, pixel_mm, rays, bright))
        border = border_of(truth, pixel_mm, rays, bright)
        return cls(rays, pixel_mm, bright, border) if border.clear.any() else None

    def border(self, image: FloatArray) -> Border:
        """The border of another image of the truth's field of view and pixels."""
        return border_of(image, self.pixel_mm, self.rays, self.bright_inside)

    def held_against(self, image: FloatArray) -> BorderFinding:
        """What becomes of the border in ``image``."""
        border, clear = self.border(image), self.truth.clear
        found = clear & ~np.isnan(border.radius)
        rises = clear & ~np.isnan(border.rise)
        return BorderFinding(
            (border.radius - self.truth.radius)[found],
            int(clear.sum() - found.sum()),
            _mean(border.rise[rises]),
            _mean(self.truth.rise[rises]),
            area_of(closed(self.rays, border.radius, found)),
            area_of(closed(self.rays, self.truth.radius, clear)),
        )


def examine(
    slices: Iterable[Outlined], scale: int, degradation: str, methods: Mapping[str, Enlarge], crop: int | None
) -> dict[str, list[Finding]]:
    """Degrade each slice, enlarge it by each method, and measure, as protocol ``C`` does.

    Args:
        slices: the truth and its outline; an empty mask leaves the border out.
        scale: in-plane magnification.
        degradation: name out of :data:`~.core.signal.degradation.DEGRADATIONS`.
        methods: by name.
        crop: edge of the centre crop that is scored, in pixels; None scores within the body.

    Raises:
        ValueError: a slice too small to be reduced.
    """
    found: dict[str, list[Finding]] = {name: [] for name in methods}
    for one in slices:
        truth = multiple_of(normalised(one.image), scale)
        low, region = DEGRADATIONS[degradation](truth, scale), region_of(truth, crop, 0)
        ruler = Ruler.of(truth, one.mask[: truth.shape[0], : truth.shape[1]], one.pixel_mm)
        for name, enlarged in methods.items():
            found[name].append(_finding(one, enlarged(low, scale), truth, region, ruler, scale))
    return found


def _finding(
    one: Outlined, image: FloatArray, truth: FloatArray, region: Region, ruler: Ruler | None, scale: int
) -> Finding:
    a, b = (np.clip(part, 0, 1)[region.rows, region.columns] for part in (image, truth))
    patches = patches_of(a, b, scale, region.mask) if min(a.shape) >= 32 else None
    return Finding(
        one.patient,
        one.name,
        one.phase,
        float(psnr(a, b, mask=region.mask)),
        float(ssim(a, b, mask=region.mask)),
        hfen(a, b),
        ring_correlation(a, b, scale),
        *_counts(patches),
        None if ruler is None else ruler.held_against(image),
    )


def _counts(patches: Patches | None) -> tuple[int, int, int, int]:
    if patches is None:
        return 0, 0, 0, 0
    seen, invented, doubtful = (int(kind.sum()) for kind in (patches.seen, patches.invented, patches.doubtful))
    return len(patches.detail), seen, invented, doubtful


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else float("nan")
