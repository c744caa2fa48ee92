"""The viewer in a real browser: a turn of the wheel until the picture is on the screen, cine, memory of the server.

Each slice and phase carries its number in its first rows, bright and dark squares for the bits, so that what a view
shows is told by its picture's own pixels and no picture is taken for another.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.scene.app import current_scene
from DURNSuperResLib.scene.sequence_storage import write_sequence
from DURNSuperResLib.scene.sequences import add_item, new_sequence, upscale_sequence
from DURNSuperResLib.viewer.looks import MOST_BYTES
from Testing.Benchmarks.timing import table
from Testing.viewer.served import CHROMIUM, QUIET, Served, start_viewer

ROWS, COLUMNS = 208, 256  # twice that in the enlarged image, and in pixels of each view
MILLISECONDS = 50  # between phases: 20 pictures a second
GEOMETRY = np.diag([-1.4, -1.4, 8.0, 1.0])
BITS, SQUARE = 5, 8  # for slice and phase each, and edge of a square in voxels
BRIGHT, NOISE = 1000, 12.0
STREAM_MILLISECONDS = 50
WHEN = {"first": "slices not shown before", "again": "slices shown before"}
SETTLE_MILLISECONDS = 120
POLL = 50  # ms between looks at what was painted
LONGEST_MILLISECONDS = 20_000
WATCH = """([bits, square]) => {
  const waits = (window.waits = { turned: [], seen: [], now: "" });
  document.addEventListener("wheel", (event) => waits.turned.push(event.timeStamp), { capture: true, passive: true });

  const blobs = new Map(), make = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    const url = make.call(URL, blob);
    blobs.set(url, blob);
    return url;
  };
  const painted = [];
  new PerformanceObserver((list) => painted.push(...list.getEntries())).observe({ type: "element" });
  const watch = () => document.querySelectorAll(".view").forEach((view) =>
    view.querySelector("img")?.setAttribute("elementtiming", view.id));
  new MutationObserver(watch).observe(document.querySelector("main"), { subtree: true, childList: true });
  watch();

  const number = async (blob) => {
    const image = await createImageBitmap(blob);
    const strip = new OffscreenCanvas(2 * bits, 1).getContext("2d");
    const edge = 2 * square; // of a square in the picture
    for (let n = 0; n < 2 * bits; n++) strip.drawImage(image, edge * (n + 0.5), edge / 2, 1, 1, n, 0, 1, 1);
    const pixels = strip.getImageData(0, 0, 2 * bits, 1).data;
    const value = (first) => Array.from({ length: bits }, (_, n) => (pixels[4 * (first + n)] > 127) << n);
    return [0, bits].map((first) => value(first).reduce((a, b) => a + b)).join("/");
  };
  const last = {};
  waits.read = async () => {
    for (const { identifier, url, renderTime } of painted.splice(0)) {
      if (!blobs.has(url)) continue; // of before the watch
      last[identifier] = await number(blobs.get(url));
      const [a, b] = [last["view-original"], last["view-result"]];
      if (a == b && a != waits.now) waits.seen.push([(waits.now = a), renderTime]);
    }
    return waits.seen;
  };
}"""


@dataclass(frozen=True)
class Amount:
    """How much is done: slices and phases of the image, rounds of the wheel through all slices and back, seconds of
    cine, and for memory turns and phases each, and images opened.
    """

    slices: int
    phases: int
    rounds: int
    seconds: float
    repeats: int
    opened: int


WHOLE, QUICK = Amount(12, 25, 3, 8.0, 300, 30), Amount(3, 5, 1, 2.0, 3, 3)


def missing() -> str:
    """Why there is nothing to measure with; empty if there is."""
    try:
        import playwright.sync_api  # noqa: F401
        import trame_server  # noqa: F401
    except ImportError as error:
        return f"the Python package {error.name} is not installed"
    return "" if CHROMIUM.exists() else f"there is no {CHROMIUM}"


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures of the viewer, times in milliseconds and memory in MiB."""
    from playwright.sync_api import sync_playwright

    amount = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        cine, cine_x2 = _write_images(folder, amount)
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIET.split())
        with _viewer(folder, cine, cine_x2) as served:
            page = _open(browser, served)
            figures = {
                "single": _single_waits(page, amount),
                "stream": _stream_waits(page, amount),
                "cine": _cine(page, amount),
                "memory": _growth(page, served, amount, cine),
            }
        browser.close()
    return figures | {"slices": amount.slices, "phases": amount.phases}


def _write_images(folder: Path, amount: Amount) -> tuple[Path, Path]:
    """A cine and its bicubic enlargement."""
    paths = folder / "cine.seq.nrrd", folder / "cine_x2.seq.nrrd"
    acquired = short_axis_phantom(2, slices=amount.slices, size=2 * ROWS).acquired
    heart = np.pad(acquired, ((0, 0), (0, 0), (0, COLUMNS - ROWS)))
    noise, scene = np.random.default_rng(0), current_scene()
    sequence = scene.AddNode(new_sequence("cine", "TriggerTime", "ms"))
    for phase in range(amount.phases):
        noisy = np.roll(BRIGHT * heart / heart.max(), phase, axis=1) + noise.normal(0, NOISE, heart.shape)
        add_item(sequence, _numbered(noisy, phase), GEOMETRY, str(MILLISECONDS * phase))
    enlarged = upscale_sequence(sequence, method="bicubic", keep_type=True)
    write_sequence(sequence, paths[0])
    write_sequence(enlarged, paths[1])
    for node in (sequence, enlarged):
        scene.RemoveNode(node)
    return paths


def _numbered(voxels: NDArray[np.float64], phase: int) -> NDArray[np.int16]:
    """Slices ``(k, j, i)`` with their number and the phase's in squares along their first rows."""
    marked = np.clip(voxels, 0, BRIGHT)
    for number, image in enumerate(marked):
        bits = [(value >> n) & 1 for value in (number, phase) for n in range(BITS)]
        image[:SQUARE, : SQUARE * len(bits)] = BRIGHT * np.repeat(bits, SQUARE)
    return np.round(marked).astype(np.int16)


@contextlib.contextmanager
def _viewer(folder: Path, *images: Path) -> Iterator[Served]:
    served = start_viewer(folder, *images)
    try:
        yield served
    finally:
        served.end()


def _open(browser: Any, served: Served) -> Any:
    """The viewer's page, its views of twice the image's size, watched."""
    page = browser.new_page(viewport={"width": 1200, "height": 600})
    page.set_default_timeout(LONGEST_MILLISECONDS)
    page.goto(served.address)
    page.wait_for_selector("#view-result img")
    width = round(4 * COLUMNS + 1200 - 2 * page.locator("#view-original").bounding_box()["width"])
    page.set_viewport_size({"width": width, "height": 600})
    above = 600 - page.locator("#view-original").bounding_box()["height"]  # of bars that may now take two lines
    page.set_viewport_size({"width": width, "height": round(2 * ROWS + above)})
    page.wait_for_function(
        "([columns, rows]) => [...document.querySelectorAll('.view img')].every("
        "(image) => image.naturalWidth == columns && image.naturalHeight == rows)",
        arg=[2 * COLUMNS, 2 * ROWS],
    )
    page.evaluate(WATCH, [BITS, SQUARE])
    page.locator("#view-result").hover()
    return page


def _round_trip(amount: Amount) -> list[int]:
    """Turns of the wheel from the first slice to the last and back: -1 up a slice, 1 down."""
    return (amount.slices - 1) * [-1] + (amount.slices - 1) * [1]


def _to_first_slice(page: Any, amount: Amount) -> None:
    for last in (amount.slices - 1, 0):  # whichever it is at, this changes the picture
        _clear(page)
        page.locator("#slice").fill(str(last))
        page.locator("#slice").blur()
        _wait_for(page, last)


def _wait_for(page: Any, last: int) -> None:
    """Until both views show a slice, and some time more."""
    _until(page, lambda seen: bool(seen) and seen[-1][0].startswith(f"{last}/"))
    page.wait_for_timeout(SETTLE_MILLISECONDS)


def _until(page: Any, enough: Callable[[list[tuple[str, float]]], bool]) -> list[tuple[str, float]]:
    """What both views have shown since the watch was cleared, and when, as soon as that is enough.

    Raises:
        TimeoutError: it does not become enough.
    """
    end = time.monotonic() + LONGEST_MILLISECONDS / 1000
    while not enough(seen := _seen(page)):
        if time.monotonic() > end:
            raise TimeoutError(f"the views have shown {seen[-3:]}")
        page.wait_for_timeout(POLL)
    return seen


def _single_waits(page: Any, amount: Amount) -> dict[str, list[float]]:
    """From each turn of the wheel to its picture in both views, the next turn some time after that: through the slices
    of a phase where none has been shown, and back.
    """
    _to_first_slice(page, amount)
    waits: dict[str, list[float]] = {"first": [], "again": []}
    for _ in range(amount.rounds):
        _next_phase(page)
        for down in _round_trip(amount):
            seen = _seen_after(page, functools.partial(page.mouse.wheel, 0, 100 * down))
            waits["first" if down < 0 else "again"].append(seen - page.evaluate("waits.turned[0]"))
            page.wait_for_timeout(SETTLE_MILLISECONDS)
    return waits


def _stream_waits(page: Any, amount: Amount) -> dict[str, list[float]]:
    """The same for turns that do not wait for each other: until both views show the slice turned to or a later one."""
    _to_first_slice(page, amount)
    waits: dict[str, list[float]] = {"first": [], "again": []}
    for _ in range(amount.rounds):
        _next_phase(page)
        waits["first"] += _streamed(page, -1, amount.slices - 1)
        waits["again"] += _streamed(page, 1, amount.slices - 1)
    return waits


def _streamed(page: Any, down: int, turns: int) -> list[float]:
    begin, end = (0, turns) if down < 0 else (turns, 0)
    _clear(page)
    for _ in range(turns):
        page.mouse.wheel(0, 100 * down)
        page.wait_for_timeout(STREAM_MILLISECONDS)
    _wait_for(page, end)
    steps = [(abs(int(number.partition("/")[0]) - begin), at) for number, at in _seen(page)]
    turned = enumerate(page.evaluate("waits.turned"), 1)
    return [next(at for step, at in steps if step >= wanted) - since for wanted, since in turned]


def _next_phase(page: Any) -> None:
    _seen_after(page, lambda: page.keyboard.press("."))
    page.wait_for_timeout(SETTLE_MILLISECONDS)


def _seen(page: Any) -> list[tuple[str, float]]:
    """What both views have shown since the watch was cleared, and when."""
    return [(number, at) for number, at in page.evaluate("waits.read()")]


def _cine(page: Any, amount: Amount) -> dict[str, float]:
    """Pictures a second that both views show at once while the cine plays, and phases that they leave out."""
    page.keyboard.press(" ")
    page.wait_for_timeout(500)
    _clear(page)
    page.wait_for_timeout(1000 * amount.seconds)
    seen = _until(page, lambda seen: len(seen) > 2)
    page.keyboard.press(" ")
    page.wait_for_timeout(500)
    phases = [int(number.rpartition("/")[2]) for number, _ in seen]
    steps = [(after - before) % amount.phases for before, after in itertools.pairwise(phases)]
    span = (seen[-1][1] - seen[0][1]) / 1000
    gaps = [after[1] - before[1] for before, after in itertools.pairwise(seen)]
    return {
        "asked": 1000 / MILLISECONDS,
        "shown": len(steps) / span,
        "left_out": sum(step - 1 for step in steps) / sum(steps),
        "longest": max(gaps),
    }


def _growth(page: Any, served: Served, amount: Amount, image: Path) -> dict[str, list[float]]:
    """Memory of the server before any, after a third, two thirds and all of some actions of each kind."""
    turns = itertools.cycle(_round_trip(amount))
    actions: dict[str, tuple[int, Callable[[], object]]] = {
        "turns of the wheel": (
            amount.repeats,
            lambda: _seen_after(page, lambda: page.mouse.wheel(0, 100 * next(turns))),
        ),
        "phases": (amount.repeats, lambda: _seen_after(page, lambda: page.keyboard.press("."))),
        "images opened": (amount.opened, lambda: _send(served, image)),
    }
    return {f"{count} {name}": _memory(served, count, act) for name, (count, act) in actions.items()}


def _memory(served: Served, count: int, act: Callable[[], object]) -> list[float]:
    held = [_resident_mib(served.process.pid)]
    for done in range(1, count + 1):
        act()
        if done in (count // 3, 2 * count // 3, count):
            held.append(_resident_mib(served.process.pid))
    return held


def _resident_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _send(served: Served, image: Path) -> None:
    """Open an image as a file that is dropped on the page is."""
    address = f"{served.root}upload?name={image.name}&token={served.token}"
    with urllib.request.urlopen(urllib.request.Request(address, image.read_bytes(), method="POST")):
        time.sleep(0.5)  # in which it is drawn


def _seen_after(page: Any, act: Callable[[], object]) -> float:
    """When both views first showed another picture than before."""
    _clear(page)
    act()
    return _until(page, bool)[0][1]


def _clear(page: Any) -> None:
    page.evaluate("waits.read().then(() => { waits.turned.length = waits.seen.length = 0; })")


def report(figures: dict[str, Any]) -> str:
    """The tables as Markdown."""
    rows = []
    for kind, name in (("single", "single turns"), ("stream", f"a turn each {STREAM_MILLISECONDS} ms")):
        for when, ms in figures[kind].items():
            rows.append([f"{name}, {WHEN[when]}", str(len(ms)), *(f"{np.percentile(ms, q):.0f}" for q in (50, 95))])
    cine, memory = figures["cine"], figures["memory"]
    played = [f"{cine['asked']:.0f}", f"{cine['shown']:.1f}", f"{cine['left_out']:.0%}", f"{cine['longest']:.0f}"]
    return "\n\n".join(
        [
            f"## The viewer\n\nA cine of {figures['slices']} slices and {figures['phases']} phases of "
            f"{ROWS} x {COLUMNS} and its enlargement side by side, in views of {2 * COLUMNS} x {2 * ROWS} pixels. "
            "Milliseconds from the browser's own time stamp of a wheel event until it has painted the picture of the "
            "new slice (or a later one) in both views, by its element timing; the slice is known by marks in the "
            "picture's pixels. Chromium is headless, without a GPU, and shares the machine with the server; a screen "
            "adds its own delay.",
            table(["", "turns", "median", "95th percentile"], rows),
            "Pictures a second of the cine that both views show at once, by the same marks, the share of phases that "
            "they leave out, and the longest time in milliseconds that one picture stays:",
            table(["asked", "shown", "left out", "longest"], [played]),
            "Resident memory in MiB of the server's process, as Linux tells it, between actions of one kind; of "
            f"pictures it keeps at most {MOST_BYTES / 2**20:.0f} MiB:",
            table(
                ["", "before", "after a third", "two thirds", "all"],
                [[name, *(f"{held:.0f}" for held in values)] for name, values in memory.items()],
            ),
        ]
    )
