"""The extension as it is installed: laid out by CMake, and run from there with nothing of the checkout on the path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import layout

TESTING = Path(__file__).resolve().parents[1]
DATA = os.environ.get("DURN_DATA", str(TESTING.parents[1] / "shared" / "data"))
WITHOUT_CHECKOUT = {
    **os.environ,
    "PYTHONPATH": sysconfig.get_path("purelib"),
    "QT_QPA_PLATFORM": "offscreen",
    "DURN_DATA": DATA,
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the installed module."""
    folder = tmp_path_factory.mktemp("slicer")
    layout.configure(folder / "build")
    return layout.install(folder / "build", folder / "prefix")


def run(arguments: list[object], folder: Path) -> subprocess.CompletedProcess:
    """Run Python without the editable installation of the checkout that the tests' environment may hold."""
    command = [sys.executable, "-S", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=WITHOUT_CHECKOUT, capture_output=True, text=True)


@pytest.fixture
def check(tmp_path: Path) -> Path:
    """The script that checks an installed copy, away from the checkout."""
    return Path(shutil.copy(TESTING / "packaging" / "installed.py", tmp_path))


def test_the_installed_extension_is_whole(installed: Path, check: Path, tmp_path: Path) -> None:
    result = run([check, installed], tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each file is left out in a process of its own")
def test_no_file_of_the_installed_extension_can_be_left_out(installed: Path, check: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(installed, tmp_path / "copy"))
    (copy / "DURNSuperResLib" / "nobody_imports_this.py").touch()
    result = run([check, copy, "--leave-out-each"], tmp_path)
    assert (result.stdout, result.returncode) == ("DURNSuperResLib/nobody_imports_this.py", 0), result.stderr


def test_the_installed_module_passes_the_tests_of_the_module(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed, tmp_path / "DURNSuperRes")
    ignored = shutil.ignore_patterns("__pycache__", "pictures.py")
    shutil.copytree(TESTING / "desktop", tmp_path / "Testing" / "desktop", ignore=ignored)
    shutil.copy(TESTING / "conftest.py", tmp_path / "Testing")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = DURNSuperRes Testing\naddopts = --import-mode=importlib"
    )
    tests = [f"Testing/desktop/{name}.py" for name in ("test_module", "test_batch_script")]
    result = run(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *tests], tmp_path)
    assert result.returncode == 0, result.stdout
    skipped = [line for line in result.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("the real images are not at" in line for line in skipped), skipped
