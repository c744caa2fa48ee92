"""Outlines: label files as Slicer writes them, on any grid, and the published contours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DURNSuperResLib.evaluation.outlined import DIASTOLE, SYSTOLE, group_of, own_outlined, sunnybrook_outlined
from evaluation.hearts import heart, mask, pixel


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Two slices of a heart, 128 x 128."""
    return saved(tmp_path / "heart.nrrd", np.stack([1000 * heart(25.0, 128)] * 2).astype(np.float32))


def saved(path: Path, voxels: np.ndarray, first: int = 0, header: dict[str, str] | None = None) -> Path:
    """Write voxels that begin at row and column ``first`` of the volume's grid; a last axis of layers is a vector."""
    step = pixel(128)[0]
    image = sitk.GetImageFromArray(voxels, isVector=voxels.ndim == 4)
    image.SetSpacing((step, step, 8.0))
    image.SetOrigin((-100.0 + first * step, 20.0 + first * step, -30.0))
    for name, value in (header or {}).items():
        image.SetMetaData(name, value)
    sitk.WriteImage(image, str(path))
    return path


def outline() -> np.ndarray:
    return np.stack([mask(25.0, 128)] * 2)


@pytest.mark.parametrize("name", ["labels.nrrd", "labels.nii.gz", "labels.mha"])
def test_label_maps_give_the_slices_their_masks(volume: Path, tmp_path: Path, name: str) -> None:
    slices = own_outlined([volume], [saved(tmp_path / name, outline().astype(np.uint8))])
    assert [one.name for one in slices] == ["slice 1", "slice 2"]
    assert all(np.array_equal(one.mask, mask(25.0, 128)) for one in slices)
    assert slices[0].pixel_mm == pytest.approx(pixel(128))


def test_a_cropped_segmentation_lies_where_its_header_says(volume: Path, tmp_path: Path) -> None:
    cropped = outline()[:, 20:110, 20:110].astype(np.uint8)
    (one, _) = own_outlined([volume], [saved(tmp_path / "heart.seg.nrrd", cropped, first=20)])
    assert np.array_equal(one.mask, mask(25.0, 128))


def test_a_segment_is_found_by_its_name_in_its_layer(volume: Path, tmp_path: Path) -> None:
    wall = np.stack([mask(35.0, 128)] * 2)
    layers = np.stack([3 * outline(), 2 * wall], axis=-1).astype(np.uint8)
    header = {
        "Segment0_Name": "Blood",
        "Segment0_LabelValue": "3",
        "Segment0_Layer": "0",
        "Segment1_Name": "Wall",
        "Segment1_LabelValue": "2",
        "Segment1_Layer": "1",
    }
    path = saved(tmp_path / "two.seg.nrrd", layers, header=header)
    for name, radius in (("Blood", 25.0), ("Wall", 35.0), ("3", 25.0), (None, 35.0)):
        assert np.array_equal(own_outlined([volume], [path], name)[0].mask, mask(radius, 128))
    with pytest.raises(ValueError, match="it has Blood, Wall"):
        own_outlined([volume], [path], "Atrium")
    with pytest.raises(ValueError, match="no voxel of the segment 7"):
        own_outlined([volume], [path], "7")


def test_what_cannot_be_used_is_said(volume: Path, tmp_path: Path) -> None:
    labels = saved(tmp_path / "labels.nrrd", outline().astype(np.uint8))
    with pytest.raises(ValueError, match="1 volumes need as many label files, not 2"):
        own_outlined([volume], [labels, labels])
    with pytest.raises(ValueError, match="cannot be read"):
        own_outlined([volume], [tmp_path / "missing.nrrd"])
    with pytest.raises(ValueError, match="lies in"):
        own_outlined([volume], [saved(tmp_path / "away.nrrd", outline().astype(np.uint8), first=500)])


def test_the_published_contours_belong_to_two_phases_of_each_patient(data: Path) -> None:
    slices = sunnybrook_outlined(data)
    assert len(slices) == 90
    assert all(one.mask.shape == one.image.shape and one.mask.any() for one in slices)
    for patient in {one.patient for one in slices}:
        areas = {
            phase: np.mean([one.mask.sum() for one in slices if (one.patient, one.phase) == (patient, phase)])
            for phase in (DIASTOLE, SYSTOLE)
        }
        assert areas[DIASTOLE] > areas[SYSTOLE]


def test_names_tell_the_group() -> None:
    assert group_of("SC-HF-NI-33") == "heart failure without infarct"
    assert group_of("SC-HYP-08") == "hypertrophy"
