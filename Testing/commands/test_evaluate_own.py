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


def test_wrong_use_is_said(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    wrong = {
        "--segment names a segment": ["evaluate", str(files[0]), "--segment", "LV"],
        "volumes of your own": ["evaluate", "--data", str(tmp_path), "--segmentation", str(files[1])],
        "has no segment": ["evaluate", str(files[0]), "--segmentation", str(files[1]), "--segment", "LV", *ASKED],
    }
    for words, command in wrong.items():
        assert cli.main(command) == 1
        assert words in capsys.readouterr().err
