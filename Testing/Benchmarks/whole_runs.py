"""Whole runs in processes of their own: the command from start to exit, time in the network, growth, peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from Testing.Benchmarks.timing import table

RUN = """
import json, sys, time
import numpy as np
from DURNSuperResLib import upscale_slices
from DURNSuperResLib.core.network.memory import keep_freed_memory
keep_freed_memory()  # as the command does
{setup}
def peak():
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""

ENGINE = (
    RUN.format(setup="n, rows, columns, scale = map(int, sys.argv[1:])")
    + """
slices = np.random.default_rng(0).random((n, rows, columns), dtype=np.float32)
how = {"device": "cpu", "precision": "float32"}
upscale_slices(slices[:1, :32, :32], scale, **how)
before = peak()
enlarged = upscale_slices(slices, scale, **how)
beyond = peak() - before - enlarged.nbytes
start = time.perf_counter()
upscale_slices(slices, scale, **how)
print(json.dumps({"seconds": time.perf_counter() - start, "beyond": beyond}))
"""
)

COMMAND = """
import sys, time
start = time.perf_counter()
from DURNSuperResLib import cli
from DURNSuperResLib.core import engine
spent, first, durn = [0.0], [], engine._durn
def timed(*given):  # the passes through the network, once the command itself has imported it
    from DURNSuperResLib.core.network import inference
    call = inference.Run._pass
    def timed_pass(*given):
        began = time.perf_counter()
        result = call(*given)
        spent[0] += time.perf_counter() - began
        first.append(time.perf_counter() - start)
        return result
    inference.Run._pass = timed_pass
    return durn(*given)
engine._durn = timed
sys.argv[1:] = ["upscale", sys.argv[1], "-o", sys.argv[2], "--device", "cpu", "--quiet"]
code = cli.command()
print(spent[0], first[0])
sys.exit(code)
"""


def measure(*, quick: bool) -> dict[str, Any]:
    """Figures of whole runs; sizes are small where ``quick``."""
    base = (2, 64, 64, 2) if quick else (8, 256, 256, 2)
    n, rows, columns, scale = base
    growth = {
        "as it is": base,
        "4 times the slices": (4 * n, rows, columns, scale),
        "4 times the pixels": (n, 2 * rows, 2 * columns, scale),
        "x3": (n, rows, columns, 3),
        "x4": (n, rows, columns, 4),
    }
    return {
        "growth": {name: {"size": size, **_engine(size, 1 if quick else 4)} for name, size in growth.items()},
        "command": _command(4 if quick else 150, 64 if quick else 256),
        "first_seconds": min(_command(2, 64 if quick else 256)["first"] for _ in range(1 if quick else 4)),
        "help_seconds": min(_seconds(["-m", "DURNSuperResLib.cli", "--help"]) for _ in range(5)),
    }


def _engine(size: tuple[int, ...], repeats: int) -> dict[str, float]:
    """Seconds of the engine's second run and peak memory of its first beyond input and output; the fastest of some
    processes.
    """
    runs = [json.loads(_python(["-c", ENGINE, *map(str, size)])) for _ in range(repeats)]
    return min(runs, key=lambda run: run["seconds"])


def _command(slices: int, size: int) -> dict[str, float]:
    """``durn-superres upscale`` of a NRRD file: whole time, time in the network, time until the first slice is out."""
    from DURNSuperResLib.core.signal.phantom import short_axis_phantom  # with SimpleITK only in the process that writes

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heart.nrrd"
        _write(short_axis_phantom(2, slices=slices, size=2 * size).acquired, path)
        start = time.perf_counter()
        words = _python(["-c", COMMAND, str(path), str(path.with_name("out.nrrd"))]).split()
        seconds = time.perf_counter() - start
    return {"slices": slices, "size": size, "seconds": seconds, "network": float(words[0]), "first": float(words[1])}


def _write(voxels: Any, path: Path) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(voxels.astype("int16"))
    image.SetSpacing((1.4, 1.4, 8.0))
    sitk.WriteImage(image, str(path))


def _python(arguments: list[str]) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def _seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    _python(arguments)
    return time.perf_counter() - start


def report(figures: dict[str, Any]) -> str:
    """The tables as Markdown."""
    base = next(iter(figures["growth"].values()))
    rows = []
    for name, entry in figures["growth"].items():
        n, height, width, scale = entry["size"]
        work = n * height * width / (base["size"][0] * base["size"][1] * base["size"][2])
        ratio = f"{entry['seconds'] / base['seconds'] / work:.2f}" if scale == base["size"][3] else ""
        size = f"{n} x {height} x {width}, x{scale}"
        rows.append([name, size, f"{entry['seconds']:.2f}", ratio, f"{entry['beyond'] / 2**20:.0f}"])
    command = figures["command"]
    shares = [
        ["whole, start to exit", f"{command['seconds']:.2f}", ""],
        ["in the network", f"{command['network']:.2f}", f"{command['network'] / command['seconds']:.0%}"],
        ["until the first slice is out", f"{figures['first_seconds']:.2f}", ""],
        ["`durn-superres --help`", f"{figures['help_seconds']:.2f}", ""],
    ]
    size = f"{command['slices']} slices of {command['size']} x {command['size']}"
    return "\n\n".join(
        [
            "## Growth\n\nThe engine in a process as the command's, float32; time of a second run beside what linear "
            "growth in slices and pixels would give (1.00 is linear), and peak memory beyond input and output:",
            table(["", "slices", "s", "of linear", "MiB beyond"], rows),
            f"## The command\n\n`durn-superres upscale` of a NRRD file, {size}:",
            table(["", "s", "share"], shares),
        ]
    )
