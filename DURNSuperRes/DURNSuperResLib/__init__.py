"""DURNSuperRes: in-plane super-resolution of cardiac magnetic resonance images. Research use only.

Rooms: ``core`` (arrays), ``scene`` (MRML nodes), ``cli`` (the command line). Importing this package imports neither
torch nor slicer, and numpy only when one of its names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .core.engine import upscale_slices
    from .core.monitor import Cancelled
    from .core.network.models import ModelCard, ModelError, available_models
    from .core.options import METHODS
    from .core.upscaling import Upscaling

__all__ = [
    "METHODS",
    "Cancelled",
    "ModelCard",
    "ModelError",
    "Upscaling",
    "__version__",
    "available_models",
    "upscale_slices",
]

_HOMES = {"METHODS": "options", "Cancelled": "monitor", "Upscaling": "upscaling", "upscale_slices": "engine"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".core.{_HOMES.get(name, 'network.models')}", __name__), name)
