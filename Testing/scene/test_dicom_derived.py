"""Derived DICOM series: valid, honest about what they are, in the right place, and without what must not be copied."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicoms import enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib import __version__
from DURNSuperResLib.core.engine import upscale_slices
from DURNSuperResLib.core.network.models import model_for
from DURNSuperResLib.scene.dicom.derived import COPIED, Scaling, check_folder, write_derived
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.plain import DicomError
from DURNSuperResLib.scene.dicom.stacks import Stack, choose_stack, contents_of


def derive(stack: Stack, folder: Path, *, scale: int = 2, method: str = "bicubic", overwrite: bool = False) -> Path:
    """The stack enlarged by bicubic interpolation and written; ``method`` is what the files claim."""
    reader = PixelReader(stack)

    def phases() -> Iterator[NDArray[np.float32]]:
        return (upscale_slices(reader.phase(number), scale, method="bicubic") for number in range(stack.phases))

    write_derived(stack, phases, folder, scale=scale, method=method, overwrite=overwrite)
    return folder


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return choose_stack(contents_of(write_cine(tmp_path / "in")))


def headers(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def errors_of(path: Path) -> set[str]:
    """The errors that dciodvfy finds, without the values that it quotes: UIDs differ from image to image."""
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    lines = (result.stdout + result.stderr).splitlines()
    return {re.sub(r"- \(0x.*<[^>]*>", "", line) for line in lines if line.startswith("Error")}


def corners(image: sitk.Image) -> NDArray[np.float64]:
    size = image.GetSize()
    ends = [[s - 0.5 if far else -0.5 for s, far in zip(size, c, strict=True)] for c in np.ndindex(2, 2, 2)]
    return np.array([image.TransformContinuousIndexToPhysicalPoint(end) for end in ends])


def volume(paths: list[Path]) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    return reader.Execute()


def test_the_new_series_reads_back_as_the_same_cine(stack: Stack, tmp_path: Path) -> None:
    again = choose_stack(contents_of(derive(stack, tmp_path / "out")))
    assert (again.slices, again.phases, again.times) == (stack.slices, stack.phases, stack.times)
    assert again.first.matrix == (40, 48)
    wanted = upscale_slices(PixelReader(stack).phase(2), 2, method="bicubic")
    assert_allclose(PixelReader(again).phase(2), wanted, atol=0.5 + 1e-3)
    assert not again.notes


@pytest.mark.parametrize("scale", [2, 3])
def test_the_field_of_view_stays_as_simpleitk_sees_it(stack: Stack, tmp_path: Path, scale: int) -> None:
    again = choose_stack(contents_of(derive(stack, tmp_path / "out", scale=scale)))
    before = volume([frame.path for frame in stack.frames[1]])
    after = volume([frame.path for frame in again.frames[1]])
    assert_allclose(corners(after), corners(before), atol=1e-4)


def test_every_image_says_what_it_is(stack: Stack, tmp_path: Path) -> None:
    out = headers(derive(stack, tmp_path / "out", method="durn"))
    card = model_for(2)
    sources = {frame.sop_instance: frame for phase in stack.frames for frame in phase}
    assert len({data.SOPInstanceUID for data in out}) == len(out) == 12
    assert not {data.SOPInstanceUID for data in out} & set(sources)
    assert {data.SeriesInstanceUID for data in out} == {out[0].SeriesInstanceUID}
    assert out[0].SeriesInstanceUID not in {frame.series for frame in sources.values()}
    for data in out:
        assert list(data.ImageType) == ["DERIVED", "SECONDARY", "M"]
        assert (data.StudyInstanceUID, data.FrameOfReferenceUID) == ("1.2.3", "1.2.3.9")
        assert data.SeriesDescription == "cine sax DURN x2"
        (reference,) = data.SourceImageSequence
        source = sources[reference.ReferencedSOPInstanceUID]
        assert float(data.TriggerTime) == source.times["TriggerTime"]
        assert [float(v) for v in data.PixelSpacing] == [0.75, 0.625]
        purpose = reference.PurposeOfReferenceCodeSequence[0]
        assert purpose.CodeValue == codes.DCM.SourceImageForImageProcessingOperation.value
        (equipment,) = data.ContributingEquipmentSequence
        assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == codes.DCM.ProcessingEquipment.value
        assert equipment.SoftwareVersions[:2] == [f"DURNSuperRes {__version__}", card.name]
        assert card.sha256 in equipment.ContributionDescription
        assert "not for diagnosis" in data.DerivationDescription
        assert data.DerivationCodeSequence[0].CodeValue == codes.DCM.SpatialResampling.value
        assert (data.BitsAllocated, data.BitsStored, data.PixelRepresentation) == (
            16,
            16,
            int(data.PixelRepresentation),
        )


SECRETS = ("OperatorsName", "StationName", "DeviceSerialNumber", "PatientComments", "OtherPatientIDs", "ImageComments")


def test_only_the_attributes_of_the_list_are_copied(tmp_path: Path) -> None:
    secrets = dict.fromkeys(
        (*SECRETS, "PatientAddress", "InstitutionAddress", "PerformingPhysicianName"), "SECRET TEXT"
    )
    source = choose_stack(contents_of(write_cine(tmp_path / "in", **secrets)))
    assert not set(secrets) & set(" ".join(COPIED.values()).split())
    for path in derive(source, tmp_path / "out").iterdir():
        data = pydicom.dcmread(path)
        assert not [element for element in data.iterall() if element.tag.is_private]
        content = path.read_bytes()
        assert not [
            text for text in (b"SECRET TEXT", b"Secret Hospital", b"Secret^Doctor", b"private") if text in content
        ]
        assert (data.PatientID, str(data.PatientName)) == ("secret-id", "Secret^Person")


def test_dciodvfy_finds_no_error_in_it(stack: Stack, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    assert errors_of(stack.first.path) == set()
    for path in sorted(derive(stack, tmp_path / "out", method="durn").iterdir())[::5]:
        assert errors_of(path) == set()


@pytest.mark.parametrize("name", ["cine_dicom", "sunnybrook_dicom/SC-N-02-static"])
def test_dciodvfy_finds_no_error_that_a_real_source_had_not(data: Path, tmp_path: Path, name: str) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian's dicom3tools) is not installed")
    stack = choose_stack(contents_of(data / "cmr" / name))
    path = sorted(derive(stack, tmp_path / "out").iterdir())[0]
    assert errors_of(path) <= errors_of(stack.first.path)


def test_highdicom_reads_it_in_the_same_place(stack: Stack, tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
    again = choose_stack(contents_of(derive(stack, tmp_path / "out")))
    datasets = [pydicom.dcmread(frame.path) for frame in again.frames[0]]
    theirs = highdicom.get_volume_from_series(datasets)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ again.ijk_to_ras
    places = np.array([affine[:3, :3] @ (i, j, k) + affine[:3, 3] for k, j, i in np.ndindex(3, 40, 48)])
    for corner in np.ndindex(2, 2, 2):
        (point,) = theirs.map_indices_to_reference(np.array([corner]) * (2, 39, 47))
        assert np.linalg.norm(places - point, axis=1).min() < 1e-3
    assert theirs.spatial_shape == (3, 40, 48)
    assert all(highdicom.imread(frame.path).pixel_array.shape == (40, 48) for frame in again.frames[0])


def test_an_enhanced_source_becomes_a_classic_series(tmp_path: Path) -> None:
    save(enhanced(), tmp_path / "in" / "multi.dcm")
    source = choose_stack(contents_of(tmp_path / "in"))
    out = headers(derive(source, tmp_path / "out"))
    assert {data.SOPClassUID for data in out} == {"1.2.840.10008.5.1.4.1.1.4"}
    assert sorted({float(data.TriggerTime) for data in out}) == [0.0, 40.0, 80.0, 120.0]
    frames = {data.SourceImageSequence[0].ReferencedFrameNumber for data in out}
    assert frames == set(range(1, 13))
    again = choose_stack(contents_of(tmp_path / "out"))
    wanted = upscale_slices(pixels_of(2, 1)[None], 2, method="bicubic")[0]
    assert_allclose(PixelReader(again).phase(1)[2], wanted, atol=0.5 + 1e-3)


def test_values_of_an_enhanced_source_become_those_of_a_classic_image(tmp_path: Path) -> None:
    data = enhanced(RepetitionTime=None, EchoTime=None)
    shared = data.SharedFunctionalGroupsSequence[0]
    shared.MRTimingAndRelatedParametersSequence, shared.MRFOVGeometrySequence = [Dataset()], [Dataset()]
    shared.MRTimingAndRelatedParametersSequence[0].RepetitionTime = 2.9499999999999997  # doubles, not decimal text
    shared.MRFOVGeometrySequence[0].PercentSampling = 78.94736842105263
    shared.MRFOVGeometrySequence[0].InPlanePhaseEncodingDirection = "COLUMN"
    shared.MREchoSequence = [Dataset()]
    shared.MREchoSequence[0].EffectiveEchoTime = 1.4700000000000002
    save(data, tmp_path / "in" / "multi.dcm")
    for image_ in headers(derive(choose_stack(contents_of(tmp_path / "in")), tmp_path / "out")):
        assert image_.InPlanePhaseEncodingDirection == "COL"
        for keyword, value in {"RepetitionTime": 2.95, "PercentSampling": 78.947368421, "EchoTime": 1.47}.items():
            assert float(image_[keyword].value) == pytest.approx(value)
            assert len(str(image_[keyword].value)) <= 16


@pytest.mark.parametrize("keyword", ["RepetitionTime", "SliceThickness", "WindowCenter", "HeartRate"])
def test_a_damaged_value_that_says_nothing_of_the_image_is_left_out(tmp_path: Path, keyword: str) -> None:
    for place in range(3):
        path = save(image(place, 0, "1.2.3.1", **{keyword: "7777", "WindowWidth": "9"}), tmp_path / "in" / f"{place}")
        path.write_bytes(path.read_bytes().replace(b"7777", b"7, 7"))
    out = headers(derive(choose_stack(contents_of(tmp_path / "in")), tmp_path / "out"))
    assert not any(image_.get(keyword) for image_ in out)


def test_a_source_without_names_says_so_in_every_way_it_did(tmp_path: Path) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113100", "DCM", "Basic Application Profile"
    code.add_new((0x0029, 0x0010), "LO", "MAKER PRIVATE")
    said = {"PatientIdentityRemoved": "YES", "LongitudinalTemporalInformationModified": "MODIFIED"}
    source = write_cine(tmp_path / "in", 2, 2, DeidentificationMethodCodeSequence=[code], **said)
    for image_ in headers(derive(choose_stack(contents_of(source)), tmp_path / "out")):
        assert {keyword: image_[keyword].value for keyword in said} == said
        (method,) = image_.DeidentificationMethodCodeSequence
        assert (method.CodeValue, len(method)) == ("113100", 3)


def test_units_and_signs_of_the_source_are_kept(tmp_path: Path) -> None:
    for place in range(2):
        data = image(place, 0, "1.2.3.1", RescaleSlope=0.25, RescaleIntercept=-600)
        save(data, tmp_path / "in" / f"{place}.dcm")
    source = choose_stack(contents_of(tmp_path / "in"))
    out = derive(source, tmp_path / "out")
    wanted = upscale_slices(PixelReader(source).phase(0), 2, method="bicubic")
    again = choose_stack(contents_of(out))
    assert wanted.min() < 0
    assert_allclose(PixelReader(again).phase(0), wanted, atol=0.125 + 1e-3)
    assert_allclose(sitk.GetArrayFromImage(volume([frame.path for frame in again.frames[0]])), wanted, atol=0.126)


def test_values_below_zero_are_stored_signed() -> None:
    scaling = Scaling(1.0, 0.0, signed=True)
    assert np.array_equal(scaling.stored(np.array([-3.4, 7.6])), np.array([-3, 8], np.int16))


def test_an_output_that_is_not_empty_is_kept_unless_told_otherwise(stack: Stack, tmp_path: Path) -> None:
    out = derive(stack, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(FileExistsError, match="--overwrite"):
        derive(stack, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    derive(stack, out, scale=3, overwrite=True)
    assert pydicom.dcmread(out / "IM_0001_0001.dcm").Rows == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_folder_with_other_files_is_never_replaced(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="holds other files"):
        derive(stack, tmp_path / "mine", overwrite=True)
    with pytest.raises(FileExistsError, match="holds other files"):
        check_folder(tmp_path / "in", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_full_disk_leaves_the_earlier_series(stack: Stack, tmp_path: Path, full_disk: Callable) -> None:
    out = derive(stack, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with full_disk(2000), pytest.raises(OSError, match="disk full"):
        derive(stack, out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_other_modalities_are_refused(tmp_path: Path) -> None:
    for place in range(2):
        data = image(place, 0, "1.2.3.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
        save(data, tmp_path / "in" / f"{place}.dcm")
    with pytest.raises(DicomError, match="for MR images"):
        derive(choose_stack(contents_of(tmp_path / "in")), tmp_path / "out")
    assert not (tmp_path / "out").exists()
