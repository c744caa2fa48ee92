"""DICOM in plain Python: what a folder holds, the cines and stacks in it, their pixels, and derived series.

Modules: ``plain`` (is a folder one static stack?), ``frames`` (what each image says of itself), ``phases`` (their order
in time), ``stacks`` (which images belong together), ``planes`` (names of cardiac views), ``pixels``, ``derived``
(writing).

Belongs here: whatever knows DICOM attributes.
May import: pydicom, numpy; of this library ``core``. None of it needs Slicer.
"""

from .plain import DicomError, plain_stack

__all__ = ["DicomError", "plain_stack"]
