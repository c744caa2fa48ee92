"""What the documents say: every command and piece of Python in them is run or listed, every link leads somewhere."""

from __future__ import annotations

import csv
import importlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import yaml

import layout
from dicoms import write_cine
from DURNSuperResLib import __version__, cli
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.panel.sample_data import load_phantom
from DURNSuperResLib.scene.sequences import add_item, new_sequence

REPOSITORY = layout.REPOSITORY
READERS = tuple(f"Documentation/{reader}.md" for reader in ("Radiographer", "Scripts", "Physicist"))
SCRIPTS = "Documentation/Scripts.md"
DOCUMENTS = ("README.md", *READERS, "Documentation/EVIDENCE.md", "CONTRIBUTING.md", "Training/README.md")
INSTALLS = "installs packages from the network; test_wheel.py installs the wheel and runs the demo without"
BUILDS = "needs a Slicer build tree; test_extension.py configures against a stand-in"
BY_CI = "run by .ci/run, over the whole checkout"
SERVES = "serves until it is interrupted; Testing/viewer runs it"
LONG = "takes minutes: it scores the whole of DATA; Testing/training and Testing/commands run it on a few slices"
NOT_RUN = {
    "PythonSlicer -m pip download --dest wheels torch torchvision": "needs Slicer's Python and the network",
    "PythonSlicer -m pip install --no-index --find-links wheels torch torchvision": "needs Slicer's Python",
    'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ".[standalone]" && '
    ".venv/bin/durn-superres demo": INSTALLS,
    'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test]" && '
    ".venv/bin/python -m pytest": BY_CI,
    'python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test]"': INSTALLS,
    'pip install -c constraints.txt -e ".[training]"': INSTALLS,
    "git clone https://github.com/DURNSuperRes/SlicerDURNSuperRes.git": "needs the network",
    "cd SlicerDURNSuperRes": "the clone is not there",
    "ruff check .": BY_CI,
    "ruff format --check .": BY_CI,
    "mypy": BY_CI,
    "python -m pytest Testing/core -q": BY_CI,
    "cmake -DSlicer_DIR=$HOME/Slicer-build/Slicer-build -S . -B ../DURNSuperRes-build": BUILDS,
    "cmake --build ../DURNSuperRes-build": BUILDS,
    "ctest --test-dir ../DURNSuperRes-build --output-on-failure": BUILDS,
    "cmake --build ../DURNSuperRes-build --target package": BUILDS,
    "durn-superres evaluate --data DATA --protocol targets": LONG,
    "durn-superres evidence --data DATA -o Documentation": "takes minutes, over all of DATA; Testing/evaluation writes "
    "the page from analytic hearts",
    "durn-superres upscale cohort/ -o results/ --recursive --dask tcp://head:8786": "needs a cluster",
    "durn-superres view heart.nrrd heart_x2.nrrd": SERVES,
    "durn-superres view study/ --series 1": SERVES,
    "python -m Training.train Training/configs/durn-large-x2.yaml --data DATA --output runs/large-cut "
    "--branch-from runs/large/last.ckpt --cool-for 2000": "takes hours; Testing/training cuts a run of a few steps",
    "python -m Training.export runs/x2/last.ckpt Training/configs/durn-light-x2.yaml --name durn-light-x2 "
    "--data DATA": LONG,
}
SHORTER = {"max_steps": 2, "validate_every": 2, "warmup_steps": 1, "batch": 2, "patch": 16, "compile": False}


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a document in a language."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(document: str) -> list[str]:
    """The commands of a document, a line each: continuations joined, comments dropped, one space between words."""
    lines = "".join(blocks(document, "bash")).replace("\\\n", " ").splitlines()
    stripped = (re.sub(r"\s+#\s.*$", "", line) for line in lines)
    return [" ".join(line.split()) for line in stripped if line.strip()]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a reader: a copy of the checkout, with what the commands take beside it."""
    folder = layout.copy_checkout(tmp_path / "checkout")
    monkeypatch.chdir(folder)
    phantom = short_axis_phantom(2, slices=3, size=128)
    for name in ("heart.nrrd", "mine.nrrd", "other.nii.gz", "scans/a.nrrd", "scans/b.nii.gz", "cohort/a.nrrd"):
        write_volume(folder / name, phantom.acquired)
    write_cine(folder / "study", slices=3, phases=2)
    large = short_axis_phantom(2, slices=2, size=320).acquired
    for number in range(2):
        write_volume(folder / "volumes" / f"patient{number}.nrrd", large)
    write_data(folder / "DATA", large / large.max())
    for text in blocks("Training/README.md", "yaml"):
        (folder / "mine.yaml").write_text(text)
    for path in (folder / "mine.yaml", *(folder / "Training" / "configs").glob("*.yaml")):
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **SHORTER}))
    return folder


def write_volume(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((2.7, 2.7, 8.0))
    sitk.WriteImage(image, str(path))


def write_data(folder: Path, slices: np.ndarray) -> None:
    """A tiny folder of the form of ``DATA``: a patient to train, one to validate, a photograph."""
    rows = [
        {"path": f"cmr/sunnybrook/{split}-{n}.png", "kind": "cine", "patient": split, "split": split}
        for split in ("train", "val")
        for n in range(len(slices))
    ]
    photos = [{"path": "photos/a.png", "tier": "a"}]
    for manifest, entries in (("cmr/sunnybrook", rows), ("pretrain", photos)):
        (folder / manifest).mkdir(parents=True)
        with (folder / manifest / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(entries[0]))
            writer.writeheader()
            writer.writerows(entries)
    (folder / "pretrain" / "photos").mkdir()
    targets = [folder / row["path"] for row in rows] + [folder / "pretrain" / photos[0]["path"]]
    for number, path in enumerate(targets):
        pixels = (255 * slices[number % len(slices)]).astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command; Python programs of ours in this process, since each would import torch anew."""
    words = shlex.split(command)
    if words[0] == "durn-superres":
        assert cli.main(words[1:]) == 0
    elif words[:2] == ["python", "-m"] and words[2].startswith("Training."):
        importlib.import_module(words[2]).main(words[3:])
    elif words[0] == "python":
        own = {**os.environ, "PIP_NO_INDEX": "1", "PYTHONPATH": str(folder / "DURNSuperRes")}
        result = subprocess.run([sys.executable, *words[1:]], env=own, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    elif words[0] == "Slicer":
        run_in_slicer(words[1 + words.index("--python-script") :], monkeypatch)
    else:
        pytest.fail("a command that is neither run nor listed in NOT_RUN")


def run_in_slicer(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script in the stand-in desktop, with the arguments after ``--``, as ``Slicer --python-script`` does."""
    codes: list[int] = []
    with monkeypatch.context() as patch:
        desktop = stand_in(patch)
        patch.setattr(slicer.util, "exit", codes.append, raising=False)
        patch.setattr(sys, "argv", [words[0], *words[words.index("--") + 1 :]])
        runpy.run_path(words[0], run_name="__main__")
        desktop.close()
    assert codes == [0]


def stand_in(patch: pytest.MonkeyPatch):
    """The module in the stand-in desktop."""
    patch.setenv("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip("PySide6", reason="the stand-in desktop needs PySide6; install the test extra")
    from desktop.standin import Desktop

    return Desktop(patch)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_run(
    document: str, workplace: Path, scene: slicer.vtkMRMLScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in blocks(document, "python") if document.startswith("Training") else ():
        exec(compile(text, document, "exec"), {})
    for command in commands(document):
        if command not in NOT_RUN:
            run(command, workplace, monkeypatch)


def test_a_command_that_is_neither_run_nor_listed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(pytest.fail.Exception, match="neither run nor listed"):
        run("frobnicate --all", tmp_path, monkeypatch)
    with pytest.raises(AssertionError):
        run("durn-superres upscale nothing.nrrd -o there.nrrd", tmp_path, monkeypatch)


def test_what_is_not_run_is_still_there() -> None:
    assert set(NOT_RUN) <= {command for document in DOCUMENTS for command in commands(document)}


def test_there_is_no_python_that_is_not_run() -> None:
    others = (document for document in DOCUMENTS if document not in (SCRIPTS, "Training/README.md"))
    assert not any(blocks(document, "python") for document in others)
    assert not any(blocks(document, language) for document in DOCUMENTS for language in ("sh", "shell", "console"))


@pytest.fixture
def names(scene: slicer.vtkMRMLScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What the Python for authors of scripts takes as given, in the stand-in desktop."""
    desktop = stand_in(monkeypatch)
    volume = load_phantom()
    slices = slicer.util.arrayFromVolume(volume)[:2, 40:72, 40:72].copy()
    slicer.util.updateVolumeFromArray(volume, slices)
    sequence = scene.AddNode(new_sequence("cine", "time", "ms"))
    for n in range(2):
        add_item(sequence, (1 + n) * slices, np.diag([2.7, 2.7, 8.0, 1.0]), str(n))
    yield {"slices": slices, "input_node": volume, "sequence_or_proxy_node": sequence}
    desktop.close()


def test_the_python_for_scripts_runs(names: dict[str, object]) -> None:
    assert len(blocks(SCRIPTS, "python")) == 2
    for text in blocks(SCRIPTS, "python"):
        exec(compile(text, SCRIPTS, "exec"), names)
        assert slicer.util.arrayFromVolume(names["output_node"]).shape == (2, 64, 64)
    assert names["enlarged"].shape == (2, 64, 64)
    assert names["output_sequence"].GetNumberOfDataNodes() == 2


def test_the_listing_is_what_info_prints(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["info", str(data / "cmr" / "cine_dicom")]) == 0
    assert capsys.readouterr().out in blocks(SCRIPTS, "")


def test_options_and_labels_exist(capsys: pytest.CaptureFixture) -> None:
    text = (REPOSITORY / SCRIPTS).read_text(encoding="utf-8")
    table = text[text.index("## Parameters") : text.index("## Command line")]
    with pytest.raises(SystemExit):
        cli.main(["upscale", "--help"])
    help_text = capsys.readouterr().out
    options = re.findall(r"`(--[\w-]+)`", table)
    assert len(options) >= 9
    assert [option for option in options if option not in help_text] == []
    form = (REPOSITORY / "DURNSuperRes/Resources/UI/DURNSuperRes.ui").read_text(encoding="utf-8")
    labels = re.findall(r"^\| ([A-Z][\w' ()]+?) \|", table, re.MULTILINE)[1:]
    assert len(labels) >= 7
    assert [label for label in labels if not re.search(rf"<string>{re.escape(label)}:?</string>", form)] == []


def markdown_files() -> list[Path]:
    hidden = {".venv", "venv", "build", "dist", ".git", "runs", "demo", "shared"}
    files = sorted(REPOSITORY.rglob("*.md"))
    return [path for path in files if not hidden & set(path.relative_to(REPOSITORY).parts)]


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in (target for target in targets if "://" not in target):
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_changelog_begins_with_this_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)[0] == __version__


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))["version"] == __version__


def test_ci_finds_the_test_command() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text[text.index("\n## Tests") :]
    assert re.search(r"^```bash\n(.*)\n```$", section, re.MULTILINE).group(1).endswith("-m pytest")
