"""PyTorch inside Slicer: is it there and does it work, and if not, installing it with the PyTorch extension's means.

The installation runs in a process of its own, so the window stays alive, says how far it is and can cancel. What goes
wrong, wherever, is one :class:`InstallError` that says what to do. An installation that was cut off is found at the
next *Apply* and begun again.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import slicer
from slicer.i18n import tr as _

from ..core.network.memory import before_torch
from ..core.upscaling import Upscaling

LOWEST_TORCH = (2, 1)
PUMP_SECONDS = 0.05
LONGEST_LINE = 90
LONGEST_GOODBYE = 2.0  # s; a grandchild may hold the pipe open
Call = Callable[[Callable[[], Any]], Any]


class InstallError(RuntimeError):
    """PyTorch is missing or does not work, and was not installed; the message says what to do."""


def torch_problem() -> str:
    """Why torch cannot be used, in words; empty if it can. It is imported, with the network that needs it."""
    spec = importlib.util.find_spec("torch")
    if spec is None:
        return _("PyTorch is not installed.")
    if spec.origin is None:  # a folder without code, such as an installation leaves that was cut off
        return _("PyTorch is installed in part only.")
    version = _version()
    if version and version < LOWEST_TORCH:
        return _("PyTorch {found} is too old; {needed} is needed.").format(
            found=_dotted(version), needed=_dotted(LOWEST_TORCH)
        )
    before_torch()
    try:
        importlib.import_module("..core.network.inference", __package__)
    except Exception as error:  # a damaged library raises anything
        return _("PyTorch does not work: {reason}.").format(reason=_one_line(str(error)))
    return ""


def prepare_network() -> None:
    """Import torch and make the default network ready, so that the first run begins at once; nothing where torch cannot
    be used, since *Apply* says why.
    """
    if not torch_problem():
        from ..core.network.inference import prepare

        prepare(Upscaling())


def check_torch() -> None:
    """Raises InstallError where torch cannot be used."""
    problem = torch_problem()
    if problem:
        raise InstallError(
            _("{problem} Install the PyTorch extension, and torch with it. {bicubic}").format(
                problem=problem, bicubic=_bicubic()
            )
        )


def ensure_torch(*, ask: bool = True, call: Call = lambda compute: compute()) -> None:
    """Install torch with the means of Slicer's PyTorch extension where it cannot be used; on the main thread.

    Args:
        ask: let the user confirm the download first.
        call: where to import torch, which takes some seconds; here by default.

    Raises:
        InstallError: torch cannot be used, and the message says what to do.
    """
    problem = call(torch_problem)
    if not problem:
        return
    extension = _extension(problem)
    if slicer.app.testingEnabled() or not (_confirmed(problem) if ask else True):
        raise InstallError(_("{problem} It was not installed. {bicubic}").format(problem=problem, bicubic=_bicubic()))
    in_use = "torch" in sys.modules
    try:
        _install(extension)
    except InstallError:
        raise
    except Exception as error:  # the extension, pip and Windows raise anything
        raise InstallError(_advice(str(error))) from error
    importlib.invalidate_caches()  # or the import system may not see the new folder yet
    if in_use:
        raise InstallError(_("PyTorch was installed anew. Restart Slicer and press Apply again."))
    problem = call(torch_problem)
    if problem:
        raise InstallError(_("{problem} Restart Slicer and press Apply again.").format(problem=problem))


def _extension(problem: str) -> Any:
    try:
        return importlib.import_module("PyTorchUtils")
    except ImportError:
        raise InstallError(
            _(
                "{problem} Install the PyTorch extension with the Extensions Manager, restart Slicer and try again. "
                "{bicubic}"
            ).format(problem=problem, bicubic=_bicubic())
        ) from None


def _confirmed(problem: str) -> bool:
    return slicer.util.confirmOkCancelDisplay(
        _(
            "{problem} The network needs it. Download and install PyTorch now? It takes some hundred megabytes, or "
            "some gigabytes with CUDA, and some minutes."
        ).format(problem=problem)
    )


def _install(extension: Any) -> None:
    logic = extension.PyTorchUtilsLogic
    requirement = f">={_dotted(LOWEST_TORCH)}"
    if not hasattr(logic, "_getPipInstallArguments"):  # an extension that goes about it in another way
        if logic().installTorch(askConfirmation=False, torchVersionRequirement=requirement) is None:
            raise InstallError(_("PyTorch was not installed. {bicubic}").format(bicubic=_bicubic()))
        return
    python = shutil.which("python-real") or shutil.which("PythonSlicer") or sys.executable
    if _version() or "torch" in sys.modules:
        _watched([python, "-m", "pip", "uninstall", "--yes", "torch", "torchvision"], _("Removing the old PyTorch"))
    if importlib.util.find_spec("light_the_torch") is None:
        logic._installLightTheTorch()
    arguments = logic._getPipInstallArguments(None, requirement)
    _watched([python, "-m", "light_the_torch", *arguments], _("Installing PyTorch"))


def _watched(command: list[str], title: str) -> None:
    """Run a command to its end while the window lives and shows its last line; Cancel ends it."""
    dialog = slicer.util.createProgressDialog(maximum=0, labelText=title, windowTitle=title)
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # no console on Windows
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", creationflags=hidden
    )
    lines = [title]
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            time.sleep(PUMP_SECONDS)
            dialog.labelText = lines[-1][:LONGEST_LINE]
            slicer.app.processEvents()
            if dialog.wasCanceled:
                raise InstallError(_("The installation was cancelled; press Apply to begin it again."))
        reader.join()
        if process.returncode:
            raise InstallError(_advice("\n".join(lines)))
    finally:
        process.kill()
        process.wait()
        reader.join(LONGEST_GOODBYE)
        if process.stdout is not None and not reader.is_alive():
            process.stdout.close()
        dialog.close()


def _collect(stream: IO[str] | None, lines: list[str]) -> None:
    for line in stream or ():
        if line.strip():
            lines.append(line.strip())


def _advice(output: str) -> str:
    """What to do about a failed installation, by what it wrote; its last line if it is none of the known ones."""
    known = (
        (
            r"WinError 206|[Ll]ong [Pp]ath",
            _("A path is too long for Windows: switch on long paths, or install Slicer in a short folder as C:\\S."),
        ),
        (r"No space left|Errno 28", _("The disk is full: make some gigabytes free and try again.")),
        (
            r"SSL|[Pp]roxy|[Cc]ertificate|Connection|resolve",
            _("The network did not let it through: see the documentation on proxies and on installing offline."),
        ),
        (
            r"WinError 5|WinError 32|Permission",
            _("Files are in use or cannot be written: restart Slicer and try again before anything uses PyTorch."),
        ),
    )
    for pattern, advice in known:
        if re.search(pattern, output):
            return _("PyTorch was not installed. {advice}").format(advice=advice)
    last = _one_line(output.strip().splitlines()[-1] if output.strip() else "")
    return _("PyTorch was not installed: {reason}. Restart Slicer and try again. {bicubic}").format(
        reason=last or _("no reason was given"), bicubic=_bicubic()
    )


def _version() -> tuple[int, ...]:
    """Major and minor version of the installed torch; empty if it is not known."""
    try:
        found = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ()
    return tuple(int(digits) for digits in re.findall(r"\d+", found)[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _bicubic() -> str:
    return _("The method Bicubic works without.")
