"""What a DICOM folder holds: grouping, order in time, geometry, pixels, and refusals that say why."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.testing import assert_allclose
from pydicom.uid import RLELossless

from dicoms import ALONG_ROW, GAP, NORMAL, ORIGIN, SPACING, enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.plain import DicomError
from DURNSuperResLib.scene.dicom.planes import view_of
from DURNSuperResLib.scene.dicom.stacks import Contents, Stack, choose_stack, contents_of

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def only(folder: Path) -> Stack:
    contents = contents_of(folder)
    assert len(contents.stacks) == 1, [stack.descriptions for stack in contents.stacks]
    return contents.stacks[0]


def assert_unscrambled(stack: Stack, *, first: int = 0) -> None:
    """Every slice and phase is where its pixels say it is."""
    reader = PixelReader(stack)
    for phase in range(stack.phases):
        wanted = np.stack([pixels_of(first + place, phase) for place in range(stack.slices)])
        assert np.array_equal(reader.phase(phase), wanted)


def rewrite(path: Path, **tags: object) -> None:
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(data, name, value)
    save(data, path)


@pytest.mark.parametrize("series_a_slice", [True, False])
def test_parallel_slices_are_one_stack_in_exact_places(tmp_path: Path, series_a_slice: bool) -> None:
    stack = only(write_cine(tmp_path, series_a_slice=series_a_slice))
    assert (stack.slices, stack.phases, stack.refusal) == (3, 4, "")
    assert stack.times == (0.0, 40.0, 80.0, 120.0)
    assert stack.gap == pytest.approx(GAP, abs=1e-5)  # SliceThickness is 6
    lps = LPS_FROM_RAS @ stack.ijk_to_ras
    assert_allclose(lps[:3, 0], ALONG_ROW * SPACING[1], atol=1e-6)
    assert_allclose(lps[:3, 2], NORMAL * GAP, atol=1e-5)
    assert_allclose(lps[:3, 3], ORIGIN, atol=1e-6)
    assert_unscrambled(stack)


def test_the_cine_of_six_series_and_a_long_axis(data: Path) -> None:
    contents = contents_of(data / "cmr" / "cine_dicom")
    short, four = contents.stacks
    assert (short.slices, short.phases, short.view.name, short.view.guessed) == (6, 25, "short axis", True)
    assert short.gap == pytest.approx(17.7, abs=0.01)
    assert short.series_numbers == [7001, 8001, 9001, 10001, 11001, 12001]
    assert (four.slices, four.phases, four.view.name, four.view.guessed) == (1, 25, "four-chamber", False)
    assert not short.notes
    assert contents.other_files == 1
    assert choose_stack(contents) is short
    assert choose_stack(contents, "four-chamber") is four
    assert choose_stack(contents, "2") is four


def test_a_ragged_cine_keeps_its_complete_part_and_says_so(data: Path) -> None:
    stack = only(data / "cmr" / "sunnybrook_dicom" / "SC-N-02-ragged")
    assert (stack.slices, stack.phases, stack.times, len(stack.left_out)) == (4, 2, (348.0, 929.0), 2)
    names = [[frame.path.stem[-4:] for frame in phase] for phase in stack.frames]
    assert names == [["0088", "0068", "0048", "0028"], ["0100", "0080", "0060", "0040"]]
    assert {frame.path.stem[-4:] for frame in stack.left_out} == {"0020", "0108"}
    assert any("2 images left out" in note and "1 of 2 phases" in note for note in stack.notes)


def test_a_static_series_lies_where_simpleitk_puts_it(data: Path) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static"
    stack = only(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs = reader.Execute()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(theirs.GetDirection()).reshape(3, 3) * theirs.GetSpacing()
    matrix[:3, 3] = theirs.GetOrigin()
    assert_allclose(LPS_FROM_RAS @ stack.ijk_to_ras, matrix, atol=5e-6)
    assert np.array_equal(PixelReader(stack).phase(0), sitk.GetArrayFromImage(theirs))


def test_file_names_and_folders_do_not_matter(tmp_path: Path) -> None:
    write_cine(tmp_path / "in")
    for n, path in enumerate(sorted((tmp_path / "in").rglob("*.dcm"), key=lambda path: path.name[::-1])):
        target = tmp_path / "all" / f"deep{n % 4}" / f"{n * 7 % 12:03d}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    assert_unscrambled(only(tmp_path / "all"))


def test_trigger_times_of_slices_with_other_heart_rates_are_averaged(tmp_path: Path) -> None:
    for place, stretch in enumerate((0.9, 1.0, 1.1)):
        for phase in range(4):
            time = phase * 40.0 * stretch
            save(image(place, phase, f"1.2.3.{place}", TriggerTime=time), tmp_path / f"{place}_{phase}.dcm")
    stack = only(tmp_path)
    assert stack.times == (0.0, 40.0, 80.0, 120.0)
    assert not stack.refusal
    assert_unscrambled(stack)


def test_unlike_phases_are_never_joined(tmp_path: Path) -> None:
    for place in range(3):
        times = (0.0, 400.0) if place < 2 else (0.0, 90.0)
        for phase, time in enumerate(times):
            save(image(place, phase, "1.2.3.1", TriggerTime=time), tmp_path / f"{place}_{phase}.dcm")
    stack = only(tmp_path)
    assert (stack.slices, stack.phases) == (2, 2)
    assert any("unlike that of the other slices" in note for note in stack.notes)
    assert_unscrambled(stack)


def test_a_slice_that_lost_a_phase_leaves_a_hole_that_is_refused(tmp_path: Path) -> None:
    write_cine(tmp_path, slices=4)
    (tmp_path / "s1" / "1_2.dcm").unlink()
    stack = only(tmp_path)
    assert "a slice in its midst is not complete" in stack.refusal
    assert any("slice 2 of 4 has 3 of 4 phases" in note for note in stack.notes)
    with pytest.raises(DicomError, match="cannot be taken"):
        choose_stack(contents_of(tmp_path))


def test_a_phase_that_is_missing_everywhere_is_told(tmp_path: Path) -> None:
    write_cine(tmp_path, phases=6, CardiacNumberOfImages=6)
    for path in tmp_path.rglob("*_2.dcm"):
        path.unlink()
    notes = " ".join(only(tmp_path).notes)
    assert "unevenly spaced (40.0 to 80.0 ms)" in notes
    assert "CardiacNumberOfImages says 6" in notes


def test_without_trigger_times_the_next_best_tag_orders_and_is_named(tmp_path: Path) -> None:
    stack = only(write_cine(tmp_path, TriggerTime=None))
    assert not stack.timed
    assert any("in the order of InstanceNumber" in note for note in stack.notes)
    assert_unscrambled(stack)


def test_without_any_order_a_cine_is_refused(tmp_path: Path) -> None:
    stack = only(write_cine(tmp_path, TriggerTime=None, InstanceNumber=None))
    assert "no tag that tells its phases apart" in stack.refusal


def test_a_missing_slice_is_refused(tmp_path: Path) -> None:
    shutil.rmtree(write_cine(tmp_path, slices=4) / "s1")
    assert "8.00 to 16.00 mm apart" in only(tmp_path).refusal


def test_slices_shifted_sideways_are_refused(tmp_path: Path) -> None:
    write_cine(tmp_path, phases=1)
    path = tmp_path / "s1" / "1_0.dcm"
    position = np.array(pydicom.dcmread(path).ImagePositionPatient, dtype=float) + 2 * ALONG_ROW
    rewrite(path, ImagePositionPatient=[round(float(v), 6) for v in position])
    assert "shifted sideways" in only(tmp_path).refusal


def test_copies_are_left_out_and_false_copies_refused(tmp_path: Path) -> None:
    write_cine(tmp_path)
    shutil.copy(tmp_path / "s0" / "0_1.dcm", tmp_path / "copy.dcm")
    stack = only(tmp_path)
    assert any("copies" in note for note in stack.notes)
    assert_unscrambled(stack)
    rewrite(tmp_path / "copy.dcm", PixelData=pixels_of(7, 7).tobytes())
    assert "claim to be the same image" in only(tmp_path).refusal


def test_a_slice_taken_again_is_a_cine_of_its_own(tmp_path: Path) -> None:
    write_cine(tmp_path)
    for phase in range(4):
        again = image(1, phase, "1.2.3.50", SeriesNumber=50, SeriesDescription="cine sax")
        save(again, tmp_path / "again" / f"{phase}.dcm")
    stacks = contents_of(tmp_path).stacks
    assert [(stack.slices, stack.phases, stack.series_numbers) for stack in stacks] == [(3, 4, [1, 2, 3]), (1, 4, [50])]


def test_localisers_and_other_objects_are_set_aside(tmp_path: Path) -> None:
    write_cine(tmp_path)
    plan = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesNumber": 90, "SeriesDescription": "plan"}
    save(image(0, 0, "1.2.3.90", **plan), tmp_path / "plan.dcm")
    report = image(0, 0, "1.2.3.91", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    save(report, tmp_path / "report.dcm")
    save(image(0, 0, "1.2.3.92", SamplesPerPixel=3), tmp_path / "colour.dcm")
    for phase in range(3):  # a series for the inversion time, not for planning
        save(image(9, phase, "1.2.3.93", SeriesDescription="TI_scout"), tmp_path / f"ti{phase}.dcm")
    (tmp_path / "notes.txt").write_text("hello")
    contents = contents_of(tmp_path)
    assert {aside.path.name: aside.reason for aside in contents.asides} == {
        "plan.dcm": "a localiser",
        "report.dcm": "no image (Basic Text SR Storage)",
        "colour.dcm": "a colour image; grey levels are needed",
    }
    assert contents.other_files == 1
    assert [stack.descriptions for stack in contents.stacks] == [["cine sax"], ["TI_scout"]]
    assert_unscrambled(contents.stacks[0])


def test_studies_and_kinds_are_never_mixed(tmp_path: Path) -> None:
    write_cine(tmp_path)
    for phase in range(4):
        save(image(3, phase, "1.5.1", study="1.5"), tmp_path / "other" / f"{phase}.dcm")
        flow = image(3, phase, "1.2.3.60", ImageType=["ORIGINAL", "PRIMARY", "P"], SeriesNumber=60)
        save(flow, tmp_path / "flow" / f"{phase}.dcm")
    assert sorted(stack.slices for stack in contents_of(tmp_path).stacks) == [1, 1, 3]


def test_an_enhanced_image_is_the_same_cine(tmp_path: Path) -> None:
    save(enhanced(), tmp_path / "multi.dcm")
    stack = only(tmp_path)
    assert (stack.slices, stack.phases, stack.times) == (3, 4, (0.0, 40.0, 80.0, 120.0))
    assert_allclose((LPS_FROM_RAS @ stack.ijk_to_ras)[:3, 2], NORMAL * GAP, atol=1e-6)
    assert_unscrambled(stack)


def test_several_frames_without_places_are_set_aside(tmp_path: Path) -> None:
    save(image(0, 0, "1.2.3.1", NumberOfFrames=2, PixelData=pixels_of(0, 0).tobytes() * 2), tmp_path / "a.dcm")
    (aside,) = contents_of(tmp_path).asides
    assert "2 frames in one file without a place for each" in aside.reason


def test_rescaled_and_signed_pixels_come_in_their_units(tmp_path: Path) -> None:
    signed = (pixels_of(1, 0).astype(np.int16) - 1050).astype("<i2")
    save(image(0, 0, "1.2.3.1", RescaleSlope=0.5, RescaleIntercept=-7), tmp_path / "a.dcm")
    save(image(1, 0, "1.2.3.1", PixelRepresentation=1, PixelData=signed.tobytes()), tmp_path / "b.dcm")
    voxels = PixelReader(only(tmp_path)).phase(0)
    assert voxels.dtype == np.float32
    assert_allclose(voxels[0], pixels_of(0, 0) * 0.5 - 7)
    assert_allclose(voxels[1], pixels_of(1, 0).astype(float) - 1050)


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_a_damaged_scaling_is_refused(tmp_path: Path, keyword: str) -> None:
    scaling = {"RescaleSlope": "1", "RescaleIntercept": "0", keyword: "7777"}
    path = save(image(0, 0, "1.2.3.1", **scaling), tmp_path / "a")
    path.write_bytes(path.read_bytes().replace(b"7777", b"7, 7"))
    assert contents_of(tmp_path).asides[0].reason == f"has a damaged {keyword}"


def test_compressed_pixels_are_decoded(tmp_path: Path) -> None:
    write_cine(tmp_path / "in", slices=2, phases=2)
    for path in (tmp_path / "in").rglob("*.dcm"):
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        save(data, tmp_path / "rle" / path.name)
    assert_unscrambled(only(tmp_path / "rle"))


def test_pixels_that_pydicom_cannot_decode_go_to_itk_or_are_refused(tmp_path: Path) -> None:
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    plain, lossless = (bundled / name for name in ("MR_small.dcm", "MR_small_jp2klossless.dcm"))
    if not (plain.is_file() and lossless.is_file()):
        pytest.skip("this pydicom comes without its example files")
    for source in (plain, lossless):
        (tmp_path / source.stem).mkdir()
        shutil.copy(source, tmp_path / source.stem)
    wanted, found = (PixelReader(only(tmp_path / source.stem)).phase(0) for source in (plain, lossless))
    assert np.array_equal(found, wanted)
    path = next((tmp_path / lossless.stem).iterdir())
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(DicomError, match="cannot be decoded"):
        PixelReader(only(tmp_path / lossless.stem)).phase(0)


def test_damage_refuses_the_stack_it_belongs_to(tmp_path: Path) -> None:
    write_cine(tmp_path)
    path = tmp_path / "s1" / "1_1.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert "1_1.dcm is cut short" in only(tmp_path).refusal
    path.write_bytes(whole[:60])
    assert "1_1.dcm is damaged" in only(tmp_path).refusal
    path.write_bytes(whole)
    rewrite(path, ImagePositionPatient=None)
    assert "without ImagePositionPatient" in only(tmp_path).refusal


def test_damage_elsewhere_is_told_and_does_not_refuse(tmp_path: Path) -> None:
    write_cine(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.dcm").write_bytes(b"rubbish")
    stack = only(tmp_path)
    assert stack.refusal == ""
    assert any("damaged files elsewhere in the folder: 1" in note for note in stack.notes)


def test_several_candidates_are_listed(tmp_path: Path) -> None:
    write_cine(tmp_path / "a")
    for path in write_cine(tmp_path / "b", slices=2).rglob("*.dcm"):
        if path.is_relative_to(tmp_path / "b"):
            rewrite(path, StudyInstanceUID="1.9", SeriesDescription="cine sax again")
    contents = contents_of(tmp_path)
    with pytest.raises(DicomError, match=r"choose one with --series: 1: short axis, 3 slices.*2: short axis, 2 slices"):
        choose_stack(contents)
    assert choose_stack(contents, "cine SAX again").slices == 2
    with pytest.raises(DicomError, match="no stack called 'lvot'"):
        choose_stack(contents, "lvot")


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(DicomError, match="holds no DICOM image"):
        contents_of(tmp_path)


@pytest.mark.parametrize(
    ("description", "normal", "view"),
    [
        ("CINESAX", (0, 0, 1), "short axis"),
        ("cine_trufi_retro 4CH", (0, 0, 1), "four-chamber"),
        ("cine 2ch", (0, 0, 1), "two-chamber"),
        ("tfi lvot", (0, 0, 1), "three-chamber"),
        ("t1 map", (0, 0, 1), "axial"),
        ("t1 map", (0, 0.7071, 0.7071), "oblique"),
        ("cine", (0.48, -0.62, -0.62), "short axis (guess)"),
        ("cine", (0.05, 0.82, -0.57), "four-chamber (guess)"),
    ],
)
def test_views_are_named_from_description_or_guessed(description: str, normal: tuple, view: str) -> None:
    assert str(view_of(description, np.array(normal, dtype=float))) == view


def test_nothing_that_names_a_patient_is_kept_in_sight(tmp_path: Path) -> None:
    contents: Contents = contents_of(write_cine(tmp_path))
    assert "secret" not in repr(contents.stacks[0].first).lower()
