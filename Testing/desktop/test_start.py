"""What every start of Slicer pays for the module: the hook that makes layouts and sample data known."""

from __future__ import annotations

import subprocess
import sys

from desktop.standin import MODULE_FOLDER

LONGEST = 0.03  # s
MOST_MODULES = 8  # the package, three rooms' doors, version, and what is asked for
START = """
import importlib.util, sys, time
from unittest.mock import MagicMock

class Base: ...

def wrapper(cls):
    return cls

for name in ("slicer", "vtk", "slicer.i18n", "slicer.parameterNodeWrapper", "slicer.ScriptedLoadableModule",
             "slicer.util", "SampleData"):
    sys.modules[name] = MagicMock(name=name)
for name in ("", "Logic", "Test", "Widget"):
    setattr(sys.modules["slicer.ScriptedLoadableModule"], f"ScriptedLoadableModule{name}", type(f"B{name}", (), {}))
sys.modules["slicer.util"].VTKObservationMixin = type("Mixin", (), {})
sys.modules["slicer.parameterNodeWrapper"].parameterNodeWrapper = wrapper
sys.modules["slicer"].app.layoutManager().layoutLogic().GetLayoutNode().IsLayoutDescription.return_value = False

spec = importlib.util.spec_from_file_location("DURNSuperRes", "DURNSuperRes.py")
module = importlib.util.module_from_spec(spec)
sys.path.insert(0, ".")
spec.loader.exec_module(module)
import pathlib, typing  # Slicer has them in use
before, start = set(sys.modules), time.perf_counter()
module.registerLayoutsAndSampleData()
took = time.perf_counter() - start
added = sys.modules["slicer"].app.layoutManager().layoutLogic().GetLayoutNode().AddLayoutDescription.call_count
offered = sys.modules["SampleData"].SampleDataLogic.registerCustomSampleDataSource.call_count
print(took, added, offered, *sorted(set(sys.modules) - before))
"""


def start() -> tuple[float, int, int, list[str]]:
    """Time in s, layouts and samples made known, and modules imported by the hook in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", START], cwd=MODULE_FOLDER, capture_output=True, text=True, check=True
    )
    took, layouts, samples, *modules = result.stdout.split()
    return float(took), int(layouts), int(samples), modules


def test_the_start_of_slicer_is_not_held_up() -> None:
    """The best of five, since another process may take the cores for a moment."""
    runs = [start() for _ in range(5)]
    _, layouts, samples, modules = runs[0]
    assert layouts >= 2
    assert samples >= 2
    assert len(modules) <= MOST_MODULES, modules
    assert all(name.startswith(("DURNSuperResLib", "__future__")) for name in modules), modules
    assert min(took for took, *_ in runs) <= LONGEST
