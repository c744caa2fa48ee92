"""What a run can be asked for, by name. Imports nothing, so that the command line answers at once."""

from __future__ import annotations

METHOD_LABELS = {"durn": "DURN", "bicubic": "bicubic"}  # as people write them
METHODS = tuple(METHOD_LABELS)
DEFAULT_MODEL = "durn-light"
SCALES = (2, 3, 4)
DEVICES = ("auto", "cuda", "cpu")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
PHASE_ORDERS = ("auto", "trigger", "acquisition", "instance")
SLICE_AXES = ("auto", "i", "j", "k")
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)  # of error bars: the share of the pixels whose interval holds the truth
DEGRADATION_NAMES = ("bicubic", "kspace", "hamming", "tukey", "partial-fourier", "noise")
INTERPOLATED = "interpolated"  # zero filling by the scanner, a degradation of evaluations alone


def given_lines(acquired: str) -> tuple[int, int] | None:
    """Rows and columns of a measured matrix such as ``160x224``; None for ``full``, which is all of them, and ``auto``.

    >>> given_lines("160x224")
    (160, 224)

    Raises:
        ValueError: any other text.
    """
    if acquired in ("auto", "full"):
        return None
    rows, _, columns = str(acquired).lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise ValueError(f"acquired must be auto, full, or rows x columns such as 160x224, not {acquired!r}")
    return int(rows), int(columns)
