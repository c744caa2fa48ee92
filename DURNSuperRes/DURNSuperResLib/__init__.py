"""DURNSuperRes: in-plane super-resolution of cardiac magnetic resonance images. Research use only.

Rooms: ``core`` (arrays), ``scene`` (MRML nodes), ``cli`` (the command line). Importing this package imports neither
torch nor slicer.
"""

from .core.engine import METHODS, Cancelled, upscale_slices
from .core.models import ModelCard, ModelError, available_models
from .version import __version__

__all__ = ["METHODS", "Cancelled", "ModelCard", "ModelError", "__version__", "available_models", "upscale_slices"]
