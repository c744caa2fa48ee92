"""What a DICOM image is: magnitude or phase, grey or colour, one slice or a mosaic, high values bright or dark."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from pydicom.dataset import Dataset, FileDataset

from dicoms import ENHANCED_MR, enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.cine import load_cine, load_static
from DURNSuperResLib.scene.dicom.derived import write_derived
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.reading import write_dataset
from DURNSuperResLib.scene.dicom.stacks import Contents, choose_stack, contents_of
from DURNSuperResLib.scene.nodes import VolumeError
from DURNSuperResLib.scene.sequences import shown_by_proxy, upscale_sequence
from DURNSuperResLib.scene.volumes import upscale_volume
from DURNSuperResLib.viewer.images import read_image

BICUBIC = ["--method", "bicubic", "--quiet"]
pytestmark = pytest.mark.usefixtures("scene")


def components(folder: Path, stated: list[str], *, types: bool = False, index: tuple[int, int]) -> Path:
    """An enhanced image with the cine of three slices and two phases once for each component; ``index`` is how far
    TemporalPositionIndex counts on from component to component, and from frame to frame.
    """
    data = enhanced(3, 2)
    frames, pixels = list(data.PerFrameFunctionalGroupsSequence), data.pixel_array
    every, images = [], []
    for c, name in enumerate(stated):
        for n, frame in enumerate(frames):
            groups = Dataset()
            groups.PlanePositionSequence = frame.PlanePositionSequence
            groups.CardiacSynchronizationSequence = frame.CardiacSynchronizationSequence
            kind = Dataset()
            kind.FrameType = ["ORIGINAL", "PRIMARY", name[0] if types else "CINE", "NONE"]
            if not types:
                kind.ComplexImageComponent = name
            groups.MRImageFrameTypeSequence = [kind]
            content = Dataset()
            content.TemporalPositionIndex = 1 + index[0] * c + index[1] * (n % 2)
            groups.FrameContentSequence = [content]
            every.append(groups)
            images.append(pixels[n] if c == 0 else 4095 - pixels[n] // 2)
    data.PerFrameFunctionalGroupsSequence, data.NumberOfFrames = every, len(every)
    data.ImageType, data.ComplexImageComponent = ["ORIGINAL", "PRIMARY", "MIXED", "NONE"], "MIXED"
    data.PixelData = np.stack(images).astype("<u2").tobytes()
    save(data, folder / "a.dcm")
    return folder


def refusal(folder: Path) -> str:
    """What an upscaling of a folder's stack says; empty if it goes well."""
    stack = choose_stack(contents_of(folder))
    try:
        if stack.phases > 1:
            upscale_sequence(load_cine(stack), method="bicubic")
        else:
            upscale_volume(load_static(stack), method="bicubic")
    except VolumeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("types", [False, True])
@pytest.mark.parametrize("other", ["PHASE", "REAL", "IMAGINARY"])
@pytest.mark.parametrize("index", [(0, 0), (2, 1), (1, 0)], ids=["one", "counted on", "of the component"])
def test_components_of_one_enhanced_image_are_stacks_of_their_own(
    tmp_path: Path, types: bool, other: str, index: tuple[int, int]
) -> None:
    contents = contents_of(components(tmp_path, ["MAGNITUDE", other], types=types, index=index))
    assert [(stack.slices, stack.phases, stack.refusal) for stack in contents.stacks] == [(3, 2, "")] * 2
    chosen = choose_stack(contents)
    assert any(note.startswith("left out: 6 images") for note in chosen.notes)
    for phase in range(2):
        wanted = np.stack([pixels_of(place, phase) for place in range(3)])
        assert np.array_equal(PixelReader(chosen).phase(phase), wanted)
    assert not refusal(tmp_path)
    (rest,) = [stack for stack in contents.stacks if stack.number != chosen.number]
    with pytest.raises(VolumeError, match="phase image" if other == "PHASE" else "part of complex images"):
        upscale_sequence(load_cine(rest), method="bicubic")


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "phase image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "OTHER", "PHASE MAP"]}, "phase image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "VELOCITY", "NONE"]}, "phase image"),
        ({"ComplexImageComponent": "PHASE"}, "phase image"),
        ({"ComplexImageComponent": "REAL"}, "real part"),
        ({"ComplexImageComponent": "IMAGINARY"}, "imaginary part"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "R", "ND"]}, "real part"),
        ({"ComplexImageComponent": "MAGNITUDE"}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "CINE", "NONE"], "ComplexImageComponent": "MAGNITUDE"}, ""),
    ],
)
@pytest.mark.parametrize("multi", [False, True])
def test_no_component_but_magnitude_is_enlarged(
    tmp_path: Path, capsys: pytest.CaptureFixture, tags: dict, said: str, multi: bool
) -> None:
    if multi:
        save(enhanced(**tags), tmp_path / "in" / "a.dcm")
    else:
        write_cine(tmp_path / "in", **tags)
    assert said in refusal(tmp_path / "in")
    command = ["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out.seq.nrrd"), *BICUBIC]
    assert main(command) == (1 if said else 0)
    assert said in capsys.readouterr().err
    shown = read_image(tmp_path / "in")  # the viewer's way
    if said:
        assert any("--any-image takes them" in note for note in shown.notes)
        with pytest.raises(VolumeError, match=said):
            upscale_sequence(shown.source, method="bicubic")
    assert main([*command, "--any-image", "--overwrite"]) == 0


def test_a_private_image_kind_of_a_maker_is_believed(tmp_path: Path) -> None:
    for place in range(3):
        data = image(place, 0, "1.2.3.1", ImageType=["ORIGINAL", "PRIMARY", "OTHER"])
        data.add_new((0x0043, 0x0010), "LO", "GEMS_PARM_01")
        data.add_new((0x0043, 0x102F), "SS", 1)
        save(data, tmp_path / f"{place}.dcm")
    assert "phase image" in refusal(tmp_path)


def test_values_come_from_standard_places_only(tmp_path: Path) -> None:
    """A private sequence in a frame with a second header: other UIDs, another place, another rescaling."""
    data = enhanced()
    for frame in data.PerFrameFunctionalGroupsSequence:
        other = Dataset()
        other.SOPInstanceUID, other.SOPClassUID, other.StudyInstanceUID = "9.9.9", "9.9", "9.8"
        other.ImagePositionPatient, other.RescaleSlope, other.TemporalPositionIndex = [1, 2, 3], 7, 1
        other.ImageType = ["ORIGINAL", "PRIMARY", "P"]
        frame.add_new((0x2005, 0x0010), "LO", "Philips MR Imaging DD 005")
        frame.add_new((0x2005, 0x140F), "SQ", [other])
    save(data, tmp_path / "in" / "a.dcm")
    stack = choose_stack(contents_of(tmp_path / "in"))
    assert (stack.slices, stack.phases, stack.first.sop_instance) == (3, 4, data.SOPInstanceUID)
    assert stack.first.study == data.StudyInstanceUID
    assert not stack.first.stored.rescaled
    larger = [np.repeat(np.repeat(PixelReader(stack).phase(n), 2, 1), 2, 2) for n in range(4)]
    write_derived(stack, lambda: larger, tmp_path / "out", scale=2, method="bicubic")
    again = choose_stack(contents_of(tmp_path / "out"))
    from pydicom import dcmread

    for path in {frame.path for frame in again.every_frame}:
        (reference,) = dcmread(path).SourceImageSequence
        assert (reference.ReferencedSOPInstanceUID, reference.ReferencedSOPClassUID) == (
            data.SOPInstanceUID,
            ENHANCED_MR,
        )


def painted(data: FileDataset) -> FileDataset:
    index = np.clip(np.frombuffer(data.PixelData, "<u2") // 20, 0, 255).astype(np.uint8)
    data.PhotometricInterpretation, data.BitsAllocated, data.BitsStored, data.HighBit = "PALETTE COLOR", 8, 8, 7
    data.PixelData = index.tobytes()
    data["PixelData"].VR = "OB"
    for colour in ("Red", "Green", "Blue"):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(data, f"{colour}PaletteColorLookupTableData", (np.arange(256, dtype="<u2") * 257).tobytes())
    return data


def set_aside(contents: Contents) -> set[str]:
    assert not contents.stacks
    return {aside.reason for aside in contents.asides}


@pytest.mark.parametrize("colours", ["PALETTE COLOR", "RGB", "YBR_FULL"])
def test_colours_are_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture, colours: str) -> None:
    for place in range(3):
        data = painted(image(place, 0, "1.2.3.1"))
        data.PhotometricInterpretation = colours
        save(data, tmp_path / f"{place}.dcm")
    assert set_aside(contents_of(tmp_path)) == {"a colour image; grey levels are needed"}
    assert main(["upscale", str(tmp_path), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 1
    assert "colour image" in capsys.readouterr().err


def test_a_supplemental_palette_does_not_make_colours(tmp_path: Path) -> None:
    for place in range(3):
        data = painted(image(place, 0, "1.2.3.1"))
        data.PhotometricInterpretation = "MONOCHROME2"
        save(data, tmp_path / f"{place}.dcm")
    assert choose_stack(contents_of(tmp_path)).slices == 3


DIRECTORY = "1.2.840.10008.1.3.10"
SCREENSHOT, ULTRASOUND, SPECTRUM = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("7", "6.1", "4.2"))
NOWHERE = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "PixelSpacing": None}


@pytest.mark.parametrize("series", ["1.2.3.1", "1.2.3.9"], ids=["same series", "another series"])
def test_what_has_no_place_by_its_nature_is_not_taken_for_damage(tmp_path: Path, series: str) -> None:
    write_cine(tmp_path, 3, 2, series_a_slice=False)
    save(image(0, 0, series, SOPClassUID=SCREENSHOT, **NOWHERE), tmp_path / "page.dcm")
    save(image(0, 0, series, SOPClassUID=ULTRASOUND, **NOWHERE), tmp_path / "echo.dcm")
    save(image(0, 0, series, SOPClassUID=SPECTRUM, BitsAllocated=None, PixelData=None), tmp_path / "spectrum.dcm")
    contents = contents_of(tmp_path)
    assert {aside.path.name: (aside.reason, aside.damaged) for aside in contents.asides} == {
        "page.dcm": ("no slice of a volume (Secondary Capture Image Storage)", False),
        "echo.dcm": ("no slice of a volume (Ultrasound Image Storage)", False),
        "spectrum.dcm": ("no image (MR Spectroscopy Storage)", False),
    }
    stack = choose_stack(contents)
    assert (stack.slices, stack.phases) == (3, 2)
    assert not [note for note in stack.notes if "damaged" in note]


def test_a_batch_does_not_fail_for_a_screenshot(tmp_path: Path) -> None:
    write_cine(tmp_path / "in" / "cine", 3, 2)
    save(image(0, 0, "1.2.9.1", "1.2.9", SOPClassUID=SCREENSHOT, **NOWHERE), tmp_path / "in" / "pages" / "1.dcm")
    assert main(["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--recursive", *BICUBIC]) == 0


def test_a_screenshot_with_a_place_is_taken_and_an_mr_image_without_one_is_damaged(tmp_path: Path) -> None:
    save(image(0, 0, "1.2.3.1", SOPClassUID=SCREENSHOT), tmp_path / "a" / "1.dcm")
    assert choose_stack(contents_of(tmp_path / "a")).slices == 1
    save(image(0, 0, "1.2.3.1", **NOWHERE), tmp_path / "b" / "1.dcm")
    assert contents_of(tmp_path / "b").asides[0].damaged


def test_a_directory_of_a_disc_is_named(tmp_path: Path) -> None:
    write_cine(tmp_path, 3, 2)
    meta = image(0, 0, "1.2.3.1").file_meta
    meta.MediaStorageSOPClassUID = DIRECTORY
    directory = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    directory.FileSetID, directory.DirectoryRecordSequence = "DISC", []
    write_dataset(directory, tmp_path / "DICOMDIR")
    contents = contents_of(tmp_path)
    assert [aside.reason for aside in contents.asides] == ["no image (Media Storage Directory Storage)"]
    assert choose_stack(contents).phases == 2


def csa_header(count: int) -> bytes:
    name = b"NumberOfImagesInMosaic".ljust(64, b"\0")
    item = struct.pack("<4i", 4, 4, 77, 4) + str(count).encode().ljust(4, b"\0")
    return b"SV10\4\3\2\1" + struct.pack("<2i", 1, 77) + name + struct.pack("<i4s3i", 1, b"US\0\0", 6, 6, 77) + item


@pytest.mark.parametrize("how", ["image type", "private count", "CSA header"])
def test_mosaics_are_set_aside(tmp_path: Path, how: str) -> None:
    write_cine(tmp_path / "in")
    for phase in range(3):
        data = image(0, phase, "1.2.3.9", SeriesNumber=9)
        if how == "image type":
            data.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        elif how == "private count":
            data.add_new((0x0019, 0x0010), "LO", "SIEMENS MR HEADER")
            data.add_new((0x0019, 0x100A), "US", 36)
        else:
            data.add_new((0x0029, 0x0010), "LO", "SIEMENS CSA HEADER")
            data.add_new((0x0029, 0x1010), "OB", csa_header(36))
        save(data, tmp_path / "in" / f"m{phase}.dcm")
    contents = contents_of(tmp_path / "in")
    assert [stack.phases for stack in contents.stacks] == [4]
    assert {(aside.reason.partition(":")[0], aside.damaged) for aside in contents.asides} == {("a mosaic", False)}


def test_what_is_no_mosaic_is_taken(tmp_path: Path) -> None:
    """Enhanced images keep the word without being one; a count of one or none is no mosaic."""
    save(enhanced(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), tmp_path / "enhanced" / "a.dcm")
    assert choose_stack(contents_of(tmp_path / "enhanced")).phases == 4
    for count in (0, 1):
        folder = tmp_path / f"csa{count}"
        for place in range(3):
            data = image(place, 0, "1.2.3.1")
            data.add_new((0x0029, 0x0010), "LO", "SIEMENS CSA HEADER")
            data.add_new((0x0029, 0x1010), "OB", csa_header(count))
            save(data, folder / f"{place}.dcm")
        assert choose_stack(contents_of(folder)).slices == 3


def inverted(data: FileDataset, bits: int = 12) -> FileDataset:
    pixels = np.frombuffer(data.PixelData, "<u2").astype(int)
    data.PixelData = (2**bits - 1 - pixels).astype("<u2").tobytes()
    data.PhotometricInterpretation, data.BitsStored, data.HighBit = "MONOCHROME1", bits, bits - 1
    return data


@pytest.mark.parametrize("bits", [12, 16])
def test_dark_high_values_are_turned_as_simpleitk_does(tmp_path: Path, bits: int) -> None:
    for place in range(3):
        save(inverted(image(place, 0, "1.2.3.1"), bits), tmp_path / "in" / f"{place}.dcm")
    stack = choose_stack(contents_of(tmp_path / "in"))
    voxels = PixelReader(stack).phase(0)
    assert np.array_equal(voxels, np.stack([pixels_of(place, 0) for place in range(3)]))
    for place, frame in enumerate(stack.frames[0]):
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(frame.path)))[0], voxels[place])


def test_dark_high_values_are_turned_in_every_form(tmp_path: Path) -> None:
    save(inverted(enhanced()), tmp_path / "enhanced" / "a.dcm")
    stack = choose_stack(contents_of(tmp_path / "enhanced"))
    for phase in range(4):
        wanted = np.stack([pixels_of(place, phase) for place in range(3)])
        assert np.array_equal(PixelReader(stack).phase(phase), wanted)
    rescaled = inverted(image(0, 0, "1.2.3.1", RescaleSlope=2, RescaleIntercept=-5))
    signed = image(1, 0, "1.2.3.1", PixelRepresentation=1, PhotometricInterpretation="MONOCHROME1")
    signed.PixelData = (-1 - pixels_of(1, 0).astype(np.int16)).astype("<i2").tobytes()
    for n, data in enumerate((rescaled, signed)):
        save(data, tmp_path / "mixed" / f"{n}.dcm")
    voxels = PixelReader(choose_stack(contents_of(tmp_path / "mixed"))).phase(0)
    assert np.array_equal(voxels[0], pixels_of(0, 0) * 2.0 - 5)
    assert np.array_equal(voxels[1], pixels_of(1, 0))


def test_dicom_output_shows_high_values_bright(tmp_path: Path) -> None:
    for place in range(3):
        data = inverted(image(place, 0, "1.2.3.1", WindowCenter=3000, WindowWidth=500))
        save(data, tmp_path / "in" / f"{place}.dcm")
    assert main(["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *BICUBIC]) == 0
    from pydicom import dcmread

    for path in (tmp_path / "out").iterdir():
        written = dcmread(path)
        assert written.PhotometricInterpretation == "MONOCHROME2"
        assert "WindowCenter" not in written
    voxels = PixelReader(choose_stack(contents_of(tmp_path / "out"))).phase(0)
    assert abs(float(voxels.mean()) - float(np.mean([pixels_of(n, 0) for n in range(3)]))) < 5


@pytest.mark.parametrize(
    "name", ["PixelRepresentation", "PhotometricInterpretation", "SamplesPerPixel", "BitsStored", "HighBit"]
)
def test_what_says_how_pixels_are_stored_may_be_missing(tmp_path: Path, name: str) -> None:
    for place in range(3):
        save(image(place, 0, "1.2.3.1", **{name: None}), tmp_path / f"{place}.dcm")
    voxels = PixelReader(choose_stack(contents_of(tmp_path))).phase(0)
    assert np.array_equal(voxels, np.stack([pixels_of(place, 0) for place in range(3)]))


def test_an_enhanced_image_need_not_count_its_frames(tmp_path: Path) -> None:
    data = enhanced()
    del data.NumberOfFrames
    save(data, tmp_path / "a.dcm")
    stack = choose_stack(contents_of(tmp_path))
    assert (stack.slices, stack.phases) == (3, 4)
    assert np.array_equal(PixelReader(stack).phase(2), np.stack([pixels_of(place, 2) for place in range(3)]))


@pytest.mark.parametrize("name", ["BitsAllocated", "Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"])
def test_what_is_missing_is_named_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture, name: str) -> None:
    for place in range(3):
        save(image(place, 0, "1.2.3.1", **{name: None}), tmp_path / f"{place}.dcm")
    assert main(["upscale", str(tmp_path), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert "Error" not in text
    assert "object has no attribute" not in text
    assert text.count("\n") == 1


def test_the_loaded_nodes_know_their_kind(tmp_path: Path) -> None:
    write_cine(tmp_path, ScanningSequence="EP")
    node = load_cine(choose_stack(contents_of(tmp_path)))
    assert isinstance(node, slicer.vtkMRMLSequenceNode)
    said = {name: node.GetAttribute(f"DICOM.{name}") for name in ("Modality", "ScanningSequence", "ImageType")}
    assert said == {"Modality": "MR", "ScanningSequence": "EP", "ImageType": "\\\\M"}


def test_the_volume_that_shows_a_cine_knows_its_kind(tmp_path: Path) -> None:
    sequence = load_cine(choose_stack(contents_of(write_cine(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "P"]))))
    for cine in (sequence, shown_by_proxy(sequence)):
        with pytest.raises(VolumeError, match="phase image"):
            (upscale_volume if cine.IsA("vtkMRMLVolumeNode") else upscale_sequence)(cine, method="bicubic")
