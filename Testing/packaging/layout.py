"""Lay the extension out as Slicer's packager does: configured and installed by CMake, against a stand-in for Slicer.

    python Testing/packaging/layout.py FOLDER

The modules are then in ``FOLDER/lib/Slicer-5.12/qt-scripted-modules``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmake

REPOSITORY = Path(__file__).resolve().parents[2]
SLICER = Path(__file__).resolve().parent / "slicer"
CMAKE = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")


def catalog_entry(source: Path = REPOSITORY) -> dict:
    """The entry for the extension index."""
    return json.loads((source / "Resources" / "DURNSuperRes.json").read_text(encoding="utf-8"))


def configure(build: Path, source: Path = REPOSITORY) -> None:
    """Run CMake's configure step; what the catalog entry says is given on the command line, as Slicer's builds do.

    Raises:
        RuntimeError: CMake's own report of what is wrong.
    """
    entry = catalog_entry(source)
    given = {key.upper().replace("SCM_", "SCM"): entry[key] for key in ("scm_url", "scm_revision", "category", "tier")}
    given["BUILD_SUBDIRECTORY"] = entry["build_subdirectory"]
    definitions = [f"-DEXTENSION_{key}={value}" for key, value in given.items()]
    tools = [f"-DCMAKE_TOOLCHAIN_FILE={SLICER / 'NoCompiler.cmake'}", f"-DSlicer_DIR={SLICER}", "-G", "Unix Makefiles"]
    _run([CMAKE, "-S", str(source), "-B", str(build), *tools, *definitions])


def install(build: Path, prefix: Path) -> Path:
    """Run CMake's install step of a configured build and return the folder with the modules."""
    _run([CMAKE, "--install", str(build), "--prefix", str(prefix)])
    return prefix / "lib" / "Slicer-5.12" / "qt-scripted-modules"


def copy_checkout(target: Path) -> Path:
    """A copy of the checkout without what git ignores and without its history."""
    ignored = (".git", ".venv", "venv", "build", "dist", "demo", "runs", "*.egg-info", "__pycache__", ".*_cache")
    return Path(shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(*ignored)))


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stdout + result.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as build_folder:
        configure(Path(build_folder))
        print(install(Path(build_folder), Path(sys.argv[1]).resolve()))
