"""What the software never does: run what a file holds, reach the network, tell whose images they are, leave traces."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch

from dicoms import enhanced, image, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.core.network.models import ModelError, model_for
from DURNSuperResLib.core.options import SCALES

LIBRARY = Path(__file__).resolve().parents[2] / "DURNSuperRes"
SOURCES = sorted(LIBRARY.rglob("*.py"))
SHARES = [0.0, *np.linspace(0.001, 0.999, 22).round(3).tolist(), 1.0]
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "joblib", "marshal", "shelve", "subprocess", "ctypes"} | {
    *("socket", "ssl", "http", "urllib", "requests", "ftplib", "smtplib", "xmlrpc", "telnetlib", "asyncio"),
    *("code", "codeop", "runpy", "pty"),
}
NEEDED = {  # by those who serve a page or talk to a cluster, which only their commands do; urllib.parse opens nothing
    "cohort/cluster.py": ["imports asyncio"],
    "core/network/memory.py": [
        "imports ctypes"
    ],  # for one setting of the C library that the process already has; loads nothing
    "viewer/app.py": ["imports asyncio"],
    "viewer/frames.py": ["imports asyncio"],
    "viewer/security.py": ["imports urllib.parse"],
}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {"system", "popen", "load_module", "load_state_dict_from_url", "download_url_to_file"} | {
    *("execv", "execve", "spawnl", "spawnv", "fork", "mktemp"),
}


@pytest.fixture
def weights(tmp_path: Path) -> Callable[[bytes], Path]:
    """A weights folder whose x2 model has given bytes, and a card with their hash."""

    def make(content: bytes) -> Path:
        folder = tmp_path / "weights"
        folder.mkdir(exist_ok=True)
        card = json.loads(model_for(2).path.with_suffix(".json").read_text())
        (folder / "model.json").write_text(json.dumps(card | {"sha256": hashlib.sha256(content).hexdigest()}))
        (folder / "model.pt").write_bytes(content)
        return folder

    return make


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("scale", SCALES)
def test_weights_with_one_altered_byte_are_refused(tmp_path: Path, scale: int, share: float) -> None:
    card = model_for(scale)
    (tmp_path / "model.json").write_bytes(card.path.with_suffix(".json").read_bytes())
    content = bytearray(card.path.read_bytes())
    content[round(share * (len(content) - 1))] ^= 1 << scale
    (tmp_path / "model.pt").write_bytes(bytes(content))
    with pytest.raises(ModelError, match="damaged or altered"):
        model_for(scale, folder=tmp_path).load_state_dict()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)


def saved_by_torch(value: object, *, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["plain pickle", "torch file", "old torch file", "within a state dict"])
def test_a_payload_in_place_of_weights_is_not_run(weights: Callable, tmp_path: Path, kind: str) -> None:
    mark = tmp_path / "executed"
    payload: object = Payload(mark)
    if kind == "within a state dict":
        payload = {**model_for(2).load_state_dict(), "extra": payload}
    content = pickle.dumps(payload) if kind == "plain pickle" else saved_by_torch(payload, zipped="old" not in kind)
    card = model_for(2, folder=weights(content))
    with pytest.raises(ModelError, match="something else than tensors"):
        card.load_state_dict()
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()  # so it would have been


def test_weights_that_are_no_tensors_end_the_command_in_one_line(
    weights: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    mark = tmp_path / "executed"
    folder = weights(pickle.dumps(Payload(mark)))
    card = model_for(2, folder=folder)
    monkeypatch.setattr("DURNSuperResLib.core.engine.model_for", lambda *_: card)
    assert main(["upscale", str(volume(tmp_path / "a.nrrd")), "-o", str(tmp_path / "out.nrrd")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not mark.exists()
    assert not (tmp_path / "out.nrrd").exists()


def volume(path: Path) -> Path:
    picture = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, (3, 20, 20)).astype(np.int16))
    picture.SetSpacing((1.4, 1.4, 8.0))
    sitk.WriteImage(picture, str(path))
    return path


def offences(tree: ast.AST) -> Iterator[str]:
    """Whatever could run what is no code of this project's, or reach out."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        yield from (f"imports {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            yield f"uses {node.id}"
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_CALLS and ast.unparse(node) != "platform.system":
            yield f"uses .{node.attr}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "numpy.load"):
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if words.get("weights_only") != "True":
                yield f"calls {ast.unparse(node.func)} without weights_only"
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
            yield f"passes {node.arg}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_the_library_runs_nothing_but_itself(path: Path) -> None:
    name = path.relative_to(LIBRARY / "DURNSuperResLib").as_posix() if "DURNSuperResLib" in path.parts else ""
    assert list(offences(ast.parse(path.read_text(encoding="utf-8")))) == NEEDED.get(name, [])


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from urllib.request import urlopen", "eval('1')", "exec('1')", "os.system('ls')"),
        *("torch.load('a')", "torch.load('a', weights_only=False)", "np.load('a', allow_pickle=True)"),
        *("__import__('os')", "import http.client", "import subprocess", "f(shell=True)"),
    ],
)
def test_what_is_looked_for_is_found(code: str) -> None:
    assert list(offences(ast.parse(code)))


OFFLINE = """
import os, sys
touched = []
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.gethostname",):
        touched.append(event)
        raise OSError(f"no network here: {event}")
sys.addaudithook(watch)
import socket
try:
    socket.create_connection(("127.0.0.1", 9), 1)
except OSError as error:
    assert "no network here" in str(error)
assert touched, "the hook sees nothing"
touched.clear()
from DURNSuperResLib.cli import main
folder = sys.argv[1]
for arguments in (
    ["models"],
    ["info", folder + "/in"],
    ["info", folder + "/a.nrrd"],
    ["upscale", folder + "/a.nrrd", "-o", folder + "/b.nrrd"],
    ["upscale", folder + "/in", "-o", folder + "/c.seq.nrrd", "--method", "bicubic"],
    ["upscale", folder + "/in", "-o", folder + "/series", "--method", "bicubic"],
    ["compare", folder + "/a.nrrd", folder + "/b.nrrd", "-o", folder + "/pair.png", "--size", "200"],
    ["demo", "-o", folder + "/demo", "--input", folder + "/a.nrrd"],
    ["evaluate", folder + "/a.nrrd", "--scale", "2"],
):
    assert main(arguments) == 0, arguments
assert not touched, touched
links = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{n}")]
assert not [link for link in links if link.startswith("socket:")], links
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's list of open files")
def test_every_command_works_without_a_network_and_leaves_no_traces(tmp_path: Path) -> None:
    """Nor does any leave a file in the folder for temporary ones, in the home or in the working folder."""
    work = tmp_path / "work"
    elsewhere = [tmp_path / name for name in ("tmp", "home", "here")]
    for folder in (work, *elsewhere):
        folder.mkdir()
    write_cine(work / "in", slices=2, phases=2)
    picture = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 900, (3, 40, 40)).astype(np.int16))
    picture.SetSpacing((1.4, 1.4, 8.0))
    sitk.WriteImage(picture, str(work / "a.nrrd"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    environment |= {"TMPDIR": str(elsewhere[0]), "HOME": str(elsewhere[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", OFFLINE, str(work)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=elsewhere[2], timeout=600)
    assert result.returncode == 0, result.stderr
    assert [list(folder.iterdir()) for folder in elsewhere] == [[], [], []]
    made = {path.name for path in work.iterdir()}
    assert made == {"in", "a.nrrd", "b.nrrd", "c.seq.nrrd", "series", "pair.png", "demo"}


WHO = {
    "PatientName": "Lovelace^Augusta",
    "PatientID": "QX-4711-0815",
    "PatientBirthDate": "18151210",
    "AccessionNumber": "ACC-90210",
    "ReferringPhysicianName": "Babbage^Charles",
    "InstitutionName": "Marylebone Infirmary",
}
ODD = {"PatientBirthDate": "10.12.1815X", "PatientID": "QX-4711-0815" * 9, "PatientSex": "Female*", "StudyTime": "noon"}
TELLTALES = ("lovelace", "augusta", "qx-4711", "18151210", "10.12.1815", "acc-90210", "babbage", "marylebone")
TAGS = {"sound": WHO, "malformed": WHO | ODD}


def write_as_it_is(folder: Path, kind: str) -> Path:
    """Two slices at two phases with a patient's data, malformed ones too, and a damaged file."""
    folder.mkdir()
    tags = TAGS["malformed" if "malformed" in kind else "sound"]
    with pydicom.config.disable_value_validation():
        if kind == "enhanced":
            save(enhanced(2, 2, **tags), folder / "multi.dcm")
        for place in range(0 if kind == "enhanced" else 2):
            for phase in range(1 if "static" in kind else 2):
                save(image(place, phase, "1.2.3.1", **tags), folder / f"{place}_{phase}.dcm")
        if kind == "damaged":
            content = (folder / "0_0.dcm").read_bytes()
            (folder / "0_0.dcm").write_bytes(content[: len(content) // 2])
            (folder / "odd.dcm").write_bytes(content.replace(b"1.5\\1.25", b"Lovelace"))
    return folder


@pytest.mark.parametrize("command", ["info", "info --json", "upscale", "upscale to DICOM", "compare", "demo"])
@pytest.mark.parametrize("kind", ["cine", "static", "malformed", "malformed static", "enhanced", "damaged"])
def test_no_message_tells_whose_images_they_are(
    kind: str, command: str, tmp_path: Path, capfd: pytest.CaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    folder = write_as_it_is(tmp_path / "in", kind)
    capfd.readouterr()
    recwarn.clear()
    output = tmp_path / "out.seq.nrrd"
    if "static" in kind:
        output = tmp_path / "out.nrrd"
    bicubic = ["--method", "bicubic"]
    code = main(
        {
            "info": ["info", str(folder)],
            "info --json": ["info", "--json", str(folder)],
            "upscale": ["upscale", str(folder), "-o", str(output), *bicubic],
            "upscale to DICOM": ["upscale", str(folder), "-o", str(tmp_path / "series"), *bicubic],
            "compare": ["compare", str(folder), str(folder), "-o", str(tmp_path / "a.png"), "--size", "100"],
            "demo": ["demo", "-o", str(tmp_path / "demo"), "--input", str(folder)],
        }[command]
    )
    said = capfd.readouterr()
    text = (said.out + said.err + " ".join(str(warning.message) for warning in recwarn)).lower()
    assert text
    assert "traceback" not in text
    assert not [word for word in TELLTALES if word in text]
    if code == 0 and output.exists():
        held = output.read_bytes().lower()
        assert not [word for word in TELLTALES if word.encode() in held]


def test_temporary_files_are_for_the_owner_alone_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from DURNSuperResLib.scene.dicom import derived

    modes: list[int] = []
    write = derived._write

    def look(data: object, path: Path) -> None:
        modes.append(path.parents[1].stat().st_mode & 0o777)
        write(data, path)

    monkeypatch.setattr(derived, "_write", look)
    folder = write_cine(tmp_path / "in", slices=2, phases=2)
    out = tmp_path / "out"
    out.mkdir()
    assert main(["upscale", str(folder), "-o", str(out / "series"), "--method", "bicubic", "--quiet"]) == 0
    assert modes == [0o700] * 4
    assert [path.name for path in out.iterdir()] == ["series"]
