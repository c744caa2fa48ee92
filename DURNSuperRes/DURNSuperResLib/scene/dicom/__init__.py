"""DICOM in plain Python: what a folder holds, the cines and stacks in it, their pixels, and derived series.

Modules: ``reading`` (finding and opening files), ``tags`` (values of an image or frame), ``nature`` (what an image is),
``frames`` (what each image says of itself), ``grouping`` (what belongs together), ``phases`` and ``repeats`` (the order
in time), ``building`` and ``stacks`` (stacks of slices), ``left_out`` (what is in none, and why), ``planes`` (names of
cardiac views), ``pixels``, ``derived`` (writing), ``plain`` (is a folder one static stack?).

Belongs here: whatever knows DICOM attributes.
May import: pydicom, numpy; of this library ``core``. None of it needs Slicer.
"""
