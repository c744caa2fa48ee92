"""What the extension index checks of a submission, applied to this repository.

    python Testing/packaging/index_checks.py

prints a table and ends with 1 if a check failed. The checks are those of ``scripts/check_description_files.py`` of
Slicer's ExtensionsIndex, read on 2026-08-07, and what its form for new extensions asks and a program can tell. What
needs the published repository is said to be open.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LARGEST_MB = 100
LICENCES = ("LICENSE", "LICENCE", "License.txt", "license.txt", "LICENSE.txt", "COPYING", "COPYING.txt")
PREFIXES = ("Slicer", "Slicer-", "Slicer_", "SlicerExtension-", "SlicerExtension_")
IMAGES = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif"}
OTHER_EXTENSIONS = {"PyTorch"}  # of the index; those that we could depend on
CATEGORIES = {"Cardiac", "Filtering", "Image Synthesis"}  # accepted by the index; those that could be ours
SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json"
)
KEYS: dict[str, type] = {
    "$schema": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "category": str,
    "enabled": bool,
    "scm_revision": str,
    "scm_type": str,
    "scm_url": str,
    "tier": int,
}


class Failed(Exception):
    """A check that failed; the message says why."""


class Open(Exception):
    """A check that needs the published repository."""


class Submission:
    """An extension's repository and its entry for the index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entry_file = folder / "Resources" / "DURNSuperRes.json"
        self.name = self.entry_file.stem
        self.entry = json.loads(self.entry_file.read_text(encoding="utf-8"))
        self.cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
        self.homepage = (folder / "README.md").read_text(encoding="utf-8")

    def metadata(self, key: str) -> str:
        """A value of the top-level CMakeLists.txt, as the index finds it: one line, in double quotes."""
        found = re.findall(rf'^set\(EXTENSION_{key} "([^"\n]+)"\)$', self.cmake, re.MULTILINE)
        need(len(found) == 1, f"CMakeLists.txt sets EXTENSION_{key} {len(found)} times on one line in quotes")
        return found[0]

    def clone(self, folder: str) -> Path:
        """A clone as the index makes it, with all history."""
        source = f"file://{self.folder}"
        try:
            subprocess.run(["git", "clone", "--quiet", source, folder], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            raise Open("this checkout has no git history to clone") from None
        return Path(folder)


def need(condition: object, reason: str) -> None:
    """Fail for ``reason`` unless the condition holds."""
    if not condition:
        raise Failed(reason)


def repository_size(submission: Submission) -> str:
    with tempfile.TemporaryDirectory() as folder:
        files = [path for path in submission.clone(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 2**20
    need(size <= LARGEST_MB, f"{size:.1f} MB, at most {LARGEST_MB} are allowed")
    return f"{size:.1f} MB of {LARGEST_MB}, history included"


def json_schema(submission: Submission) -> str:
    entry = submission.entry
    need(entry["$schema"].split("#")[0] == SCHEMA, f"the schema is not {SCHEMA}")
    need(set(entry) <= set(KEYS), f"keys that the schema does not know: {sorted(set(entry) - set(KEYS))}")
    need({"$schema", "category", "scm_url"} <= set(entry), "a required key is missing")
    wrong = [key for key, value in entry.items() if type(value) is not KEYS[key]]
    need(not wrong, f"values of the wrong type: {wrong}")
    need(1 <= entry["tier"] <= 5, f"tier {entry['tier']}")
    return "1.0.1"


def json_file_format(submission: Submission) -> str:
    need(b"\r" not in submission.entry_file.read_bytes(), "line endings that are not LF")
    return "JSON, LF line endings"


def extension_name(submission: Submission) -> str:
    need(not submission.name.lower().startswith("slicer"), "must not start with Slicer")
    return submission.name


def category(submission: Submission) -> str:
    need(submission.entry["category"] in CATEGORIES, f"{submission.entry['category']} is not accepted")
    return submission.entry["category"]


def repository_name(submission: Submission) -> str:
    name = submission.entry["scm_url"].rstrip("/").rsplit("/", 1)[1].removesuffix(".git")
    need(name.startswith(PREFIXES), f"{name} must start with Slicer")
    need(name == f"Slicer{submission.name}", f"{name} is not Slicer and the extension's name")
    return name


def repository_topics(_: Submission) -> str:
    raise Open("the published repository must have the topic 3d-slicer-extension")


def scm_url(submission: Submission) -> str:
    url = submission.entry["scm_url"]
    need(re.fullmatch(r"(git|https)://[^/\s]+/\S+", url), f"{url} is no git or https address")
    return url


def project_name(submission: Submission) -> str:
    names = re.findall(r"project\s*\(\s*([^\s)]+)", submission.cmake)
    need(names[:1] == [submission.name], f"project({', '.join(names)}) is not project({submission.name})")
    return names[0]


def image_urls(submission: Submission) -> str:
    urls = [submission.metadata("ICONURL"), *submission.metadata("SCREENSHOTURLS").split()]
    owner = submission.entry["scm_url"].partition("github.com/")[2].removesuffix(".git")
    raw = f"https://raw.githubusercontent.com/{owner}/{submission.entry['scm_revision']}/"
    for url in urls:
        need(url.startswith(raw), f"{url} is not below {raw}")
        path = submission.folder / url.removeprefix(raw)
        need(path.is_file(), f"{path.name} is not in the repository")
        content = path.read_bytes()
        kind = next((ending for start, ending in IMAGES.items() if content.startswith(start)), None)
        need(kind == path.suffix, f"{path.name} is no {path.suffix} image")
    size = struct.unpack(">II", (submission.folder / urls[0].removeprefix(raw)).read_bytes()[16:24])
    need(size == (128, 128), f"the icon has {size[0]} x {size[1]} pixels, not 128 x 128")
    return f"{len(urls)} raw addresses, each of an image in the repository"


def licence_file(submission: Submission) -> str:
    found = [name for name in LICENCES if (submission.folder / name).is_file()]
    need(found, "none in the root")
    text = (submission.folder / found[0]).read_text(encoding="utf-8")
    need("Apache License" in text and "Apache-2.0" in submission.homepage, "the homepage names another licence")
    return f"{found[0]}, Apache-2.0"


def dependencies(submission: Submission) -> str:
    wanted = submission.entry.get("build_dependencies", [])
    need(set(wanted) <= OTHER_EXTENSIONS, f"not in the index: {sorted(set(wanted) - OTHER_EXTENSIONS)}")
    need(wanted == submission.metadata("DEPENDS").split(), "CMakeLists.txt names others")
    return ", ".join(wanted)


def description(submission: Submission) -> str:
    sentences = re.findall(r"\.(?:\s|$)", submission.metadata("DESCRIPTION"))
    need(1 <= len(sentences) <= 2, f"{len(sentences)} sentences, 1 or 2 are asked for")
    return f"{len(sentences)} sentence"


def homepage(submission: Submission) -> str:
    text = submission.homepage
    need(text.startswith(f"# {submission.name}\n"), "does not begin with the extension's name")
    for what, pattern in (
        ("an image", r"!\[.+?\]\(Resources/\S+?\)"),
        ("the module's name", "DURN Super-Resolution"),
        ("a tutorial", r"^## .*[Tt]utorial"),
        ("sample data", "Sample Data"),
        ("how to cite", r"^## How to cite"),
    ):
        need(re.search(pattern, text, re.MULTILINE), f"has no {what}")
    return "name, image, module, tutorial, sample data, citation"


def no_pip_at_import(submission: Submission) -> str:
    """The review asks whether packages are installed, or others than Slicer's imported, when the module is loaded."""
    for path in sorted((submission.folder / "DURNSuperRes").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        need("pip_install" not in text, f"{path.name} calls pip")
    tops = re.findall(r"^(?:import|from) (\w+)", (submission.folder / "DURNSuperRes/DURNSuperRes.py").read_text(), re.M)
    foreign = set(tops) - sys.stdlib_module_names - {"slicer", "vtk"}
    need(not foreign, f"the module imports {sorted(foreign)} when it is loaded")
    return "torch through the PyTorch extension, on request"


CHECKS: dict[str, Callable[[Submission], str]] = {
    "repository size": repository_size,
    "JSON schema": json_schema,
    "JSON file format": json_file_format,
    "extension name": extension_name,
    "category": category,
    "repository name": repository_name,
    "repository topics": repository_topics,
    "address of the repository": scm_url,
    "project name": project_name,
    "icon and screenshots": image_urls,
    "licence file": licence_file,
    "dependencies": dependencies,
    "description": description,
    "homepage": homepage,
    "no pip": no_pip_at_import,
}


def run_checks(folder: Path = REPOSITORY) -> dict[str, tuple[str, str]]:
    """For each check ``pass``, ``fail`` or ``open``, and what was found."""
    submission, results = Submission(folder), {}
    for name, check in CHECKS.items():
        try:
            results[name] = ("pass", check(submission))
        except Failed as reason:
            results[name] = ("fail", str(reason))
        except Open as reason:
            results[name] = ("open", str(reason))
    return results


if __name__ == "__main__":
    table = run_checks()
    for check_name, (result, found) in table.items():
        print(f"{check_name:<27}{result:<6}{found}")
    sys.exit(any(result == "fail" for result, _ in table.values()))
