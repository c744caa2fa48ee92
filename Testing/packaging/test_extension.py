"""The extension as the index and Slicer's build see it: what CMake is given, the descriptions, the index's checks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import index_checks
import layout

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FOLDER = REPOSITORY / "DURNSuperRes"


def cmake_list(name: str) -> set[str]:
    text = (MODULE_FOLDER / "CMakeLists.txt").read_text()
    body = re.search(rf"set\({name}(.*?)\)", text, re.DOTALL).group(1)
    return set(body.replace("${MODULE_NAME}", "DURNSuperRes").split())


def metadata() -> dict[str, str]:
    text = (REPOSITORY / "CMakeLists.txt").read_text()
    return dict(re.findall(r'^set\(EXTENSION_(\w+) "(.*)"\)$', text, re.MULTILINE))


def lines_of(path: Path) -> list[str]:
    """The lines of an extension description, without comments."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of a configured checkout."""
    folder = tmp_path_factory.mktemp("build")
    layout.configure(folder)
    return folder


def test_cmake_lists_every_script() -> None:
    scripts = {str(path.relative_to(MODULE_FOLDER)) for path in MODULE_FOLDER.rglob("*.py")}
    assert cmake_list("MODULE_PYTHON_SCRIPTS") == {name for name in scripts if not name.startswith("Resources/")}


def test_cmake_lists_every_resource() -> None:
    library = MODULE_FOLDER / "DURNSuperResLib"
    folders = (MODULE_FOLDER / "Resources", library / "viewer" / "www", library / "weights")
    files = {str(p.relative_to(MODULE_FOLDER)) for folder in folders for p in folder.rglob("*") if p.is_file()}
    assert cmake_list("MODULE_PYTHON_RESOURCES") == files


def test_cmake_configures_and_gives_slicer_what_is_listed(build: Path) -> None:
    given = {path.stem: set(path.read_text().split()) for path in (build / "given").iterdir()}
    assert given == {
        "modules": {"DURNSuperRes"},
        "scripts": cmake_list("MODULE_PYTHON_SCRIPTS"),
        "resources": cmake_list("MODULE_PYTHON_RESOURCES"),
        "tests": {"DURNSuperRes.py", "qSlicerDURNSuperResModuleGenericTest"},
    }


def test_cmake_catalog_entry_and_s4ext_are_equal(build: Path) -> None:
    """Slicer's build writes the description from CMakeLists.txt and the catalog entry; ours mirrors it."""
    assert lines_of(build / "DURNSuperRes.s4ext") == lines_of(REPOSITORY / "DURNSuperRes.s4ext")
    assert layout.catalog_entry()["build_dependencies"] == metadata()["DEPENDS"].split()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the checkout to break."""
    return layout.copy_checkout(tmp_path / "copy")


@pytest.mark.parametrize("missing", ["DURNSuperResLib/worker.py", "Resources/UI/DURNSuperRes.ui"])
def test_cmake_refuses_a_listed_file_that_is_not_there(copy: Path, tmp_path: Path, missing: str) -> None:
    (copy / "DURNSuperRes" / missing).unlink()
    with pytest.raises(RuntimeError, match=rf"{missing},\s+which\s+does\s+not\s+exist"):
        layout.configure(tmp_path / "build", copy)


def test_the_index_would_accept_the_extension() -> None:
    results = index_checks.run_checks()
    assert {name: found for name, (result, found) in results.items() if result == "fail"} == {}
    assert [name for name, (result, _) in results.items() if result == "open"] in (
        ["repository topics"],
        ["repository size", "repository topics"],  # a checkout without its history
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [
        ("CMakeLists.txt", "project(DURNSuperRes)", "project(SlicerDURN)", "project name"),
        ("CMakeLists.txt", "Resources/panel.png", "Resources/none.png", "icon and screenshots"),
        ("CMakeLists.txt", "main/Resources/DURNSuperRes.png", "main/LICENSE.txt", "icon and screenshots"),
        ("CMakeLists.txt", "main/Resources/DURNSuperRes.png", "main/Resources/panel.png", "icon and screenshots"),
        ("CMakeLists.txt", 'ICONURL "https', 'ICONURL\n  "https', "icon and screenshots"),
        ("CMakeLists.txt", 'DEPENDS "PyTorch"', 'DEPENDS "NA"', "dependencies"),
        ("CMakeLists.txt", 'use.")', 'use. One. More.")', "description"),
        (
            "Resources/DURNSuperRes.json",
            "https://github.com/DURNSuperRes",
            "git@github.com:x",
            "address of the repository",
        ),
        ("Resources/DURNSuperRes.json", "SlicerDURNSuperRes.git", "DURNSuperRes.git", "repository name"),
        ("Resources/DURNSuperRes.json", '"Cardiac"', '"Hearts"', "category"),
        ("Resources/DURNSuperRes.json", '"tier": 3', '"tier": "3"', "JSON schema"),
        ("Resources/DURNSuperRes.json", '"tier": 3', '"level": 3', "JSON schema"),
        ("Resources/DURNSuperRes.json", "\n", "\r\n", "JSON file format"),
        ("README.md", "Apache-2.0", "MIT", "licence file"),
        ("README.md", "# DURNSuperRes\n", "# Heart\n", "homepage"),
        ("DURNSuperRes/DURNSuperRes.py", "import slicer\n", "import slicer\nimport torch\n", "no pip"),
    ],
)
def test_the_checks_of_the_index_can_fail(copy: Path, file: str, old: str, new: str, check: str) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_bytes(text.replace(old, new).encode())
    assert index_checks.run_checks(copy)[check][0] == "fail"


def test_a_large_history_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_checks, "LARGEST_MB", 1)
    assert index_checks.run_checks()["repository size"][0] in ("fail", "open")


def test_the_checks_print_a_table() -> None:
    script = REPOSITORY / "Testing" / "packaging" / "index_checks.py"
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == len(index_checks.CHECKS)


def test_versions_and_licence_agree() -> None:
    from DURNSuperResLib import __version__

    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert "Apache License" in (REPOSITORY / "LICENSE.txt").read_text()
