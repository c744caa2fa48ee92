"""What a run can be asked for, by name. Imports nothing, so that the command line answers at once."""

from __future__ import annotations

METHODS = ("durn", "bicubic")
SCALES = (2, 3, 4)
DEVICES = ("auto", "cuda", "cpu")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
DEGRADATION_NAMES = ("bicubic", "kspace", "hamming", "tukey", "partial-fourier", "noise")
