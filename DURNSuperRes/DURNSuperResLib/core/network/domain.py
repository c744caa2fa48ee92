"""Is this an image that the network was made for? What is known of it, held against the model card's ``domain``.

Phase images, masks and label maps are refused: enlarging them as grey levels gives values that mean nothing. Anything
else outside the domain is let through with a warning that names it. Pixels count as outside only if they are finer than
the truth or coarser than the inputs of the training. In between lies every ordinary cine: enlarging pixels of 1.4 mm
goes beyond any truth that was ever shown to a model, which is said in the documentation and not with each run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..signal.degradation import noise_level
from ..signal.padding import padding_of
from .models import ModelCard

SPACING_MARGIN = 0.05
FINER_MARGIN = 0.2  # ordinary cine pixels are down to 1.1 mm
NEGATIVE_SHARE = 0.01
LABEL_VALUES, LABEL_FLATNESS = 32, 0.6
PHASE_KINDS = ("P", "PHASE", "PHASE MAP", "PHASE_MAP", "VELOCITY", "VELOCITY MAP", "VELOCITY_MAP")
PART_KINDS = {"R": "real", "REAL": "real", "I": "imaginary", "IMAGINARY": "imaginary"}
SAMPLE = 10_000
SYMMETRY = 0.8  # smaller over larger extreme of signed values
WRAPPED_SHARE = 0.05
NOISE = 0.1  # of the range, standard deviation; magnitude images, reduced four times, have at most 0.03
WRAPPED_STEPS = 0.045  # share of the neighbours; cardiac images have at most 0.012, a small phantom 0.04
SEQUENCES = {"IR": "inversion recovery", "SE": "spin echo", "EP": "echo planar"}  # DICOM's Scanning Sequence


def refusal_of(items: Sequence[NDArray], stated: Mapping[str, str]) -> str:
    """Why an image must not be enlarged as grey levels; empty if nothing speaks against it.

    Args:
        items: voxels of a volume, or of all phases of a cine, not all of one value.
        stated: DICOM attributes as far as they are known, by keyword, values joined by a backslash.
    """
    kinds = stated.get("ImageType", "").upper().split("\\")[2:]
    if any(kind in PHASE_KINDS for kind in kinds):
        return "is a phase image (by its DICOM Image Type): its values wrap around, and their detail is no anatomy"
    if part := next((PART_KINDS[kind] for kind in kinds if kind in PART_KINDS), ""):
        return f"is the {part} part of complex images (by its DICOM Image Type): it has signs, as no magnitude has"
    seen = sorted({0, len(items) // 2, len(items) - 1})  # frames of another kind may stand before or behind
    return next((reason for n in seen if (reason := _refusal_of_one(items[n]))), "")


def _refusal_of_one(item: NDArray) -> str:
    """Why the voxels of one volume are no grey levels; empty if nothing speaks against it."""
    values = np.unique(item.ravel()[:: 1 + item.size // SAMPLE])  # most images end here
    values = np.unique(item) if len(values) <= LABEL_VALUES else values
    if len(values) == 2:
        return f"holds two values only ({values[0]:g} and {values[1]:g}): a mask, not a grey-level image"
    if 2 < len(values) <= LABEL_VALUES and np.array_equal(values, np.rint(values)) and _flatness(item) > LABEL_FLATNESS:
        return f"holds {len(values)} whole numbers in flat regions: a label map, not a grey-level image"
    return _phase(item)


def warnings_of(
    card: ModelCard,
    items: Sequence[NDArray],
    pixel_mm: tuple[float, float],
    matrix: tuple[int, int],
    stated: Mapping[str, str],
) -> list[str]:
    """What of an image lies outside the domain of a model; empty if nothing that is known does.

    Args:
        card: of the model; its ``domain`` states the range of input pixels.
        items, stated: as :func:`refusal_of`.
        pixel_mm: distance of pixel centres in the plane, of the pixels that were measured.
        matrix: columns and rows that were measured of a slice.
    """
    found = []
    low, high = (float(edge) for edge in card.details.get("domain", {}).get("input_pixel_mm", (0.0, math.inf)))
    finest = low / card.scale  # of the truth that it learnt from, and so of ordinary images
    if min(pixel_mm) < finest * (1 - FINER_MARGIN):
        found.append(f"measured pixels of {min(pixel_mm):.2f} mm are finer than any that {card.name} was trained with")
    if max(pixel_mm) > high * (1 + SPACING_MARGIN):
        seen = f"the {low:g} to {high:g} mm that {card.name} was trained to enlarge"
        found.append(f"measured pixels of {max(pixel_mm):.2f} mm are coarser than {seen}")
    patch: int = card.details.get("training", {}).get("configuration", {}).get("patch", 0)
    if min(matrix) < patch:
        found.append(f"slices of {matrix[0]} x {matrix[1]} pixels are smaller than the {patch} pixels of its patches")
    padding = padding_of(items)
    if padding is not None:
        found.append(f"{100 * padding.share:.1f} % of the voxels hold the padding value {padding.value:g}, and keep it")
        items = [padding.filled(item) for item in items]
    return found + _other_kind(items, stated)


def unlike(items: Sequence[NDArray], stated: Mapping[str, str]) -> list[str]:
    """What makes an image another kind than any that error bars are calibrated for; arguments as :func:`refusal_of`.

    More than :func:`warnings_of` names: an enlargement of noise does no harm, but nothing can be promised of it.
    """
    padding = padding_of(items)
    items = items if padding is None else [padding.filled(item) for item in items]
    found = _other_kind(items, stated)
    item = items[len(items) // 2]
    values = item[len(item) // 2].astype(np.float64)
    low, high = np.percentile(values, (0.1, 99.9))
    if not low < high:
        return found
    values = (values - low) / (high - low)
    if noise_level(values, threshold=-np.inf) > NOISE:
        found.append("neighbours differ as in noise, not as in an image")
    elif _jumps(values, 0.5) > WRAPPED_STEPS:
        found.append("neighbours differ by half of the range as often as where phases wrap around")
    return found


def _other_kind(items: Sequence[NDArray], stated: Mapping[str, str]) -> list[str]:
    found = []
    modality = stated.get("Modality", "MR")
    if modality != "MR":
        found.append(f"the modality is {modality}, not MR")
    found += [
        f"the sequence is {name}, not balanced SSFP"
        for code, name in SEQUENCES.items()
        if code in stated.get("ScanningSequence", "").upper().split("\\")
    ]
    below_zero = sum(int(np.count_nonzero(item < 0)) for item in items)
    negative = below_zero / sum(int(item.size) for item in items)
    if negative > NEGATIVE_SHARE:
        found.append(f"{100 * negative:.0f} % of the voxels are negative, as in no magnitude image")
    return found


def _flatness(item: NDArray) -> float:
    """Share of neighbours in the plane that are equal, among those not both at the lowest value."""
    a, b = item[..., 1:], item[..., :-1]
    signal = np.maximum(a, b) > item.min()
    return float(np.mean(a[signal] == b[signal])) if signal.any() else 0.0


def _phase(item: NDArray) -> str:
    """Why the values look like phases or velocities; empty if they do not."""
    low, high = (float(value) for value in np.percentile(item, (1, 99)))
    if low < 0 < high and min(-low, high) > SYMMETRY * max(-low, high):
        share = float(np.mean(item[item != 0] < 0))
        if 0.2 < share < 0.8:
            return f"has values on both sides of zero alike ({low:g} to {high:g}): a phase or velocity image"
    lowest, highest = float(item.min()), float(item.max())
    if (
        item.dtype.kind in "iu"
        and lowest <= 8
        and _fills_its_bits(highest)
        and _jumps(item, highest / 2) > WRAPPED_SHARE
    ):
        return f"jumps between neighbours by half of its range ({lowest:g} to {highest:g}): a phase image"
    return ""


def _fills_its_bits(highest: float) -> bool:
    """Whether the largest value is that of 12 bits or more, all set, or a little below."""
    bits = math.ceil(math.log2(highest + 1)) if highest > 0 else 0
    return bits >= 12 and highest > 0.998 * 2**bits


def _jumps(item: NDArray, step: float) -> float:
    """Share of neighbours along the rows that differ by more than ``step``; 0 without neighbours."""
    if item.shape[-1] < 2:
        return 0.0
    return float(np.mean(np.abs(np.diff(item.astype(np.float64), axis=-1)) > step))
