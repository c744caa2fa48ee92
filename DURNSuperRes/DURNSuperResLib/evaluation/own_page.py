"""What the evaluation of one's own volumes found, as a table on the terminal, as plain values and as a page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..report import document, image, table
from . import summary
from .findings import Finding
from .invention import PATCH
from .methods import CLASSICAL, compared
from .outlined import Outlined
from .pictures import border_picture, patch_picture, typical
from .summary import Findings, Measure

BORDERS = (summary.SHIFT, summary.FAR_SHIFT, summary.RISE, summary.ADDED_RISE, summary.AREA)
FIDELITY = (
    summary.PSNR,
    summary.SSIM,
    summary.HFEN,
    summary.REAL_TO,
    summary.ADDED,
    summary.INVENTED,
    summary.DOUBTFUL,
)
FEW = 10  # volumes, of which a percentile bootstrap covers clearly less than it says
PATCHES_WITHIN = 144  # pixels of the picture of patches


@dataclass(frozen=True)
class Own:
    """The findings on volumes of one's own at one scale and degradation."""

    slices: tuple[Outlined, ...]
    scale: int
    degradation: str
    model: str
    found: Findings

    @property
    def title(self) -> str:
        """What it is of, in words."""
        return f"{self.degradation}, x{self.scale}: {len(self.slices)} slices"

    @property
    def note(self) -> str:
        """What the brackets of the tables are, where there are any."""
        volumes = len({one.patient for one in self.slices})
        if volumes < 2:
            return ""
        few = "; so few make it too narrow" if volumes < FEW else ""
        return f"Means over {volumes} volumes; in brackets the 95 % bootstrap interval over the volumes{few}."

    @property
    def outlined(self) -> bool:
        """Whether any slice has a border to measure."""
        return any(one.border is not None for findings in self.found.values() for one in findings)


def tables(own: Own) -> list[list[list[str]]]:
    """The tables, rows headed: fidelity always, borders and areas where there are outlines."""
    found = [summary.table(own.found, FIDELITY)]
    if own.outlined:
        areas = summary.area_table(own.found)  # its head alone, where one slice allows no limits
        found += [summary.table(own.found, BORDERS), *([areas] if len(areas) > 1 else [])]
    return found


def plain(own: Own) -> dict[str, Any]:
    """Mean over the volumes of each measure by method, and each volume's own, for JSON."""
    measures = (*FIDELITY, *BORDERS) if own.outlined else FIDELITY
    return {
        name: {measure.name: _figures(findings, measure) for measure in measures}
        for name, findings in own.found.items()
    }


def _figures(findings: Sequence[Finding], measure: Measure) -> dict[str, Any]:
    values = summary.by_patient(findings, measure)
    return {"mean": float(np.mean(list(values.values()))) if values else None, "volumes": values}


def page(owns: Sequence[Own]) -> str:
    """The page: tables and, of a typical slice, borders and patches."""
    parts = []
    for own in owns:
        parts.append(f"<h2>{html.escape(own.title)}</h2>")
        parts += [table(rows) for rows in tables(own)]
        parts += [f"<p><small>{html.escape(own.note)}</small></p>"] if own.note else []
        parts += _pictures(own)
    return document("DURNSuperRes evaluation", "\n".join(parts))


def _pictures(own: Own) -> list[str]:
    every = compared(own.scale, own.model)
    models = [name for name in every if name not in CLASSICAL]
    ways = {name: every[name] for name in ("bicubic", "zero-filled", *models)}
    names = ", ".join(ways)
    parts = []
    if own.outlined:
        one = typical(own.slices, own.found[models[-1]])
        pixels = border_picture(one, own.scale, own.degradation, ways)
        label = f"{one.patient}, {one.name}: truth, {names}; the border of the truth green, the image's own red"
        parts.append(_figure(image(pixels, label), label))
    else:
        one = own.slices[len(own.slices) // 2]
    edge = min(PATCHES_WITHIN, *(size // (4 * own.scale) * 4 * own.scale for size in one.image.shape))
    if edge < PATCH:
        return parts
    label = f"{one.patient}, {one.name}: {names}; detail added in red squares is not in the truth, in blue ones it is"
    return [*parts, _figure(image(patch_picture(one, own.scale, own.degradation, edge, ways), label), label)]


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"
