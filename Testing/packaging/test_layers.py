"""The rooms of the house: each module imported alone brings in only what its layer allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "DURNSuperRes" / "DURNSuperResLib"
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in LIBRARY.rglob("*.py")
    if path.name != "comparison_section.py"  # the panel's own room: Qt, so only within a desktop
)
RUNS_TORCH = {f"DURNSuperResLib.core.network.{name}" for name in ("network", "fused", "inference")}
NEEDS_SCENE = ("DURNSuperResLib.scene", "DURNSuperResLib.viewer", "DURNSuperResLib.evaluation.demo")
EVALUATION = {"DURNSuperResLib.evaluation.scores", "DURNSuperResLib.commands.evaluate"}
HEAVY = {"torch", "slicer", "vtk", "vtkmodules", "qt", "SimpleITK", "pydicom"}


def allowed(module: str) -> set[str]:
    """Top-level packages beyond NumPy and the standard library that a module may bring in."""
    if module in RUNS_TORCH:
        return {"torch"}
    if module.startswith(NEEDS_SCENE):
        return {"slicer", "vtk", "vtkmodules", "SimpleITK", "pydicom"}
    return {"SimpleITK"} if module in EVALUATION else set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_allows(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) & HEAVY <= allowed(module)


def test_core_does_not_know_the_scene() -> None:
    for path in (LIBRARY / "core").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "scene" not in [word for line in text.splitlines() if "import" in line for word in line.split()]
        assert "import slicer" not in text
