"""Check an installed copy of the extension by itself: every module that another names imports, every model loads.

    python -S Testing/packaging/installed.py FOLDER [--leave-out-each]

``FOLDER`` is the one with DURNSuperRes.py; the Python path holds the dependencies alone. With ``--leave-out-each``, the
check is repeated with each file of the folder left out in turn, and the files that are not missed are printed.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ENTRIES = ("DURNSuperRes", "DURNSuperResLib.cli")  # what Slicer loads, and the command
NEEDS_DESKTOP = {"DURNSuperRes"} | {
    f"DURNSuperResLib.panel.{name}"
    for name in ("comparison_section", "input_section", "install", "result_section", "runner", "words")
}
RESOURCES = (  # Slicer and Sample Data take these by name, users run the last
    "Icons/DURNSuperRes.png",
    "Icons/DURNHeartPhantom.png",
    "Icons/DURNShortAxisCine.png",
    "Icons/DURNShortAxisStack.png",
    "SampleData/DURNShortAxisStack.sha256",
    "Scripts/batch_upscale.py",
)
PAGE = ("page.html", "viewer.css", "viewer.js")  # served by the viewer
HEAVY = ("SimpleITK", "numpy", "pydicom", "slicer", "torch", "vtk")


def check(folder: Path) -> None:
    """Import all, load all.

    Raises:
        Exception: something is missing or damaged; which, says the message.
    """
    sys.path.insert(0, str(folder))
    waiting, seen = list(ENTRIES), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _path(folder, name)
        if name not in NEEDS_DESKTOP and Path(importlib.import_module(name).__file__) != path:
            raise ImportError(f"{name} comes from elsewhere than {path}")
        waiting += _named(folder, name, path)
    from DURNSuperResLib.core.network.models import WEIGHTS_FOLDER, available_models, model_for
    from DURNSuperResLib.core.options import SCALES

    for scale in SCALES:
        model_for(scale)
    cards = available_models()
    for card in cards:
        card.load_state_dict()
    without_card = set(WEIGHTS_FOLDER.glob("*.pt")) - {card.path for card in cards}
    if without_card:
        raise FileNotFoundError(f"no card beside {sorted(without_card)}")
    form = re.findall(r'resourcePath\("(.+?)"\)', (folder / "DURNSuperRes.py").read_text(encoding="utf-8"))
    for resource in (*form, *RESOURCES):
        (folder / "Resources" / resource).read_bytes()
    for name in PAGE:
        (folder / "DURNSuperResLib" / "viewer" / "www" / name).read_bytes()


def _path(folder: Path, name: str) -> Path:
    """The file of a module."""
    path = folder.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        raise ImportError(f"{name} is named and not there")
    return path


def _named(folder: Path, name: str, path: Path) -> Iterator[str]:
    """The project's own modules that a module imports, wherever in its code, and the packages around them."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            parts = [f"{source}.{alias.name}" for alias in node.names]
            found = [source, *(part for part in parts if _is_module(folder, part))]
        for module in found:
            if module.partition(".")[0] == "DURNSuperResLib":
                steps = module.split(".")
                yield from (".".join(steps[: n + 1]) for n in range(len(steps)))


def _is_module(folder: Path, name: str) -> bool:
    path = folder.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def not_missed(folder: Path) -> list[str]:
    """The files without which the check finds nothing wrong."""
    for name in HEAVY:
        importlib.import_module(name)
    names = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        aside = folder.parent / "left out"
        path.rename(aside)
        child = os.fork()
        if not child:
            os._exit(_fails(folder))
        _, status = os.waitpid(child, 0)
        aside.rename(path)
        if os.waitstatus_to_exitcode(status) == 0:
            names.append(str(path.relative_to(folder)))
    return names


def _fails(folder: Path) -> int:
    try:
        check(folder)
    except Exception:
        return 1
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    if "--leave-out-each" in sys.argv:
        print(*not_missed(Path(sys.argv[1])), sep="\n", end="")
    else:
        check(Path(sys.argv[1]))
