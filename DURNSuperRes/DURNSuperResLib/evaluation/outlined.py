"""Slices with the outline of a structure, whose border and area a reader would measure.

The Sunnybrook slices carry the endocardium as drawn for the Cardiac MR Left Ventricle Segmentation Challenge; of one's
own volumes the outline is a label file such as Slicer's Segment Editor saves.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.geometry import slices_first
from .borders import FloatArray, PixelSize
from .own_images import grey_image, names_of, shows_body, slice_axis_of, whole_image

SUNNYBROOK_PIXEL_MM = 1.367  # the pictures do not state theirs; 1.3672 is that of the DICOM slices at hand
PHASES = 20  # of each location, numbered one after the other
DIASTOLE, SYSTOLE = "end-diastole", "end-systole"
GROUPS = {
    "SC-HF-I": "heart failure with infarct",
    "SC-HF-NI": "heart failure without infarct",
    "SC-HYP": "hypertrophy",
    "SC-N": "normal",
}


@dataclass(frozen=True)
class Outlined:
    """One slice as the truth, and the mask of what is outlined in it, ``(rows, columns)`` each.

    ``phase`` is end-diastole or end-systole where that is known, else empty; ``name`` tells slices of a patient apart.
    """

    patient: str
    name: str
    phase: str
    image: FloatArray
    mask: NDArray[np.bool_]
    pixel_mm: PixelSize


def group_of(patient: str) -> str:
    """The disease group that a Sunnybrook patient's name tells."""
    return GROUPS[re.sub(r"-\d+$", "", patient)]


def sunnybrook_outlined(data: Path, split: str = "val") -> list[Outlined]:
    """The cine slices of the Sunnybrook patients of a split with their endocardium, in the manifest's order.

    Of the two phases of each patient the one with the larger outlines is end-diastole.
    """
    with (data / "cmr" / "sunnybrook" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["kind"] == "cine"]
    masks = [
        _pixels(data / "cmr" / "sunnybrook_contours" / split / r["patient"] / Path(r["path"]).name) > 0 for r in rows
    ]
    sizes: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, mask in zip(rows, masks, strict=True):
        sizes[row["patient"], _phase_number(row["path"])].append(int(mask.sum()))
    largest: dict[str, tuple[float, int]] = {}
    for (patient, phase), areas in sizes.items():
        largest[patient] = max(largest.get(patient, (0.0, 0)), (float(np.mean(areas)), phase))
    return [
        Outlined(
            row["patient"],
            Path(row["path"]).stem,
            DIASTOLE if _phase_number(row["path"]) == largest[row["patient"]][1] else SYSTOLE,
            _pixels(data / row["path"]).astype(np.float64),
            mask,
            (SUNNYBROOK_PIXEL_MM, SUNNYBROOK_PIXEL_MM),
        )
        for row, mask in zip(rows, masks, strict=True)
    ]


def _phase_number(path: str) -> int:
    return (int(path.rpartition("-")[2].removesuffix(".png")) - 1) % PHASES


def _pixels(path: Path) -> NDArray:
    return np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


def own_outlined(
    volumes: Sequence[Path], labels: Sequence[Path] | None, segment: str | None = None, axis: str = "auto"
) -> list[Outlined]:
    """The slices of volumes of one's own that can be scored, each volume a patient, with a label file for each or with
    empty masks.

    Args:
        volumes: what SimpleITK reads.
        labels: masks, label maps or Slicer's ``.seg.nrrd``, one for each volume, on any grid in the same space; None
            for none at all.
        segment: name or label value of one segment; without, all that is not zero.
        axis: across the slices: ``auto``, ``i``, ``j`` or ``k``.

    Raises:
        ValueError: a file that cannot be read, unequal numbers, no such segment, or one that misses its volume.
    """
    if labels is not None and len(volumes) != len(labels):
        raise ValueError(f"{len(volumes)} volumes need as many label files, not {len(labels)}")
    found: list[Outlined] = []
    for number, (path, name) in enumerate(zip(volumes, names_of(volumes), strict=True)):
        volume = grey_image(path)
        if volume.GetDimension() != 3:
            raise ValueError(f"{path} is one slice, not a volume")
        mask = _mask_on(volume, path, None if labels is None else labels[number], segment)
        found += _slices(name, volume, mask, axis)
    return found


def _mask_on(volume: sitk.Image, path: Path, labels: Path | None, segment: str | None) -> sitk.Image:
    """The mask of a label file on the grid of a volume."""
    if labels is None:
        return sitk.Cast(volume, sitk.sitkUInt8) * 0
    mask = _segment(whole_image(labels), segment, labels)
    onto = sitk.Resample(mask, volume, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(onto).any():
        raise ValueError(f"no voxel of {labels} lies in {path}")
    return onto


def _slices(name: str, volume: sitk.Image, mask: sitk.Image, axis: str) -> list[Outlined]:
    across = slice_axis_of(volume, axis)
    images, masks = (slices_first(sitk.GetArrayFromImage(part), across) for part in (volume, mask))
    column_mm, row_mm = (step for place, step in enumerate(volume.GetSpacing()) if place != across)
    return [
        Outlined(name, f"slice {n + 1}", "", image.astype(np.float64), masks[n] > 0, (row_mm, column_mm))
        for n, image in enumerate(images)
        if shows_body(image)
    ]


def _segment(labels: sitk.Image, segment: str | None, path: Path) -> sitk.Image:
    """The mask of a segment: layers are components of a voxel, and the header tells each segment's layer and value."""
    if labels.GetDimension() != 3:
        raise ValueError(f"{path} is not a volume of labels")
    count = labels.GetNumberOfComponentsPerPixel()
    layers = [labels] if count == 1 else [sitk.VectorIndexSelectionCast(labels, n) for n in range(count)]
    layers = [sitk.Cast(layer, sitk.sitkInt64) for layer in layers]
    if segment is None:
        whole = layers[0] != 0
        for layer in layers[1:]:
            whole = sitk.Or(whole, layer != 0)
        return whole
    layer, value = _place(labels, segment, path)
    mask = layers[layer] == value
    if not sitk.GetArrayViewFromImage(mask).any():
        raise ValueError(f"{path} has no voxel of the segment {segment}")
    return mask


def _place(labels: sitk.Image, segment: str, path: Path) -> tuple[int, int]:
    """Layer and label value of a segment given by its name or value."""
    names = {}
    for key in labels.GetMetaDataKeys():
        if matched := re.fullmatch(r"(Segment\d+_)Name", key):
            layer, value = (
                int(labels.GetMetaData(matched[1] + word)) if labels.HasMetaDataKey(matched[1] + word) else default
                for word, default in (("Layer", 0), ("LabelValue", 1))
            )
            names[labels.GetMetaData(key).strip()] = (layer, value)
    if segment in names:
        return names[segment]
    if segment.isdigit():
        return 0, int(segment)
    raise ValueError(f"{path} has no segment {segment!r}" + (f"; it has {', '.join(sorted(names))}" if names else ""))
