"""The pictures of the views on their way to the browser: drawn when or before asked for, together, without loss."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from trame_rca.protocol import AreaAdapter

from .looks import Kept, Look, Sent, likely_after
from .session import Session

AREAS = ("original", "result")
MOST_FRAMES_PER_SECOND = 30.0
FAST_COMPRESSION = 1
REPEAT_SECONDS = 0.3  # then the last pictures go once more: a busy page drops some


class Area(AreaAdapter):
    """One view on the page: tells its size and what the mouse does, and takes pictures.

    Args:
        name: of the view.
        resized: called with width and height in the screen's pixels.
        moved: called with an event of the mouse.
    """

    def __init__(
        self, name: str, resized: Callable[[float, float], None], moved: Callable[[dict[str, Any]], None]
    ) -> None:
        super().__init__(name)
        self._resized, self._moved = resized, moved

    def update_size(self, _origin: str, size: dict[str, float]) -> None:
        """Called by the page."""
        ratio = size.get("p", 1)
        self._resized(size["w"] * ratio, size["h"] * ratio)

    def on_interaction(self, _origin: str, event: dict[str, Any]) -> None:
        """Called by the page."""
        self._moved(event)

    def show(self, picture: Sent) -> None:
        """Send a picture to the page."""
        size = {"w": picture.columns, "h": picture.rows}
        self.push(picture.png, {"type": "image/png", "codec": "", **size, "st": 0, "key": "key"})


class Frames:
    """Draws the views and sends them, as often as asked and the screen can show; draws ahead what may come next.

    Args:
        session: what is shown; gives the pictures, on a thread of its own.
        areas: where they go.
        failed: told why if drawing fails.
    """

    def __init__(self, session: Session, areas: list[Area], failed: Callable[[Exception], None]) -> None:
        self._session, self._areas, self._failed = session, areas, failed
        self._kept = Kept()
        self._wanted = asyncio.Event()
        self._drawn = asyncio.Condition()
        self._asked = self._shown = 0

    def ask(self) -> int:
        """Have the views drawn as they are now; returns a number to wait for."""
        self._asked += 1
        self._wanted.set()
        return self._asked

    async def shown(self, number: int) -> None:
        """Wait until a picture asked for is on its way."""
        async with self._drawn:
            await self._drawn.wait_for(lambda: self._shown >= number)

    async def run(self) -> None:
        """Draw until cancelled."""
        sent: list[Sent] = []
        look: Look | None = None
        while True:
            try:
                await asyncio.wait_for(self._wanted.wait(), REPEAT_SECONDS if sent else None)
            except asyncio.TimeoutError:
                self._send(sent)
                sent = []
                continue
            self._wanted.clear()
            start, number = time.monotonic(), self._asked
            look, before = self._session.look(), look
            try:
                sent = await self._made(look)
                self._send(sent)
            except Exception as error:
                self._failed(error)
            async with self._drawn:
                self._shown = number
                self._drawn.notify_all()
            await self._draw_ahead(look, before)
            await asyncio.sleep(max(0.0, 1 / MOST_FRAMES_PER_SECOND - (time.monotonic() - start)))

    def _send(self, pictures: list[Sent]) -> None:
        for area, picture in zip(self._areas, pictures, strict=False):
            area.show(picture)

    async def _draw_ahead(self, look: Look, before: Look | None) -> None:
        """Draw what may be asked for next, until something is."""
        for likely in likely_after(look, before, self._session.slices, self._session.phases):
            if self._wanted.is_set():
                return
            with suppress(Exception):  # whoever asks for it is told
                await self._made(likely)

    async def _made(self, look: Look) -> list[Sent]:
        """The pictures of a look, as kept or drawn."""
        kept = self._kept.get(look)
        if kept is not None:
            return kept
        pictures = await asyncio.to_thread(self._session.pictures, look)
        images = await asyncio.gather(*(asyncio.to_thread(encode, picture) for picture in pictures))
        made = [Sent(png, *picture.shape[:2]) for png, picture in zip(images, pictures, strict=True)]
        self._kept.put(look, made)
        return made


def encode(picture: NDArray[np.uint8]) -> bytes:
    """A picture as PNG, of one channel where it is grey."""
    grey = np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 1], picture[..., 2])
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0]) if grey else picture)
    image.save(file, "png", compress_level=FAST_COMPRESSION)
    return file.getvalue()
