"""PyTorch in Slicer: what counts as installed, installing it with a living window, and one line for every failure.

The installer is a real process; only what it runs, the extension's ``light_the_torch``, is a stand-in.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from desktop.standin import Desktop, choose
from DURNSuperResLib import upscale_slices

PRINTS = "import sys, time\nprint('Collecting', *sys.argv[1:], flush=True)\n"


@pytest.fixture
def install(desktop: Desktop) -> Any:
    return importlib.import_module("DURNSuperResLib.panel.install")


@pytest.fixture
def missing(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "torch_problem", lambda: "PyTorch is not installed.")
    monkeypatch.setattr(install, "_version", tuple)


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Any) -> Callable[[str], list[Any]]:
    """Puts the PyTorch extension into Slicer, with an installer of this code; returns what it was asked for."""

    def put(code: str) -> list[Any]:
        (tmp_path / "light_the_torch.py").write_text(PRINTS + code)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.syspath_prepend(str(tmp_path))
        asked: list[Any] = []

        class Logic:
            @staticmethod
            def _getPipInstallArguments(backend: Any, requirement: str) -> list[str]:  # noqa: N802
                asked.append((backend, requirement))
                return ["install", f"torch{requirement}", "torchvision"]

        monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        return asked

    return put


def problem_with(monkeypatch: pytest.MonkeyPatch, folder: Path, install: Any, version: tuple[int, ...] = ()) -> str:
    """What is wrong with the torch that lies in a folder."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch" or ".core.network." in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setattr(install, "_version", lambda: version)
    importlib.invalidate_caches()
    return install.torch_problem()


def test_the_torch_that_is_here_works(install: Any) -> None:
    assert install.torch_problem() == ""
    install.check_torch()
    install.ensure_torch()


def test_a_bare_folder_is_not_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Any) -> None:
    (tmp_path / "torch").mkdir()
    assert problem_with(monkeypatch, tmp_path, install) == "PyTorch is installed in part only."


def test_no_torch_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Any) -> None:
    assert problem_with(monkeypatch, tmp_path, install) == "PyTorch is not installed."


def test_an_old_torch_is_not_even_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Any) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit")
    text = problem_with(monkeypatch, tmp_path, install, (1, 13))
    assert text == "PyTorch 1.13 is too old; 2.1 is needed."


@pytest.mark.parametrize(
    "line", ["raise OSError('[WinError 127] fbgemm.dll')", "raise TypeError('half a library')", ""]
)
def test_a_damaged_torch_says_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Any, line: str
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(line)
    assert problem_with(monkeypatch, tmp_path, install).startswith("PyTorch does not work: ")


def test_without_the_extension_durn_says_what_to_do_and_bicubic_works(
    desktop: Desktop, sax: Any, missing: None
) -> None:
    panel = desktop.panel()
    panel._parameterNode.inputVolume = sax
    with pytest.raises(RuntimeError, match="Install the PyTorch extension with the Extensions Manager, restart Slicer"):
        panel.onApplyButton()
    assert panel.ui.statusLabel.text == "Failed; nothing was changed."
    choose(panel.ui.methodComboBox, "Bicubic")
    panel.ui.applyButton.click()
    assert panel._parameterNode.outputVolume.GetName().startswith("SAX bicubic x2")
    panel.cleanup()


def test_a_script_is_told_what_to_install(desktop: Desktop, sax: Any, missing: None) -> None:
    with pytest.raises(RuntimeError, match="Install the PyTorch extension"):
        desktop.module.DURNSuperResLogic().process(sax)


def test_who_declines_gets_nothing_installed(
    desktop: Desktop, install: Any, missing: None, extension: Callable[[str], list[Any]]
) -> None:
    asked, desktop.answer = extension(""), False
    with pytest.raises(install.InstallError, match="not installed"):
        install.ensure_torch()
    assert "Download and install PyTorch now?" in desktop.asked[0]
    assert not asked


def test_the_window_lives_while_torch_installs(
    desktop: Desktop, install: Any, extension: Callable[[str], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = extension("time.sleep(0.5)")
    problems = iter(["PyTorch is not installed.", ""])
    monkeypatch.setattr(install, "torch_problem", lambda: next(problems))
    monkeypatch.setattr(install, "_version", tuple)
    texts: set[str] = set()
    desktop.app.pumped.append(lambda: texts.add(desktop.dialogs[0].labelText))
    install.ensure_torch()
    assert asked == [(None, ">=2.1")]
    assert desktop.app.pumps > 5
    assert "Collecting install torch>=2.1 torchvision" in texts
    assert not desktop.dialogs[0].visible


def test_cancel_ends_the_installer(
    desktop: Desktop, install: Any, missing: None, extension: Callable[[str], list[Any]]
) -> None:
    extension("time.sleep(60)")
    desktop.app.pumped.append(lambda: desktop.dialogs[0]._target.cancel())
    begun = time.monotonic()
    with pytest.raises(install.InstallError, match="cancelled; press Apply to begin it again"):
        install.ensure_torch()
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("sys.exit('OSError: [WinError 206] The filename or extension is too long')", "switch on long paths"),
        ("sys.exit('OSError: [Errno 28] No space left on device')", "The disk is full"),
        ("sys.exit('SSLError(SSLCertVerificationError(1))')", "documentation on proxies"),
        ("sys.exit('PermissionError: [WinError 5] Access is denied')", "Files are in use"),
        ("raise TypeError('unsupported operand')", "TypeError: unsupported operand. Restart Slicer and try again"),
    ],
)
def test_each_failure_is_one_line_that_says_what_to_do(
    desktop: Desktop, install: Any, missing: None, extension: Callable[[str], list[Any]], code: str, advice: str
) -> None:
    extension(code)
    with pytest.raises(install.InstallError) as caught:
        install.ensure_torch()
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_extension_that_installs_in_its_own_way_is_let(
    desktop: Desktop, install: Any, missing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Logic:
        def installTorch(self, **options: Any) -> None:  # noqa: N802
            assert options == {"askConfirmation": False, "torchVersionRequirement": ">=2.1"}
            raise TypeError("'NoneType' object is not iterable")

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    with pytest.raises(install.InstallError, match="is not iterable"):
        install.ensure_torch()


def test_a_torch_in_use_needs_a_restart(
    desktop: Desktop, install: Any, extension: Callable[[str], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    extension("")
    monkeypatch.setattr(install, "torch_problem", lambda: "PyTorch 1.13 is too old; 2.1 is needed.")
    monkeypatch.setattr(install, "_version", tuple)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    commands: list[list[str]] = []
    monkeypatch.setattr(install, "_watched", lambda command, _title: commands.append(command))
    with pytest.raises(install.InstallError, match="Restart Slicer and press Apply again"):
        install.ensure_torch()
    assert [command[2:4] for command in commands] == [["pip", "uninstall"], ["light_the_torch", "install"]]


def test_what_is_made_ready_is_the_network_of_the_first_run(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inference = importlib.import_module("DURNSuperResLib.core.network.inference")
    monkeypatch.setattr(inference, "_loaded", {})
    monkeypatch.setattr(install, "torch_problem", str)
    install.prepare_network()
    (ready,) = inference._loaded.values()
    upscale_slices(np.eye(32)[None], 2)
    assert list(inference._loaded.values()) == [ready]


@pytest.mark.usefixtures("missing")
def test_without_torch_nothing_is_made_ready(install: Any) -> None:
    install.prepare_network()
