"""The panel from Apply to the result, beside the engine's own time for the same slices, in the stand-in desktop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from Testing.Benchmarks.timing import table

REPOSITORY = Path(__file__).resolve().parents[2]
PANEL = """
import json, sys, time
import pytest
from desktop.standin import Desktop
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.scene.app import current_scene
import slicer

slices, size, rounds, idle = map(int, sys.argv[1:])
voxels = short_axis_phantom(2, slices=slices, size=2 * size).acquired
volume = current_scene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", "SAX")
slicer.util.updateVolumeFromArray(volume, voxels)
volume.SetSpacing(1.4, 1.4, 8.0)
volume.CreateDefaultDisplayNodes()

def timed(act):
    start = time.perf_counter()
    act()
    return time.perf_counter() - start

def apply():
    panel._parameterNode.outputVolume = None
    panel.ui.applyButton.click()
    assert panel._parameterNode.outputVolume is not None, desktop.errors

def stay_idle():
    while "torch" not in sys.modules:
        desktop.app.processEvents()
        time.sleep(0.05)
    panel.runner.call(lambda: None)  # which waits for what was begun

imported = {}
with pytest.MonkeyPatch.context() as patch:
    desktop = Desktop(patch)
    imported["module and start-up hook"] = "torch" in sys.modules
    panel = desktop.panel()
    imported["panel set up"] = "torch" in sys.modules
    panel.enter()
    imported["module entered"] = "torch" in sys.modules
    if idle:
        stay_idle()
        imported["window idle"] = "torch" in sys.modules
    first = timed(apply)
    both = {"panel": [], "engine": []}
    for _ in range(rounds):
        both["panel"].append(timed(apply))
        both["engine"].append(timed(lambda: enlarge(voxels, Upscaling())))
    panel.cleanup()
    desktop.close()
print(json.dumps({"imported": imported, "first": first, **both}))
"""


def missing() -> str:
    """Why there is nothing to measure with; empty if there is."""
    try:
        import PySide6  # noqa: F401
    except ImportError:
        return "PySide6 is not installed"
    return ""


def measure(*, quick: bool) -> dict[str, Any]:
    """Seconds of runs from the panel and of the engine, and when torch was imported."""
    size = (2, 48, 1) if quick else (12, 256, 5)
    return {"size": size, "at once": _panel(*size, 0), "when idle": _panel(*size, 1)}


def _panel(*numbers: int) -> dict[str, Any]:
    folders = REPOSITORY, REPOSITORY / "Testing", REPOSITORY / "DURNSuperRes"
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-c", PANEL, *map(str, numbers)]
    words = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    figures = json.loads(words.splitlines()[-1])
    return {**figures, "engine": min(figures["engine"]), "second": figures["panel"][0], "best": min(figures["panel"])}


def report(figures: dict[str, Any]) -> str:
    """The tables as Markdown."""
    slices, size, _ = figures["size"]
    at_once, idle = figures["at once"], figures["when idle"]
    runs = {
        "first, pressed as soon as the module is entered": (at_once["first"], at_once["engine"]),
        "first, once the window was idle": (idle["first"], idle["engine"]),
        "second": (idle["second"], idle["engine"]),
        "fastest of the later ones": (idle["best"], idle["engine"]),
    }
    rows = [[name, f"{seconds:.2f}", f"{seconds / engine:.2f}"] for name, (seconds, engine) in runs.items()]
    imported = [[when, "yes" if torch else "no"] for when, torch in idle["imported"].items()]
    return "\n\n".join(
        [
            f"## The panel\n\nSeconds from Apply until the result is in the scene, {slices} slices of {size} x {size} "
            "at x2, and their ratio to the fastest of some calls of `enlarge` with the same slices and options later "
            "in the same process. Scene and engine are real; Qt is PySide6 off screen behind the stand-in of "
            "`Testing/desktop`, not Slicer's own, and no view draws the result.",
            table(["run", "s", "x engine"], rows),
            "Whether torch was imported, asked in the same process after each step of Slicer's start:",
            table(["after", "imported"], imported),
        ]
    )
