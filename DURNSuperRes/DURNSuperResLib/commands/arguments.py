"""The options of an upscaling as arguments of the commands, once for all parsers; imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from ..core.options import DEVICES, LEVELS, METHODS, PRECISIONS, SCALES, SLICE_AXES
from ..core.upscaling import Upscaling

DEFAULTS = Upscaling()
ARGUMENTS: dict[str, dict[str, Any]] = {
    "scale": {"type": int, "choices": SCALES, "help": "in-plane magnification (2)"},
    "method": {"choices": METHODS, "help": "the network, or bicubic interpolation (durn)"},
    "model": {"metavar": "NAME", "help": f"which network, of those that models lists ({DEFAULTS.model})"},
    "device": {"choices": DEVICES, "help": "where the network runs (auto)"},
    "precision": {"choices": PRECISIONS, "help": "of the network's arithmetic (auto)"},
    "slice_axis": {"choices": SLICE_AXES, "help": "axis across the slices (auto)"},
    "keep_type": {"action": "store_true", "help": "the input's voxel type instead of float32"},
    "best_quality": {"action": "store_true", "help": "mean over eight flips and rotations; 8 x slower"},
    "keep_measured": {
        "action": argparse.BooleanOptionalAction,
        "help": "keep the k-space that the scanner measured as it is (yes, for magnitude MR)",
    },
    "acquired": {
        "metavar": "ROWSxCOLUMNS",
        "help": "matrix that the scanner measured, full if it did not interpolate, or auto (auto)",
    },
    "uncertainty_level": {
        "type": float,
        "choices": LEVELS,
        "help": "share of the voxels whose error bar holds the truth (0.9)",
    },
    "any_image": {"action": "store_true", "help": "take phase images, masks and label maps, too"},
}


Number = TypeVar("Number", int, float)


def above_zero(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    """The type of an argument that is a finite number above zero."""

    def parsed(text: str) -> Number:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    parsed.__name__ = kind.__name__  # as argparse calls it where the text is no number
    return parsed


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options ``names`` of :class:`~..core.upscaling.Upscaling`, with its defaults."""
    for name in names:
        parser.add_argument(f"--{name.replace('_', '-')}", default=getattr(DEFAULTS, name), **ARGUMENTS[name])
