"""The version of the extension and of its Python package."""

__version__ = "0.1.0"
