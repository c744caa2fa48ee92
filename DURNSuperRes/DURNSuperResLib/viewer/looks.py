"""What the views are to show, what they may be asked for next, and the pictures that are kept of it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

MOST_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Look:
    """All that decides what the views show, to know a picture again by; ``drawing`` counts the changes of what is not
    named here, such as other images or another size.
    """

    drawing: int
    slice: int
    phase: int
    window: float
    level: float
    zoom: float
    centre: tuple[float, float]
    overlay: str


def likely_after(look: Look, before: Look | None, slices: int, phases: int) -> list[Look]:
    """What may be asked for next, the likeliest first: the same step again through phases or slices, or a slice back.

    There is none after other changes: who drags the window asks for more pictures than can be drawn.

    Args:
        look: what is shown.
        before: what was shown before it; None if nothing was.
        slices, phases: how many there are.
    """
    if before is None or before.drawing != look.drawing:
        step = 1
    elif before.phase != look.phase:
        return [replace(look, phase=(2 * look.phase - before.phase) % phases)]
    else:
        step = look.slice - before.slice
    places = (look.slice + step, look.slice - step) if step else ()
    return [replace(look, slice=place) for place in places if 0 <= place < slices]


@dataclass(frozen=True)
class Sent:
    """A view's picture as it goes to the page: PNG, and its size in pixels."""

    png: bytes
    rows: int
    columns: int


class Kept:
    """Pictures of the last looks, as many as fit into some bytes.

    Args:
        most_bytes: of all pictures together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._held = 0
        self._pictures: OrderedDict[Look, list[Sent]] = OrderedDict()

    def get(self, look: Look) -> list[Sent] | None:
        """The pictures of a look; None if they are not kept."""
        if look in self._pictures:
            self._pictures.move_to_end(look)
        return self._pictures.get(look)

    def put(self, look: Look, pictures: list[Sent]) -> None:
        """Keep the pictures of a look that has none; those that were not asked for the longest go."""
        self._pictures[look] = pictures
        self._held += _size(pictures)
        while self._held > self._most:
            self._held -= _size(self._pictures.popitem(last=False)[1])


def _size(pictures: list[Sent]) -> int:
    return sum(len(picture.png) for picture in pictures)
