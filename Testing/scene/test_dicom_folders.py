"""Folders as people keep them: links, a Mac's leavings, files without preamble; none is left out without a word."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicoms import enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.cohort.jobs import find_jobs
from DURNSuperResLib.scene.dicom.acquired import header_of
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.reading import files_below
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of

BICUBIC = ["--method", "bicubic", "--quiet"]
DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(2000)


def bare(path: Path, *, implicit: bool = True, little: bool = True) -> None:
    """Take preamble and file meta information away."""
    data = pydicom.dcmread(path)
    if not little:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, pydicom.Dataset(data), implicit_vr=implicit, little_endian=little)
    path.write_bytes(buffer.getvalue())


def static(folder: Path, ending: str = ".dcm", slices: int = 5) -> list[Path]:
    return [
        save(image(place, 0, "1.2.3.1", InstanceNumber=place + 1), folder / f"IM{place}{ending}")
        for place in range(slices)
    ]


def assert_whole(folder: Path, slices: int = 5) -> None:
    stack = choose_stack(contents_of(folder))
    assert (stack.slices, stack.refusal) == (slices, "")
    wanted = np.stack([pixels_of(place, 0) for place in range(slices)])
    assert np.array_equal(PixelReader(stack).phase(0), wanted)


@pytest.mark.parametrize("which", [slice(None), slice(2, 3), slice(4, 5)], ids=["all", "middle", "last"])
@pytest.mark.parametrize("ending", [".dcm", ""])
@pytest.mark.parametrize("syntax", [(True, True), (False, True), (False, False)], ids=["implicit", "explicit", "big"])
def test_files_without_preamble_are_read(tmp_path: Path, which: slice, ending: str, syntax: tuple[bool, bool]) -> None:
    paths = static(tmp_path / "in", ending)
    for path in paths[which]:
        bare(path, implicit=syntax[0], little=syntax[1])
    assert_whole(tmp_path / "in")
    if syntax == (True, True):
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(paths[4])))
        assert np.array_equal(theirs[0], pixels_of(4, 0))
    assert main(["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *BICUBIC]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_an_enhanced_image_without_preamble_is_read(tmp_path: Path) -> None:
    bare(save(enhanced(), tmp_path / "a"))
    assert choose_stack(contents_of(tmp_path)).phases == 4


def test_what_was_acquired_is_known_without_preamble_and_of_each_frame(tmp_path: Path) -> None:
    stated = {"AcquisitionMatrix": [0, 20, 12, 0], "InPlanePhaseEncodingDirection": "ROW"}
    path = save(image(0, 0, "1.2.3.1", **stated), tmp_path / "a")
    known = header_of(path)
    bare(path)
    assert header_of(path) == known == {"AcquisitionMatrix": "0\\20\\12\\0", "InPlanePhaseEncodingDirection": "ROW"}
    data = enhanced()
    for number, groups in enumerate(data.PerFrameFunctionalGroupsSequence):
        groups.MRFOVGeometrySequence = [pydicom.Dataset()]
        groups.MRFOVGeometrySequence[0].MRAcquisitionFrequencyEncodingSteps = 100 + number
    save(data, tmp_path / "enhanced")
    assert header_of(tmp_path / "enhanced", 7) == {"MRAcquisitionFrequencyEncodingSteps": "107"}


def test_a_preamble_without_a_transfer_syntax_is_read(tmp_path: Path) -> None:
    for path in static(tmp_path):
        content = path.read_bytes()
        start = content.index(b"\2\0\x10\0UI")
        length = 8 + int.from_bytes(content[start + 6 : start + 8], "little")
        group = int.from_bytes(content[140:144], "little") - length
        path.write_bytes(content[:140] + group.to_bytes(4, "little") + content[144:start] + content[start + length :])
    assert_whole(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x08\x00", b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", b"hello", bytes(5000)])
def test_what_is_no_dicom_stays_none(tmp_path: Path, content: bytes) -> None:
    static(tmp_path)
    (tmp_path / "other").write_bytes(content)
    contents = contents_of(tmp_path)
    assert (contents.other_files, contents.asides) == (1, ())


def test_what_a_mac_leaves_belongs_to_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for path in static(tmp_path / "in"):
        path.with_name(f"._{path.name}").write_bytes(DOUBLE)
    (tmp_path / "in" / "renamed.dcm").write_bytes(DOUBLE)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "in" / "._volume.nii.gz").write_bytes(DOUBLE)
    assert contents_of(tmp_path / "in").other_files == 7
    assert_whole(tmp_path / "in")
    assert choose_stack(contents_of(tmp_path / "in")).notes == ()
    cohort = find_jobs(tmp_path / "in", tmp_path / "out")
    assert [job.refusal for job in cohort.jobs] == [""]
    batch = ["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--recursive", *BICUBIC]
    assert main([*batch, "--dry-run"]) == 0
    assert "to do" in capsys.readouterr().out
    assert main(batch) == 0


def test_lists_and_reader_look_at_the_same_files(tmp_path: Path) -> None:
    """Also at names that begin with a dot."""
    paths = static(tmp_path / "in")
    paths[4].rename(paths[4].with_name(".hidden.dcm"))
    assert_whole(tmp_path / "in")
    (job,) = find_jobs(tmp_path / "in", tmp_path / "out").jobs
    assert len(job.files) == 5


def linked(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(os.path.relpath(target, link.parent), link)


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    write_cine(tmp_path / "archive")
    for place in range(3):
        linked(tmp_path / "all" / f"s{place}", tmp_path / "archive" / f"s{place}")
        linked(tmp_path / "again" / f"s{place}", tmp_path / "archive" / f"s{place}")
        linked(tmp_path / "again" / f"t{place}", tmp_path / "archive" / f"s{place}")
    shutil.copytree(tmp_path / "archive" / "s0", tmp_path / "half" / "s0")
    for place in (1, 2):
        linked(tmp_path / "half" / f"s{place}", tmp_path / "archive" / f"s{place}")
    for name in ("all", "again", "half"):
        stack = choose_stack(contents_of(tmp_path / name))
        assert (stack.slices, stack.phases, stack.notes) == (3, 4, ())
        (job,) = find_jobs(tmp_path / name, tmp_path / "out").jobs
        assert len(job.files) == 12


def test_links_that_lead_back_end(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_cine(tmp_path / "in")
    linked(tmp_path / "in" / "self", tmp_path / "in")
    linked(tmp_path / "in" / "above", tmp_path)
    linked(tmp_path / "in" / "s0" / "sister", tmp_path / "in" / "s1")
    linked(tmp_path / "far" / "round", tmp_path / "far")
    linked(tmp_path / "in" / "far", tmp_path / "far")
    assert len(list(files_below(tmp_path / "in"))) == 12
    stack = choose_stack(contents_of(tmp_path / "in"))
    assert (stack.slices, stack.phases, stack.refusal) == (3, 4, "")
    assert main(["info", str(tmp_path / "in")]) == 0
    assert "not entered" in capsys.readouterr().out


def test_what_lies_beside_a_stack_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_cine(tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("hello")
    save(image(0, 0, "1.2.3.9", SamplesPerPixel=3), tmp_path / "in" / "colour.dcm")
    for phase in range(4):
        four = image(7, phase, "1.2.3.8", SeriesDescription="4ch", ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
        save(four, tmp_path / "in" / f"4ch{phase}.dcm")
    assert main(["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out.seq.nrrd"), "--method", "bicubic"]) == 0
    text = capsys.readouterr().err
    assert "1 other stack, 1 file that was set aside, 1 file that is no DICOM" in text
