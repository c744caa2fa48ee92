"""Whole folders: what a folder holds to be upscaled, the ledger of what was done, running it here or on Dask.

Belongs here: what many inputs need that one does not.
May import: ``scene`` and ``core`` when it runs, distributed in ``cluster``; nothing heavy when it is imported.
"""
