"""What a run can be asked for, by name. Imports nothing, so that the command line answers at once."""

from __future__ import annotations

METHOD_LABELS = {"durn": "DURN", "bicubic": "bicubic"}  # as people write them
METHODS = tuple(METHOD_LABELS)
SCALES = (2, 3, 4)
DEVICES = ("auto", "cuda", "cpu")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
SLICE_AXES = ("auto", "i", "j", "k")
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)  # of error bars: the share of the pixels whose interval holds the truth
DEGRADATION_NAMES = ("bicubic", "kspace", "hamming", "tukey", "partial-fourier", "noise")
