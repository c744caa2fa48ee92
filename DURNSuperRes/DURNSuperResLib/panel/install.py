"""PyTorch inside Slicer: is it there, and if not, installing it through the PyTorch extension."""

from __future__ import annotations

import importlib
import importlib.util

LOWEST_TORCH = "2.1"
ALTERNATIVE = "Bicubic works without."


class InstallError(RuntimeError):
    """PyTorch is missing and was not installed; the message says what to do."""


def torch_is_installed() -> bool:
    """Whether torch can be imported, without importing it."""
    return importlib.util.find_spec("torch") is not None


def check_torch() -> None:
    """Raises InstallError where torch is missing."""
    if not torch_is_installed():
        raise InstallError(f"DURN needs PyTorch: install the PyTorch extension, and torch with it. {ALTERNATIVE}")


def ensure_torch(*, ask: bool = True) -> None:
    """Install torch through Slicer's PyTorch extension where it is missing; on the main thread.

    Args:
        ask: let the user confirm the download first.

    Raises:
        InstallError: the extension is missing, or the user declined.
    """
    if torch_is_installed():
        return
    try:
        import PyTorchUtils
    except ModuleNotFoundError:
        raise InstallError(
            "DURN needs PyTorch: install the PyTorch extension with the Extensions Manager, restart Slicer and try "
            f"again. {ALTERNATIVE}"
        ) from None
    logic = PyTorchUtils.PyTorchUtilsLogic()
    if logic.installTorch(askConfirmation=ask, torchVersionRequirement=f">={LOWEST_TORCH}") is None:
        raise InstallError(f"DURN needs PyTorch, which was not installed. {ALTERNATIVE}")
    importlib.invalidate_caches()  # or the import system may not see the new folder yet
