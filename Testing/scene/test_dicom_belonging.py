"""What belongs together: rounded or slightly tilted slices do; what does not is left out with a word and the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from dicoms import ALONG_COLUMN, ALONG_ROW, GAP, NORMAL, ORIGIN, image, pixels_of, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.plain import DicomError
from DURNSuperResLib.scene.dicom.stacks import Stack, choose_stack, contents_of
from DURNSuperResLib.viewer.images import read_image

BICUBIC = ["--method", "bicubic", "--quiet"]
SLICES = 5


def stack_with(folder: Path, **tags: object) -> Path:
    """Five slices, the last with some tags of its own."""
    for place in range(SLICES):
        own = tags if place == SLICES - 1 else {}
        save(image(place, 0, "1.2.3.1", InstanceNumber=place + 1, **own), folder / f"IM{place}.dcm")
    return folder


def tilted(angle: float) -> list[float]:
    """The orientation turned by an angle about the row's direction."""
    column = np.cos(angle) * ALONG_COLUMN + np.sin(angle) * NORMAL
    return [round(float(part), 9) for part in (*ALONG_ROW, *column)]


def turned(angle: float) -> list[float]:
    """The orientation turned by an angle within the plane."""
    row = np.cos(angle) * ALONG_ROW + np.sin(angle) * ALONG_COLUMN
    column = np.cos(angle) * ALONG_COLUMN - np.sin(angle) * ALONG_ROW
    return [round(float(part), 9) for part in (*row, *column)]


def assert_whole(stack: Stack) -> None:
    assert (stack.slices, stack.refusal) == (SLICES, "")
    assert np.array_equal(PixelReader(stack).phase(0), np.stack([pixels_of(n, 0) for n in range(SLICES)]))


@pytest.mark.parametrize("angle", [1e-6, 2e-4, 1e-3])
@pytest.mark.parametrize("turn", [tilted, turned])
def test_a_slice_turned_by_rounding_belongs_to_its_stack(tmp_path: Path, angle: float, turn: object) -> None:
    folder = stack_with(tmp_path, ImageOrientationPatient=turn(angle))  # type: ignore[operator]
    stack = choose_stack(contents_of(folder))
    assert_whole(stack)
    assert any("differs a little" in note for note in stack.notes) == (angle > 1e-5)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    assert reader.Execute().GetSize()[2] == SLICES


def test_orientations_that_alternate_are_one_stack(tmp_path: Path) -> None:
    for place in range(SLICES):
        tags = {"ImageOrientationPatient": turned(2e-4 * (-1) ** place), "InstanceNumber": place + 1}
        save(image(place, 0, "1.2.3.1", **tags), tmp_path / f"{place}.dcm")
    assert_whole(choose_stack(contents_of(tmp_path)))


def test_a_pixel_spacing_that_was_rounded_belongs_to_its_stack(tmp_path: Path) -> None:
    stack = choose_stack(contents_of(stack_with(tmp_path, PixelSpacing=[1.5004, 1.2503])))
    assert_whole(stack)
    assert stack.first.spacing == (1.5, 1.25)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"SequenceVariant": ["SS", "MP"]}, "SequenceVariant is SS\\MP, not SS"),
        ({"ScanningSequence": "EP"}, "ScanningSequence is EP, not GR"),
        ({"Rows": 18}, "24 x 18 pixels, not 24 x 20"),
        ({"PixelSpacing": [1.6, 1.6]}, "their pixels are 1.6 x 1.6 mm, not 1.25 x 1.5 mm"),
        ({"ImageOrientationPatient": turned(0.2)}, "another direction"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, "they show P, not M"),
        ({"SeriesInstanceUID": "1.2.3.8", "SequenceVariant": "MP"}, "SequenceVariant is MP, not SS"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "a colour image"),
    ],
    ids=["variant", "sequence", "matrix", "spacing", "direction", "kind", "a series of its own", "colour"],
)
def test_a_slice_that_is_left_out_is_told_with_file_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture, tags: dict, reason: str
) -> None:
    folder = stack_with(tmp_path / "in", **tags)
    stack = choose_stack(contents_of(folder))
    assert stack.slices == SLICES - 1
    (note,) = [note for note in stack.notes if "IM4.dcm" in note]
    assert reason in note
    assert main(["upscale", str(folder), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 0
    assert reason in capsys.readouterr().err
    assert main(["info", str(folder)]) == 0
    assert reason in capsys.readouterr().out
    assert any(reason in told for told in read_image(folder).notes)
    batch = ["upscale", str(folder), "-o", str(tmp_path / "all"), "--recursive", *BICUBIC]
    main([*batch, "--any-image", "--single-slice"])
    assert reason in (tmp_path / "all" / "report.json").read_text().replace("\\\\", "\\") or "colour" in reason


def test_a_cine_whose_last_slice_is_turned_a_little_is_whole(tmp_path: Path) -> None:
    for path in write_cine(tmp_path, slices=4).rglob("3_*.dcm"):
        data = pydicom.dcmread(path)
        data.ImageOrientationPatient = turned(2e-4)
        save(data, path)
    stack = choose_stack(contents_of(tmp_path))
    assert (stack.slices, stack.phases, stack.refusal) == (4, 4, "")


def oblique(seed: int) -> NDArray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0].T


@pytest.mark.parametrize(("places", "cosines"), [(1, 6), (2, 6), (3, 6), (6, 3), (6, 4), (1, 3)])
@pytest.mark.parametrize("seed", range(8))
def test_rounded_positions_and_cosines_are_taken(tmp_path: Path, places: int, cosines: int, seed: int) -> None:
    row, column, _ = oblique(seed)
    for n in range(8):
        position = np.array([-40.123, -30.456, 12.345]) + 8.0 * n * np.cross(row, column)
        tags = {
            "ImagePositionPatient": [float(v) for v in position.round(places)],
            "ImageOrientationPatient": [float(v) for v in np.round([*row, *column], cosines)],
            "InstanceNumber": n + 1,
        }
        save(image(n, 0, "1.2.3.1", **tags), tmp_path / f"{n}.dcm")
    stack = choose_stack(contents_of(tmp_path))
    assert (stack.slices, stack.refusal) == (8, "")
    assert stack.gap == pytest.approx(8, abs=0.03)


@pytest.mark.parametrize("shift", [0.8, 3.0])
def test_a_gap_that_is_no_rounding_is_refused(tmp_path: Path, shift: float) -> None:
    folder = stack_with(
        tmp_path, ImagePositionPatient=[round(float(v), 6) for v in ORIGIN + (GAP * (SLICES - 1) + shift) * NORMAL]
    )
    assert "one even gap is needed" in choose_refused(folder)


def choose_refused(folder: Path) -> str:
    (stack,) = contents_of(folder).stacks
    with pytest.raises(DicomError):
        choose_stack(contents_of(folder))
    return stack.refusal


@pytest.mark.parametrize("hint", [{}, {"SliceLocation": True}])
def test_a_stack_that_has_lost_its_positions_is_no_cine(
    tmp_path: Path, capsys: pytest.CaptureFixture, hint: dict
) -> None:
    for place in range(SLICES):
        tags = {"SliceLocation": 8.0 * place} if hint else {}
        lost = image(0, 0, "1.2.3.1", InstanceNumber=place + 1, TriggerTime=None, **tags)
        lost.PixelData = pixels_of(place, 0).tobytes()
        save(lost, tmp_path / "in" / f"{place}.dcm")
    assert "lost" in choose_refused(tmp_path / "in")
    assert main(["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out.seq.nrrd"), *BICUBIC]) == 1
    assert "positions" in capsys.readouterr().err
    told = ["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out.seq.nrrd"), *BICUBIC, "--order", "instance"]
    assert main(told) == (1 if hint else 0)


def test_a_cine_that_says_so_needs_no_times(tmp_path: Path) -> None:
    for tag in ("CardiacNumberOfImages", "NumberOfTemporalPositions"):
        folder = write_cine(tmp_path / tag, slices=1, TriggerTime=None, **{tag: 4})
        assert choose_stack(contents_of(folder)).phases == 4


@pytest.mark.parametrize("by", ["AcquisitionNumber", "AcquisitionTime"])
def test_a_slice_acquired_twice_is_taken_once(tmp_path: Path, by: str) -> None:
    number = 0
    for place in range(3):
        for again in range(2 if place == 1 else 1):
            for phase in range(4):
                number += 1
                value = 2 * place + again + 1 if by == "AcquisitionNumber" else f"12{place:02d}{30 * again:02d}.5"
                tags = {"InstanceNumber": number, by: value, "TriggerTime": 40.0 * phase + 2 * again}
                data = image(place, phase, "1.2.3.1", **tags)
                data.PixelData = (pixels_of(place, phase) + 7 * again).astype("<u2").tobytes()
                save(data, tmp_path / f"{number}.dcm")
    stack = choose_stack(contents_of(tmp_path))
    assert (stack.slices, stack.phases, len(stack.left_out)) == (3, 4, 4)
    assert any("slice 2 of 3 was acquired twice (8 images for 4 phases)" in note and by in note for note in stack.notes)
    for phase in range(4):
        wanted = np.stack([pixels_of(0, phase), pixels_of(1, phase) + 7, pixels_of(2, phase)])
        assert np.array_equal(PixelReader(stack).phase(phase), wanted)


def test_a_slice_acquired_twice_that_nothing_tells_apart_is_named(tmp_path: Path) -> None:
    number = 0
    for place in range(3):
        for again in range(2 if place == 1 else 1):
            for phase in range(4):
                number += 1
                tags = {"InstanceNumber": number, "TriggerTime": 40.0 * phase + 2 * again}
                save(image(place, phase, "1.2.3.1", **tags), tmp_path / f"{number}.dcm")
    with pytest.raises(DicomError, match=r"slice 2 of 3 was acquired twice \(8 images for 4 phases\)"):
        choose_stack(contents_of(tmp_path))


@pytest.mark.parametrize(("later", "taken"), [(15.0, 4), (25.0, 4), (-25.0, 4), (70.0, 0)])
def test_a_slice_with_a_later_trigger_is_taken_with_a_word(tmp_path: Path, later: float, taken: int) -> None:
    for place in range(4):
        for phase in range(6):
            time = 60 + 40.0 * phase + (later if place == 2 else 0)
            tags = {"TriggerTime": time, "SeriesNumber": place, "InstanceNumber": phase + 1}
            save(image(place, phase, f"1.2.3.{place}", **tags), tmp_path / f"{place}_{phase}.dcm")
    (stack,) = contents_of(tmp_path).stacks
    if taken:
        assert (stack.slices, stack.refusal) == (taken, "")
        told = [note for note in stack.notes if "slice 3 of 4 starts 25 ms" in note]
        assert len(told) == (abs(later) > 20)
    else:
        assert "slice 3 of 4 has a TriggerTime unlike that of the other slices" in stack.refusal
