"""The rooms of the house: every file lies in one, and each room's doors open one way only.

Read from the folder tree and from the imports in the code, so a new file without a room, or one that reaches into a
room it must not know, fails here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "DURNSuperRes" / "DURNSuperResLib"
PACKAGE = LIBRARY.name
SHARED = {"version", "report", "worker"}  # at the top, since they serve several rooms

# Each room with the rooms that it may import, its own and ``SHARED`` aside; of nested rooms the innermost counts.
DOORS: dict[str, set[str]] = {
    "core.signal": {"core"},
    "core.network": {"core", "core.signal"},
    "core": {"core.network", "core.signal"},
    "scene.dicom": {"core", "core.network", "core.signal"},
    "scene": {"core", "core.network", "core.signal", "scene.dicom"},
    "panel": {"core", "core.network", "core.signal", "scene", "scene.dicom"},
    "cohort": {"core", "core.network", "scene", "scene.dicom"},
    "evaluation": {"core", "core.network", "core.signal", "scene"},
    "viewer": {"core", "core.network", "scene", "scene.dicom"},
    "commands": {"core", "core.network", "core.signal", "scene", "scene.dicom", "cohort", "evaluation", "viewer"},
    "cli": {"core", "core.network", "commands", "evaluation", "scene"},
    "": {"core", "core.network"},  # the package itself
}
FROM_CORE_TO_ITS_ROOMS = {"engine"}  # what lies in core and may build on the rooms within it

HEAVY = {"torch", "slicer", "vtk", "vtkmodules", "qt", "SimpleITK", "pydicom"}
OF_TORCH = ("network", "error_head", "fused", "grids", "inference", "processor")
RUNS_TORCH = {f"{PACKAGE}.core.network.{name}" for name in OF_TORCH}
TAKES_NODES = ("scene", "panel.choosing", "panel.playing", "viewer", "evaluation.demo")
READS_IMAGES = ("evaluation", "commands.evaluate")
NEEDS_DESKTOP = tuple(
    f"panel.{name}" for name in ("comparison_section", "input_section", "install", "result_section", "runner", "words")
)


def module_of(path: Path) -> str:
    """The dotted name of a file below the library, without the package's own; empty for the package itself."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {module_of(path): path for path in sorted(LIBRARY.rglob("*.py"))}


def room_of(module: str) -> str:
    """The innermost room that holds a module: its folder, or at the top the module itself."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    return package or module


def imports_of(module: str) -> Iterator[tuple[str, bool]]:
    """The library's modules that a module imports, and whether it does so as soon as it is loaded itself."""
    path = MODULES[module]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {child for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for child in ast.walk(f)}
    typing = {
        child
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and getattr(test.test, "id", "") == "TYPE_CHECKING"
        for child in ast.walk(test)
    }
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [part for part in package[: len(package) - node.level + 1] if part]
        source = ".".join([*base, *(node.module or "").split(".")]).strip(".")
        for alias in node.names:
            name = f"{source}.{alias.name}".strip(".")
            yield (name if name in MODULES else source), node not in late | typing


def test_every_file_lies_in_a_room() -> None:
    homeless = {module for module in MODULES if room_of(module) not in DOORS.keys() | SHARED}
    assert not homeless, "a new file belongs into one of the rooms, see their __init__"


@pytest.mark.parametrize("room", sorted(set(DOORS) - {"", "cli"}))
def test_a_room_says_what_belongs_in_it_and_what_it_may_import(room: str) -> None:
    text = ast.get_docstring(ast.parse((LIBRARY / Path(*room.split(".")) / "__init__.py").read_text(encoding="utf-8")))
    assert text
    assert "Belongs here:" in text
    assert "May import:" in text


@pytest.mark.parametrize("module", sorted(set(MODULES) - SHARED))
def test_doors_open_one_way(module: str) -> None:
    room = room_of(module)
    reached = {room_of(name) for name, _ in imports_of(module)} - SHARED - {room, ""}
    if room == "core" and module.rpartition(".")[2] not in FROM_CORE_TO_ITS_ROOMS:
        assert not reached
    assert reached <= DOORS[room]


@pytest.mark.parametrize("module", sorted(SHARED))
def test_what_serves_all_needs_no_room(module: str) -> None:
    assert {name for name, _ in imports_of(module)} <= SHARED


def test_no_two_files_import_each_other_not_even_in_a_circle() -> None:
    graph = {module: {name for name, _ in imports_of(module)} - {module} for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def allowed(module: str) -> set[str]:
    """Top-level packages beyond NumPy and the standard library that a module may bring in when it is imported."""
    if f"{PACKAGE}.{module}" in RUNS_TORCH:
        return {"torch"}
    if module.startswith(TAKES_NODES):
        return {"slicer", "vtk", "vtkmodules", "SimpleITK", "pydicom"}
    return {"SimpleITK"} if module.startswith(READS_IMAGES) else set()


@pytest.mark.parametrize("packages", sorted({tuple(sorted(allowed(module))) for module in MODULES}), ids=str)
def test_modules_bring_in_only_what_their_room_allows(packages: tuple[str, ...]) -> None:
    """One process for all modules with the same allowance: what none of them brings in, each alone does not."""
    modules = [m for m in sorted(set(MODULES) - set(NEEDS_DESKTOP)) if allowed(m) == set(packages)]
    names = [f"{PACKAGE}.{module}".rstrip(".") for module in modules]
    forbidden = HEAVY - set(packages)
    code = (
        f"import importlib, sys\n"
        f"for name in {names}:\n"
        f"    importlib.import_module(name)\n"
        f"    found = {forbidden} & {{loaded.partition('.')[0] for loaded in sys.modules}}\n"
        f"    assert not found, f'{{name}} brings in {{found}}'\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
