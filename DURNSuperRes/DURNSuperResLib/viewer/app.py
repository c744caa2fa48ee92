"""The viewer's server: trame's page and state, the session behind them, uploads, and the token that all need."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from trame_server import Server

from ..core.monitor import Cancelled
from ..core.network.models import ModelError, families
from ..core.options import DEFAULT_MODEL, METHOD_LABELS, METHODS, SCALES
from ..core.upscaling import Upscaling
from .frames import AREAS, Area, Frames
from .mouse import Mouse
from .page import add_page, start_page
from .security import PARAMETER, gate, new_token
from .session import OVERLAYS, Session
from .uploads import UPLOADED, PrivateFolder, TooLarge

logger = logging.getLogger(__name__)

ZOOM_STEP = 1.25
BAR_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200)
BAR_SHARE = 0.25  # of a view's width, at most
FAILURES = (ValueError, OSError, ModelError, RuntimeError, MemoryError)
FROM_PAGE = ("slice", "phase", "window", "level", "overlay")
CHATTY = ("aiohttp.access", "wslink", "trame", "trame_server", "trame_client")


@dataclass(frozen=True)
class Place:
    """Where to serve: an address, a port (0 for any free one), and the most bytes of an upload."""

    host: str
    port: int
    upload_limit: int


class Viewer:
    """One page and what is behind it; made within the event loop.

    Args:
        session: what is shown.
        folder: where uploads and results go.
        device: where to upscale.
    """

    def __init__(self, session: Session, folder: PrivateFolder, device: str = "auto") -> None:
        self._session, self._folder, self._device = session, folder, device
        self._server = Server("durn-viewer")
        self._state = self._server.state
        self._mouse = Mouse(session, self._show)
        self._areas = [Area(name, self._resize, self._mouse.event) for name in AREAS]
        self._frames = Frames(session, self._areas, self._fail)
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = False
        self._set_up_state()
        add_page(self._server)

    async def serve(self, place: Place, token: str, ready: Callable[[int], None]) -> None:
        """Serve until cancelled; ``ready`` is told the port."""
        controller = self._server.controller

        def bind(web_server: Any) -> None:
            self._add_routes(web_server.app, token)

        def begin(**_: Any) -> None:
            for area in self._areas:
                controller.rc_area_register(area)
            self._start(self._frames.run())
            ready(self._server.port)

        controller.on_server_bind.add(bind)
        controller.on_server_ready.add(begin)
        try:
            await _started(self._server, place)
        finally:
            self._session.cancel()
            for task in self._tasks:
                task.cancel()

    def _set_up_state(self) -> None:
        state = self._state
        state.update({"layout": "side", "swipe": 50, "smooth": False, "panel": False, "playing": False, "pointed": ""})
        state.update({"running": False, "progress": 0, "note": "", "note_bad": False})
        state.update({"scale": SCALES[0], "scales": SCALES, "method": METHODS[0]})
        models = {str(scale): families(scale) for scale in SCALES}
        state.update({"methods": METHOD_LABELS, "models": models, "model": DEFAULT_MODEL})
        self._tell()
        self._show()
        state.change(*FROM_PAGE)(self._take)
        state.change("smooth")(self._take_smooth)
        for name, act in (
            ("key", self._key),
            ("wheel", self._mouse.event),
            ("play", self._play),
            ("run", self._run),
            ("cancel", self._cancel),
            ("point", self._point),
            ("size", self._resize),
        ):
            self._server.controller.trigger(name)(act)

    def _add_routes(self, app: web.Application, token: str) -> None:
        app.middlewares.append(gate(token))
        app.router.add_get("/", self._page)
        app.router.add_get("/index.html", self._page)
        app.router.add_post("/paraview/", self._where)
        app.router.add_post("/upload", self._upload)
        app.router.add_get("/result", self._result)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=start_page(), content_type="text/html")

    async def _where(self, request: web.Request) -> web.Response:
        """Where the websocket is, which trame's client asks before it guesses."""
        scheme = "wss" if request.headers.get("Origin", "").startswith("https:") else "ws"
        return web.json_response({"sessionURL": f"{scheme}://USE_HOST/ws"})

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            blocks = request.content.iter_chunked(2**20)
            path = await self._folder.receive(request.query.get("name", ""), request.content_length, blocks)
            self._opening = True
            await asyncio.to_thread(self._session.open, path)
        except FAILURES as error:
            status = 413 if isinstance(error, TooLarge) else 400
            text = str(error).replace(f"{self._folder.path / UPLOADED}{os.sep}", "")  # of no use to who sent the file
            return web.Response(status=status, text=" ".join(text.split()))
        finally:
            self._opening = False
        with self._state:
            self._state.update({"playing": False, "panel": False, "layout": "side", "smooth": False})
            self._tell()
            self._show()
        return web.Response()

    async def _result(self, _: web.Request) -> web.StreamResponse:
        try:
            path = await asyncio.to_thread(self._session.save_result, self._folder.path)
        except FAILURES as error:
            raise web.HTTPNotFound(text=str(error)) from error
        return web.FileResponse(path, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})

    def _show(self) -> int:
        """Bring the page to what the session is at; returns the number of the pictures asked for."""
        if self._opening:  # what is shown is on its way out
            return 0
        with self._state:
            self._state.update(page_state(self._session))
        return self._frames.ask()

    def _take(self, **state: Any) -> None:
        """Bring the session to what the page says."""
        session = self._session
        if state["overlay"] in OVERLAYS:
            session.overlay = state["overlay"]
        session.window, session.level = max(float(state["window"]), 1e-6), float(state["level"])
        session.scroll(int(state["slice"]) - session.slice)
        session.phase = int(state["phase"]) % session.phases
        self._show()

    def _take_smooth(self, smooth: bool, **_: Any) -> None:
        self._session.set_smooth(smooth)
        self._frames.ask()

    def _resize(self, width: float, height: float) -> None:
        self._session.resize(round(width), round(height))
        self._show()

    def _fail(self, error: Exception) -> None:
        logger.warning("%s", error)
        with self._state:
            self._state.update({"note": " ".join(str(error).split()), "note_bad": True})

    def _tell(self) -> None:
        """Show what a reader should know of the images on show."""
        with self._state:
            self._state.update({"note": "; ".join(self._session.notes), "note_bad": False})

    def _key(self, key: str) -> None:
        session, state = self._session, self._state
        if key.startswith("Arrow"):
            session.scroll(1 if key in ("ArrowUp", "ArrowRight") else -1)
        elif key in "+=-":
            session.zoom_by(1 / ZOOM_STEP if key == "-" else ZOOM_STEP)
        elif key in ",.":
            session.phase = (session.phase + (1 if key == "." else -1)) % session.phases
        elif key == "0":
            session.zoom_by(0)
            session.window, session.level = session.automatic_window()
        elif key == " ":
            self._play()
        elif key in "sdu" and session.has_result:
            if key == "s":
                state.layout = "side" if state.layout == "swipe" else "swipe"
            else:
                session.toggle_overlay("difference" if key == "d" else "uncertainty")
        self._show()

    def _point(self, right: float, down: float) -> None:
        """Tell the page what is under the pointer."""
        if not self._opening and not self._state.running:
            self._state.pointed = self._session.value_at(float(right), float(down))

    def _play(self) -> None:
        if self._session.phases < 2 or self._state.playing:
            self._state.playing = False
            return
        self._state.playing = True
        self._start(self._playing())

    async def _playing(self) -> None:
        """Phase after phase, at the speed of the heart as far as the views can be drawn that fast."""
        due = time.monotonic()
        while self._state.playing:
            self._session.phase = (self._session.phase + 1) % self._session.phases
            await self._frames.shown(self._show())
            # by the clock, or what each sleep takes too long would add up; a late picture does not hasten the next ones
            due = max(due + 1 / self._session.frames_per_second, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _run(self) -> None:
        if not self._state.running:
            self._state.update({"running": True, "progress": 0, "note": ""})
            scale, model = int(self._state.scale), str(self._state.model)
            model = model if model in families(scale) else DEFAULT_MODEL  # chosen for another scale
            how = Upscaling(scale, str(self._state.method), self._device, model=model)
            self._start(self._running(replace(how, uncertainty=how.is_durn)))

    async def _running(self, how: Upscaling) -> None:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._report, done / total)

        try:
            await asyncio.to_thread(self._session.upscale, how, progress)
            self._tell()
        except Cancelled:
            pass
        except FAILURES as error:
            self._fail(error)
        finally:
            with self._state:
                self._state.update({"running": False, "panel": False})
                self._show()

    def _report(self, share: float) -> None:
        with self._state:
            self._state.progress = share

    def _cancel(self) -> None:
        self._session.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def page_state(session: Session) -> dict[str, Any]:
    """What the page shows of a session, as the variables of its template."""
    low, high = session.intensities
    span = max(high - low, 1e-6)
    times = session.times_ms
    names = ("slice", "slices", "phase", "phases", "window", "level", "zoom", "overlay", "labels", "name", "sides")
    state: dict[str, Any] = {name: getattr(session, name) for name in names}
    time_text = f"  {times[session.phase]:.0f} ms" if times else ""
    limit = session.difference_limit if session.overlay == "difference" else session.uncertainty_limit
    bar_mm, bar_share = scale_bar(session.width_mm)
    least = f"{-limit:.3g}" if session.overlay == "difference" else "0"
    return state | {
        "has_result": session.has_result,
        "has_uncertainty": session.has_uncertainty,
        "phase_text": f"{session.phase + 1} / {session.phases}{time_text}",
        "window_least": span / 200,
        "window_most": max(span, session.window),
        "level_least": min(low, session.level),
        "level_most": max(high, session.level),
        "window_step": span / 1000,
        "digits": 0 if span >= 100 else 2 if span >= 1 else 4,
        "bar": {"text": f"{bar_mm} mm", "share": bar_share},
        "legend": [least, f"{limit:+.3g}" if session.overlay == "difference" else f"{limit:.3g}"],
    }


def scale_bar(width_mm: float) -> tuple[int, float]:
    """A round length in mm for a view of a width in mm, and how much of that it takes."""
    length = max((mm for mm in BAR_LENGTHS_MM if mm <= BAR_SHARE * width_mm), default=BAR_LENGTHS_MM[0])
    return length, length / width_mm


async def _started(server: Server, place: Place) -> None:
    """Run the web server, which would else take its options from this process's command line."""
    os.environ |= {"WSLINK_READY_MSG": "", "WSLINK_WS_COMPRESS": "0"}  # pictures are compressed already
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        running = server.start(
            host=place.host,
            port=place.port,
            exec_mode="coroutine",
            backend="aiohttp",
            thread=True,  # it would handle signals, which are ours
            timeout=0,
            open_browser=False,
            show_connection_info=False,
        )
    finally:
        sys.argv = arguments
    await running


def serve(session: Session, place: Place, device: str, ready: Callable[[str], None]) -> None:
    """Serve a session until the process is interrupted or told to end; ``ready`` is given the page's address.

    Raises:
        OSError: an address or a port that cannot be had.
    """
    token = new_token()
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)  # the access log would hold the token
    host = f"[{place.host}]" if ":" in place.host else place.host

    async def main(folder: PrivateFolder) -> None:
        viewer = Viewer(session, folder, device)
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows, where Ctrl-C interrupts without
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await viewer.serve(place, token, lambda port: ready(f"http://{host}:{port}/?{PARAMETER}={token}"))

    with PrivateFolder(place.upload_limit) as folder:
        try:
            asyncio.run(main(folder))
        except (asyncio.CancelledError, KeyboardInterrupt):
            pass
        finally:
            session.close()
