"""The study's table and the paper's protocol, on tiny runs and known figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from DURNSuperResLib.core.network import Durn, DurnConfig
from Training.data import SOURCES
from Training.paper import bicubic_figures, luma, main
from Training.study import multiply_adds

STUDY = Path(__file__).resolve().parents[2] / "Training" / "study.yaml"


def test_every_variant_of_the_study_can_be_built() -> None:
    study = yaml.safe_load(STUDY.read_text())
    assert set(study["common"]["sources"]) <= set(SOURCES)
    networks = {
        name: Durn(DurnConfig.from_dict({"scale": study["scale"], **architecture}))
        for name, architecture in study["variants"].items()
    }
    assert sum(p.numel() for p in networks["durn"].parameters()) == 536_442


def test_multiply_adds_of_the_literal_network_are_the_reference_count() -> None:
    assert multiply_adds(Durn(DurnConfig(2))) / 1e9 == pytest.approx(8.76, abs=0.01)


def test_luma_of_white_black_and_green() -> None:
    colours = np.array([[[255.0, 255, 255], [0, 0, 0], [0, 255, 0]]])
    assert luma(colours)[0] == pytest.approx([235, 16, 144.553])


@pytest.mark.parametrize(("scale", "decibels"), [(2, 33.69), (3, 30.41), (4, 28.43)])
def test_bicubic_on_set5_is_as_in_the_paper(data: Path, scale: int, decibels: float) -> None:
    paths = sorted((data / "natural" / "Set5").glob("*.png"))
    images = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64) for path in paths]
    assert np.mean([bicubic_figures(image, scale)[0] for image in images]) == pytest.approx(decibels, abs=0.01)


def test_the_command_prints_a_line_for_each_set_and_scale(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(data)])
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()][::3] == [["Set5", "x2"], ["Set14", "x2"]]
