"""Names of cardiac views: from the series description, else a guess from the direction of the slice normal."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAID = (
    ("short axis", r"short.?ax|\bsax\b|cinesax|\bsa\b|_sa[x_\d]|kurze? ?achse"),
    ("four-chamber", r"4 ?-?ch|four.?ch|\bhla\b|4.?kammer"),
    ("two-chamber", r"2 ?-?ch|two.?ch|\bvla\b|2.?kammer"),
    ("three-chamber", r"3 ?-?ch|three.?ch|3.?kammer|\blvot\b"),
    ("long axis", r"long.?ax|\blax\b"),
)
BODY = {"sagittal": (1.0, 0.0, 0.0), "coronal": (0.0, 1.0, 0.0), "axial": (0.0, 0.0, 1.0)}
HEART = {  # slice normals in LPS of a heart that lies as most do, its apex to the left, front and feet
    "short axis": (0.56, -0.62, -0.55),
    "four-chamber": (0.05, 0.82, -0.57),
    "two-chamber": (0.82, 0.30, 0.48),
}
BODY_COSINE, HEART_COSINE = 0.985, 0.90  # within 10 and 26 degrees


@dataclass(frozen=True)
class View:
    """A view's name, and whether it is a guess from the direction of the slice normal."""

    name: str
    guessed: bool = False

    def __str__(self) -> str:
        return f"{self.name} (guess)" if self.guessed else self.name


def view_of(description: str, normal: NDArray[np.float64]) -> View:
    """The view of a stack with this series description and unit slice normal in LPS.

    A description that names a view is believed; else a normal along an axis of the body names its plane, one near those
    of a usual heart's planes gives a guess, and any other direction is ``oblique``.
    """
    for name, pattern in SAID:
        if re.search(pattern, description, re.IGNORECASE):
            return View(name)
    for table, cosine in ((BODY, BODY_COSINE), (HEART, HEART_COSINE)):
        likeness = {name: abs(float(np.dot(normal, axis) / np.linalg.norm(axis))) for name, axis in table.items()}
        best = max(likeness, key=lambda name: likeness[name])
        if likeness[best] >= cosine:
            return View(best, guessed=table is HEART)
    return View("oblique")
