"""``durn-superres evaluate`` on a heart of one's own with a label file: borders, areas, a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DURNSuperResLib import cli
from evaluation.hearts import heart, mask, pixel

ASKED = ("--degradation", "kspace", "--scale", "2")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A volume of two slices and its label file."""
    parts = {
        "heart.nrrd": 1000 * np.stack([heart(25.0, 128), heart(20.0, 128)]),
        "heart.seg.nrrd": np.stack([mask(25.0, 128), mask(20.0, 128)]),
    }
    for name, voxels in parts.items():
        image = sitk.GetImageFromArray(voxels.astype(np.uint8 if "seg" in name else np.float32))
        image.SetSpacing((*pixel(128), 8.0))
        sitk.WriteImage(image, str(tmp_path / name))
    return tmp_path / "heart.nrrd", tmp_path / "heart.seg.nrrd"


def test_borders_and_areas_are_printed_and_reported(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    report = tmp_path / "report.json"
    words = ["evaluate", str(files[0]), "--segmentation", str(files[1]), "--report", str(report), *ASKED]
    assert cli.main(words) == 0
    printed = capsys.readouterr().out
    assert "border displacement, mm" in printed
    assert "limits of agreement, mm2" in printed
    figures = json.loads(report.read_text())["kspace x2"]
    assert 0 < figures["bicubic"]["border displacement, mm"]["mean"] < 1.0
    assert set(figures["durn-light"]["area error, %"]["volumes"]) == {"heart.nrrd"}
    page = report.with_suffix(".html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert cli.main(words) == 1  # there is a report already
    assert cli.main([*words, "--overwrite"]) == 0


def test_a_report_without_outlines_has_no_borders(files: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert cli.main(["evaluate", str(files[0]), "--report", str(report), *ASKED]) == 0
    figures = json.loads(report.read_text())["kspace x2"]
    assert "border displacement, mm" not in figures["bicubic"]
    assert report.with_suffix(".html").read_text().count("data:image/png;base64,") == 1


def saved(path: Path, voxels: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((*pixel(128), 8.0))
    sitk.WriteImage(image, str(path))
    return path


def test_volumes_of_one_name_are_two_patients(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measured matrix is found patient by patient, so one of 96 rows must not decide over one of 128."""
    for name, radius, size in (("a", 25.0, 128), ("b", 20.0, 96)):
        saved(tmp_path / name / "heart.nrrd", (1000 * heart(radius, 128)[None, :size, :size]).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "a/heart.nrrd", "b/heart.nrrd", "--json", "both.json", *ASKED]
    assert cli.main(words) == 0
    both = json.loads((tmp_path / "both.json").read_text())["own volumes"]["kspace"]["x2"]["durn"]["patients"]
    assert set(both) == {"a/heart.nrrd", "b/heart.nrrd"}
    for name in both:
        assert cli.main(["evaluate", name, "--json", "one.json", "--overwrite", *ASKED]) == 0
        one = json.loads((tmp_path / "one.json").read_text())["own volumes"]["kspace"]["x2"]["durn"]
        assert both[name]["psnr_db"] == pytest.approx(one["psnr_db"], abs=1e-9)
    assert cli.main(["evaluate", "a/heart.nrrd", "./a/heart.nrrd", *ASKED]) == 1
    assert "given twice" in capsys.readouterr().err


def test_slices_without_a_body_are_left_out_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Black, of one value, and with a speck in it: their figures would be no numbers, or end the command."""
    slices = np.zeros((4, 128, 128), dtype=np.float32)
    slices[1] = 1000 * heart(25.0, 128)
    slices[2] = 7
    slices[3, 60:64, 60:64] = 500
    path = saved(tmp_path / "padded.nrrd", slices)
    report = tmp_path / "report.json"
    assert cli.main(["evaluate", str(path), "--report", str(report), *ASKED]) == 0
    told = capsys.readouterr()
    assert "own volumes, kspace, x2: 1 slices" in told.out
    assert "padded.nrrd: 3 of 4 slices show no body" in told.err
    assert "kspace, x2: 1 slices" in report.with_suffix(".html").read_text()


def test_the_picture_is_of_a_slice_with_a_border_and_of_the_image_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Two volumes whose slices have the same names, outlined in different ones; a heart in the corner of the image."""
    whole = np.stack([1000 * heart(25.0, 128)] * 3).astype(np.float32)
    words = []
    for n, corner in enumerate((0, 44)):
        labels = np.zeros(whole.shape, dtype=np.uint8)
        labels[n] = mask(25.0, 128)
        for name, voxels in (("heart", whole), ("label", labels)):
            saved(tmp_path / f"{name}{n}.nrrd", voxels[:, corner:, corner:])
        words += ["--segmentation", str(tmp_path / f"label{n}.nrrd")]
    report = tmp_path / "report.json"
    volumes = [str(tmp_path / f"heart{n}.nrrd") for n in range(2)]
    assert cli.main(["evaluate", *volumes, *words, "--report", str(report), *ASKED]) == 0
    page = report.with_suffix(".html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "limits of agreement" in page
    told = "Means over 2 volumes; in brackets the 95 % bootstrap interval over the volumes; so few make it too narrow."
    assert told in page
    assert told in capsys.readouterr().out
    alone = tmp_path / "alone.json"
    assert cli.main(["evaluate", volumes[1], *words[2:], "--report", str(alone), *ASKED]) == 0
    page = alone.with_suffix(".html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "bootstrap" not in page
    assert "limits of agreement" not in page  # of one slice there are none, and no head stands alone


def test_a_volume_smaller_than_a_patch_has_a_report(tmp_path: Path) -> None:
    path = saved(tmp_path / "small.nrrd", (1000 * heart(25.0, 128)[None, 52:76, 52:76]).astype(np.float32))
    report = tmp_path / "report.json"
    assert cli.main(["evaluate", str(path), "--report", str(report), *ASKED]) == 0
    assert "kspace, x2: 1 slices" in report.with_suffix(".html").read_text()


def test_an_outline_that_cannot_be_measured_is_told(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    small = np.zeros((2, 128, 128), dtype=np.uint8)
    small[:, 63:65, 63:65] = 1
    label = saved(tmp_path / "small.nrrd", small)
    assert cli.main(["evaluate", str(files[0]), "--segmentation", str(label), *ASKED]) == 0
    told = capsys.readouterr()
    assert "heart.nrrd: its outline shows no border to measure" in told.err
    assert "border displacement" not in told.out


def test_what_cannot_be_done_is_said_before_the_work(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files[0].read_bytes()
    away = np.zeros((2, 128, 128), dtype=np.uint8)
    saved(tmp_path / "empty.nrrd", away)
    (tmp_path / "old.json").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.nii").write_bytes(b"")
    image = sitk.ReadImage(str(files[0]))
    for name in ("cut.nii", "cut.nii.gz"):
        sitk.WriteImage(image, name)
        Path(name).write_bytes(Path(name).read_bytes()[:-500])
    wrong = {
        "no voxel of empty.nrrd": ["heart.nrrd", "--segmentation", "empty.nrrd"],
        "need as many label files": ["heart.nrrd", "--segmentation", "empty.nrrd", "--segmentation", "heart.seg.nrrd"],
        "folder nowhere does not exist": ["heart.nrrd", "--json", "nowhere/figures.json"],
        "must end in one of .json": ["heart.nrrd", "--json", "heart.nrrd", "--overwrite"],
        "old.json exists": ["heart.nrrd", "--json", "old.json"],
        "are both r.json": ["heart.nrrd", "--json", "r.json", "--report", "r.json"],
        "leave --degradation interpolated away": ["heart.nrrd", "--degradation", "interpolated", "--report", "r.json"],
        "which degradations are taken": ["--data", ".", "--protocol", "targets", "--degradation", "noise"],
        "folder is a folder; give volumes in files": ["folder"],
        "missing.nrrd cannot be read: it does not exist": ["missing.nrrd"],
        "cut.nii is cut short": ["cut.nii"],
        "cut.nii.gz cannot be read": ["cut.nii.gz"],
    }
    for words, command in wrong.items():
        assert cli.main(["evaluate", *command, "--scale", "2"]) == 1
        told = capsys.readouterr()
        assert words in told.err
        assert not told.out
    assert files[0].read_bytes() == before
    assert (tmp_path / "old.json").read_text() == "precious"


def test_wrong_use_is_said(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    wrong = {
        "--segment names a segment": ["evaluate", str(files[0]), "--segment", "LV"],
        "volumes of your own": ["evaluate", "--data", str(tmp_path), "--segmentation", str(files[1])],
        "has no segment": ["evaluate", str(files[0]), "--segmentation", str(files[1]), "--segment", "LV", *ASKED],
    }
    for words, command in wrong.items():
        assert cli.main(command) == 1
        assert words in capsys.readouterr().err
