"""What the mouse does in a view: wheel through the slices, drag for window and level, with shift to move the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .session import Session

WHEEL_ZOOM = 1.15
DRAG_WINDOW = 2.0  # of the window, over a whole view


class Mouse:
    """Turns the page's mouse events into what the session does.

    Args:
        session: what is shown.
        changed: called after a change.
    """

    def __init__(self, session: Session, changed: Callable[[], object]) -> None:
        self._session, self._changed = session, changed
        self._button = ""
        self._last = (0.0, 0.0)

    def event(self, event: dict[str, Any]) -> None:
        """Take an event: ``type`` as VTK names it, ``x`` and ``y`` from the lower left, the view's ``w`` and ``h``."""
        kind = str(event.get("type", ""))
        if kind.endswith("ButtonPress"):
            self._button = kind.removesuffix("ButtonPress")
            self._last = float(event["x"]), float(event["y"])
        elif kind.endswith("ButtonRelease"):
            self._button = ""
        elif kind == "MouseMove" and self._button:
            self._drag(event)
            self._changed()
        elif kind == "MouseWheel":
            self._wheel(event)
            self._changed()

    def _drag(self, event: dict[str, Any]) -> None:
        x, y = float(event["x"]), float(event["y"])
        right, up = (x - self._last[0]) / event["w"], (y - self._last[1]) / event["h"]
        self._last = x, y
        if self._button == "Left" and not event.get("shiftKey"):
            self._session.adjust(DRAG_WINDOW * right, DRAG_WINDOW * up)
        else:
            self._session.pan(right, up)

    def _wheel(self, event: dict[str, Any]) -> None:
        turned = 1 if float(event.get("spinY", 0)) < 0 else -1
        if event.get("controlKey") or event.get("ctrlKey"):
            self._session.zoom_by(WHEEL_ZOOM**turned)
        else:
            self._session.scroll(turned)
