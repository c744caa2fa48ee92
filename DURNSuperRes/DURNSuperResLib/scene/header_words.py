"""What the headers of image files have in common: numbers that must be some, sizes that must be sizes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

LARGEST_MM = 1e6
MOST_AXES = 7


class HeaderError(ValueError):
    """A file that is damaged or of a kind that is not read here; the message says what is wrong with it."""


def numbers(what: str, words: Sequence[str]) -> list[float]:
    """Finite numbers of a sensible size.

    Raises:
        HeaderError: any other words; ``what`` names them.
    """
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [math.nan]
    if not all(math.isfinite(value) and abs(value) <= LARGEST_MM for value in values):
        raise HeaderError(f"is damaged: its header says {what} = {' '.join(words)[:60]!r}")
    return values


def sizes(words: Sequence[str], axes: str) -> list[int]:
    """Voxels along each of ``axes`` axes.

    Raises:
        HeaderError: words that are none, or another number of them.
    """
    if not all(re.fullmatch(r"[1-9]\d{0,8}", word) for word in words) or axes != str(len(words)):
        words = [*words, *["?"] * (len(words) == 0)]
        raise HeaderError(f"is damaged: its header says {axes[:20]!r} axes of {' x '.join(words)[:60]!r} voxels")
    if len(words) > MOST_AXES:
        raise HeaderError(f"is damaged: its header says {len(words)} axes")
    return [int(word) for word in words]
