"""The pictures of the views on their way to the browser: drawn when asked for, both together, without loss."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from trame_rca.protocol import AreaAdapter

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

    def __init__(self, name: str, resized: Callable[[int, int], None], moved: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name)
        self._resized, self._moved = resized, moved

    def update_size(self, _origin: str, size: dict[str, float]) -> None:
        """Called by the page."""
        ratio = size.get("p", 1)
        self._resized(round(size["w"] * ratio), round(size["h"] * ratio))

    def on_interaction(self, _origin: str, event: dict[str, Any]) -> None:
        """Called by the page."""
        self._moved(event)

    def show(self, png: bytes, picture: NDArray[np.uint8]) -> None:
        """Send a picture to the page."""
        rows, columns = picture.shape[:2]
        self.push(png, {"type": "image/png", "codec": "", "w": columns, "h": rows, "st": 0, "key": "key"})


class Frames:
    """Draws the views and sends them, as often as asked and the screen can show.

    Args:
        draw: gives the pictures, one an area; runs on a thread of its own.
        areas: where they go.
        failed: told why if drawing fails.
    """

    def __init__(
        self, draw: Callable[[], list[NDArray[np.uint8]]], areas: list[Area], failed: Callable[[Exception], None]
    ) -> None:
        self._draw, self._areas, self._failed = draw, areas, failed
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
        sent: list[tuple[Area, bytes, NDArray[np.uint8]]] = []
        while True:
            try:
                await asyncio.wait_for(self._wanted.wait(), REPEAT_SECONDS if sent else None)
            except asyncio.TimeoutError:
                for area, png, picture in sent:
                    area.show(png, picture)
                sent = []
                continue
            self._wanted.clear()
            start, number = time.monotonic(), self._asked
            try:
                pictures = await asyncio.to_thread(self._draw)
                images = await asyncio.gather(*(asyncio.to_thread(encode, picture) for picture in pictures))
                sent = list(zip(self._areas, images, pictures, strict=False))
                for area, png, picture in sent:
                    area.show(png, picture)
            except Exception as error:
                self._failed(error)
            async with self._drawn:
                self._shown = number
                self._drawn.notify_all()
            await asyncio.sleep(max(0.0, 1 / MOST_FRAMES_PER_SECOND - (time.monotonic() - start)))


def encode(picture: NDArray[np.uint8]) -> bytes:
    """A picture as PNG, of one channel where it is grey."""
    grey = np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 1], picture[..., 2])
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture[..., 0]) if grey else picture)
    image.save(file, "png", compress_level=FAST_COMPRESSION)
    return file.getvalue()
