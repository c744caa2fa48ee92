"""The version of the extension and of its Python package."""

__version__ = "0.1.0"
NOTICE = "Research use only, not for diagnosis. Super-resolution invents detail."
