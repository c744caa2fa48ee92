"""The evidence: what is measured on the project's data for ``Documentation/EVIDENCE.md``, in one go and reproducibly.

The order of slices is the manifest's, random draws have fixed seeds, and all sums are float64. The network runs in
float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.network.models import families
from ..core.signal.kspace import kspace_truncate, zero_fill
from ..core.signal.resampling import bicubic_upscale
from .findings import Finding, examine
from .methods import Enlarge, by_model, compared
from .motion import Cine, Steadiness, siemens_cines, steadiness, swine_cine
from .outlined import Outlined, sunnybrook_outlined
from .test_sets import other_vendor_cine

DEGRADATION = "kspace"
CINE_SCALE = 2
SIEMENS_PIXEL_MM = 1.40625
SIEMENS = "one subject"
CROPS = {"sunnybrook": 144, "cine_dicom": 192}


@dataclass(frozen=True)
class Evidence:
    """What was measured.

    Attributes:
        outlined: the Sunnybrook slices.
        sunnybrook, siemens: findings by scale and method.
        cines: flicker and motion, those made coarse first and those as stored.
        as_stored: names of the cines enlarged as they are, without a truth.
        every: one slice in so many was taken; 1 for all of them.
    """

    outlined: tuple[Outlined, ...]
    sunnybrook: dict[int, dict[str, list[Finding]]]
    siemens: dict[int, dict[str, list[Finding]]]
    cines: tuple[Steadiness, ...]
    as_stored: frozenset[str]
    every: int = 1


def gather(data: Path, scales: tuple[int, ...], every: int = 1, told: Callable[[str], None] = print) -> Evidence:
    """Measure everything.

    Args:
        data: the folder that holds ``cmr``.
        scales: magnifications.
        every: take one slice in so many, to try it out.
        told: called with what is being measured.
    """
    outlined = tuple(sunnybrook_outlined(data)[::every])
    siemens = _siemens(data)[::every]
    found: dict[str, dict[int, dict[str, list[Finding]]]] = {"sunnybrook": {}, "cine_dicom": {}}
    for name, slices in (("sunnybrook", outlined), ("cine_dicom", siemens)):
        for scale in scales:
            told(f"{name}, x{scale}: {len(slices)} slices")
            found[name][scale] = examine(slices, scale, DEGRADATION, compared(scale), CROPS[name])
    rows, stored = [], []
    for cine in [*siemens_cines(data), swine_cine(data)][::every]:
        told(f"{cine.name}: {len(cine.frames)} phases")
        coarse = "pig" not in cine.name
        stored += [] if coarse else [cine.name]
        rows += _coarse(cine) if coarse else _as_stored(cine)
    return Evidence(outlined, found["sunnybrook"], found["cine_dicom"], tuple(rows), frozenset(stored), every)


def _siemens(data: Path) -> list[Outlined]:
    pixel = (SIEMENS_PIXEL_MM, SIEMENS_PIXEL_MM)
    images = other_vendor_cine(data).images
    return [Outlined(SIEMENS, name, "", image, np.zeros(image.shape, dtype=bool), pixel) for name, image in images]


def _coarse(cine: Cine) -> list[Steadiness]:
    """A cine made coarse and enlarged again, beside itself."""
    rows, columns = (size // (4 * CINE_SCALE) * 4 * CINE_SCALE for size in cine.frames.shape[1:])
    truth = cine.frames[:, :rows, :columns]
    return steadiness(cine, truth, kspace_truncate(truth, CINE_SCALE), CINE_SCALE, ways())


def _as_stored(cine: Cine) -> list[Steadiness]:
    """A cine enlarged as it is, beside its own zero-filled enlargement, which adds nothing."""
    return steadiness(cine, zero_fill(cine.frames, CINE_SCALE), cine.frames, CINE_SCALE, ways())


def ways() -> dict[str, Enlarge]:
    """How cines are enlarged, all phases in one go as the software does."""
    found: dict[str, Enlarge] = {"bicubic": bicubic_upscale, "zero-filled": zero_fill}
    for model in families(CINE_SCALE):
        found |= by_model(model)
    return found
