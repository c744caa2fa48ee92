"""The Python package as it is published: wheel and source archive, installed alone, offline, and run from there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import layout
from DURNSuperResLib import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "DURNSuperRes" / "DURNSuperResLib"
NO_NETWORK = """
import socket

def refused(*_, **__):
    raise OSError("this test has no network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused
"""


def run(*command: object, cwd: Path | None = None) -> str:
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(list(map(str, command)), cwd=cwd, env=own, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def pip(*arguments: object) -> None:
    """Run pip without an index, without dependencies and without a build environment of its own."""
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, made of a copy so that nothing of an earlier build is in it."""
    folder = tmp_path_factory.mktemp("sdist")
    code = f"import setuptools.build_meta as backend; backend.build_sdist({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=layout.copy_checkout(folder / "checkout"))
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive: that holds all that a build needs."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, archive)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of a fresh environment with the wheel; it borrows the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip("--python", programs / "python", "install", "--no-index", "--no-deps", wheel)
    packages = Path(run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "no_network.py").write_text(NO_NETWORK)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("\n".join(["import no_network", *borrowed]))
    return programs


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
        licence = content.read(f"durnsuperres-{__version__}.dist-info/licenses/LICENSE.txt")
    files = (path for ending in ("*.py", "*.pt", "*.json", "www/*") for path in LIBRARY.rglob(ending))
    assert names == {str(path.relative_to(LIBRARY.parent)) for path in files}
    assert licence == (REPOSITORY / "LICENSE.txt").read_bytes()


def test_the_source_archive_holds_the_weights(archive: Path) -> None:
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    weights = {str(path.relative_to(REPOSITORY)) for path in (LIBRARY / "weights").iterdir()}
    assert len(weights) >= 6
    assert weights <= names


def test_the_demo_runs_offline_from_the_installed_wheel(environment: Path, tmp_path: Path) -> None:
    where = run(environment / "python", "-c", "import DURNSuperResLib; print(DURNSuperResLib.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment.parent)
    code = "import urllib.request as request; request.urlopen('http://127.0.0.1:9')"
    refused = subprocess.run([environment / "python", "-c", code], capture_output=True, text=True)
    assert "this test has no network" in refused.stderr
    assert run(environment / "durn-superres", "--version", cwd=tmp_path).strip() == __version__
    table = run(environment / "durn-superres", "demo", cwd=tmp_path).splitlines()
    figures = {line.split()[0]: float(line.split()[1]) for line in table[1:]}
    assert figures["durn"] > figures["bicubic"] + 2
    expected = ["acquired.nrrd", "bicubic.nrrd", "comparison.png", "durn.nrrd", "truth.nrrd"]
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == expected
