"""The extension's own description: CMake lists equal the tree, and s4ext, catalog entry and CMake agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE_FOLDER = REPOSITORY / "DURNSuperRes"


def cmake_list(name: str) -> set[str]:
    text = (MODULE_FOLDER / "CMakeLists.txt").read_text()
    body = re.search(rf"set\({name}(.*?)\)", text, re.DOTALL).group(1)
    return set(body.replace("${MODULE_NAME}", "DURNSuperRes").split())


def metadata() -> dict[str, str]:
    text = (REPOSITORY / "CMakeLists.txt").read_text()
    return dict(re.findall(r'^set\(EXTENSION_(\w+) "(.*)"\)$', text, re.MULTILINE))


def description() -> dict[str, str]:
    lines = (REPOSITORY / "DURNSuperRes.s4ext").read_text().splitlines()
    return {line.split(" ", 1)[0]: line.partition(" ")[2] for line in lines if line and not line.startswith("#")}


def test_cmake_lists_every_script() -> None:
    scripts = {str(path.relative_to(MODULE_FOLDER)) for path in MODULE_FOLDER.rglob("*.py")}
    assert cmake_list("MODULE_PYTHON_SCRIPTS") == {name for name in scripts if not name.startswith("Resources/")}


def test_cmake_lists_every_resource() -> None:
    library = MODULE_FOLDER / "DURNSuperResLib"
    folders = (MODULE_FOLDER / "Resources", library / "viewer" / "www", library / "weights")
    files = {str(p.relative_to(MODULE_FOLDER)) for folder in folders for p in folder.rglob("*") if p.is_file()}
    assert cmake_list("MODULE_PYTHON_RESOURCES") == files


def test_s4ext_and_cmake_agree() -> None:
    cmake, s4ext = metadata(), description()
    for key in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert cmake[key] == s4ext[key.lower()], key


def test_the_catalog_entry_agrees_with_both() -> None:
    entry = json.loads((REPOSITORY / "Resources" / "DURNSuperRes.json").read_text())
    assert entry["build_dependencies"] == metadata()["DEPENDS"].split()
    assert (entry["scm_url"], entry["category"]) == (description()["scmurl"], description()["category"])
    assert entry["scm_url"].rsplit("/", 1)[1].startswith("Slicer")


def test_images_that_the_metadata_name_are_there() -> None:
    for url in (metadata()["ICONURL"], *metadata()["SCREENSHOTURLS"].split()):
        assert (REPOSITORY / url.partition("/main/")[2]).is_file()


def test_versions_and_licence_agree() -> None:
    from DURNSuperResLib import __version__

    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert "Apache License" in (REPOSITORY / "LICENSE.txt").read_text()
