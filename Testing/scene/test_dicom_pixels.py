"""Compressed pixels that pydicom has no decoder for: ITK decodes them, whatever kind of image they are in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1, RLELossless

from dicoms import enhanced, image, pixels_of, save
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.plain import DicomError
from DURNSuperResLib.scene.dicom.reading import compressed_frames, write_dataset
from DURNSuperResLib.scene.dicom.stacks import contents_of


def missing(data: Dataset) -> NDArray:
    raise RuntimeError("all plugins are missing dependencies")


@pytest.fixture
def no_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pydicom without one plugin, as many installations have it."""
    monkeypatch.setattr(Dataset, "pixel_array", property(missing))


def lossless_jpeg(pixels: NDArray, aside: Path) -> bytes:
    """One frame as lossless JPEG, the usual compression of archives; pydicom itself does not write it."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(aside))
    writer.SetImageIO("GDCMImageIO")
    writer.SetCompressor("JPEG")
    writer.UseCompressionOn()
    writer.Execute(sitk.GetImageFromArray(pixels[np.newaxis]))
    written = pydicom.dcmread(aside)
    assert written.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return next(iter(compressed_frames(written)))


def squeezed(data: FileDataset, frames: list[NDArray], path: Path) -> None:
    """Write a data set with these frames as lossless JPEG."""
    write_frames(data, [lossless_jpeg(frame, path.parent.with_name("aside.dcm")) for frame in frames], path)


def write_frames(data: FileDataset, frames: list[bytes], path: Path) -> None:
    data.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    data.PixelData = encapsulate(frames)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    path.parent.mkdir(exist_ok=True)
    write_dataset(data, path)


def frames_of(data: FileDataset) -> list[NDArray]:
    return list(np.frombuffer(data.PixelData, np.uint16).reshape(-1, data.Rows, data.Columns))


def rescaled(groups: Dataset, slope: float) -> None:
    groups.PixelValueTransformationSequence = [Dataset()]
    transformation = groups.PixelValueTransformationSequence[0]
    transformation.RescaleSlope, transformation.RescaleIntercept, transformation.RescaleType = slope, -7, "US"


def test_an_enhanced_image_has_a_scaling_for_each_frame(tmp_path: Path, no_decoders: None) -> None:
    data = enhanced()
    for groups in data.PerFrameFunctionalGroupsSequence:
        phase = groups.CardiacSynchronizationSequence[0].NominalCardiacTriggerDelayTime / 40
        rescaled(groups, 1 + phase / 4)
    squeezed(data, frames_of(data), tmp_path / "in" / "enhanced.dcm")
    (stack,) = contents_of(tmp_path / "in").stacks
    reader = PixelReader(stack)
    for phase in range(4):
        wanted = [pixels_of(place, phase) * (1 + phase / 4) - 7 for place in range(3)]
        assert_allclose(reader.phase(phase), wanted)


@pytest.mark.parametrize("tags", [{}, {"NumberOfFrames": 1}, {"RescaleSlope": 0.5, "RescaleIntercept": -3}])
def test_one_frame_that_counts_itself_is_one_frame(tmp_path: Path, no_decoders: None, tags: dict) -> None:
    for place in range(2):
        data = image(place, 0, "1.2.3.1", **tags)
        squeezed(data, frames_of(data), tmp_path / "in" / f"{place}.dcm")
    (stack,) = contents_of(tmp_path / "in").stacks
    wanted = np.stack([pixels_of(place, 0) for place in range(2)])
    found = PixelReader(stack).phase(0)
    assert_allclose(found, wanted * 0.5 - 3 if "RescaleSlope" in tags else wanted)


@pytest.mark.parametrize("signed", [False, True])
def test_twelve_bits_and_dark_high_values_are_as_with_a_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    stored = (pixels_of(1, 0).astype(np.int32) % 4096 - 2048 * signed).astype(np.int16)
    how = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": int(signed), "PixelData": stored.tobytes()}
    data = image(1, 0, "1.2.3.1", PhotometricInterpretation="MONOCHROME1", **how)
    data.compress(RLELossless, generate_instance_uid=False)
    save(data, tmp_path / "in" / "a.dcm")
    (stack,) = contents_of(tmp_path / "in").stacks
    wanted = PixelReader(stack).phase(0)
    monkeypatch.setattr(Dataset, "pixel_array", property(missing))
    assert np.array_equal(PixelReader(stack).phase(0), wanted)


def test_what_nothing_decodes_says_what_would(tmp_path: Path, no_decoders: None) -> None:
    write_frames(enhanced(), [b"\0\1" * 40] * 12, tmp_path / "in" / "a.dcm")
    (stack,) = contents_of(tmp_path / "in").stacks
    with pytest.raises(DicomError, match=r"JPEG Lossless.*: it is damaged, or pydicom lacks pylibjpeg"):
        PixelReader(stack).phase(0)
