"""What a run can be asked for, by name. Imports nothing, so that the command line answers at once."""

from __future__ import annotations

METHOD_LABELS = {"durn": "DURN", "bicubic": "bicubic"}  # as people write them
METHODS = tuple(METHOD_LABELS)
SCALES = (2, 3, 4)
DEVICES = ("auto", "cuda", "cpu")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
SLICE_AXES = ("auto", "i", "j", "k")
DEGRADATION_NAMES = ("bicubic", "kspace", "hamming", "tukey", "partial-fourier", "noise")
