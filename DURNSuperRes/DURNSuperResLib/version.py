"""The version of the extension and of its Python package, and the mark of the folders that it fills."""

__version__ = "0.1.0"
LEDGER_FOLDER = ".durn-superres"  # in a folder of batch results; such a folder is never input
NOTICE = "Research use only, not for diagnosis. Super-resolution invents detail."
