"""The study's table and the paper's protocol, on tiny runs and known figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
import yaml

from DURNSuperResLib.core.network.network import Durn, DurnConfig
from Training.data import SOURCES
from Training.paper import bicubic_figures, luma, main
from Training.study import multiply_adds
from Training.task import DurnTask

STUDY = Path(__file__).resolve().parents[2] / "Training" / "study.yaml"


def test_every_variant_of_the_study_can_be_built() -> None:
    study = yaml.safe_load(STUDY.read_text())
    assert set(study["common"]["sources"]) <= set(SOURCES)
    networks = {
        name: Durn(DurnConfig.from_dict({"scale": study["scale"], **architecture}))
        for name, architecture in study["variants"].items()
    }
    assert sum(p.numel() for p in networks["durn"].parameters()) == 536_442


def test_the_table_in_the_repository_is_of_this_study() -> None:
    """Names, order and parameters; who changes the study trains it again."""
    study = yaml.safe_load(STUDY.read_text())
    lines = (STUDY.parent / "STUDY.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines if line.startswith("| ")][1:]
    built = (Durn(DurnConfig.from_dict({"scale": study["scale"], **way})) for way in study["variants"].values())
    parameters = [f"{sum(p.numel() for p in network.parameters()):,}" for network in built]
    assert table == [list(row) for row in zip(study["variants"], parameters, strict=True)]
    assert f"{study['common']['max_steps']} steps" in "\n".join(lines)


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


def test_the_table_sets_a_trained_network_beside_bicubic_and_the_paper(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network that learned nothing is the bicubic it starts from, up to the rounding and the luma's own bicubic."""
    task = DurnTask(
        {"scale": 2, "channels": [4, 8], "urns": 1, "bicubic_skip": True},
        learning_rate=1e-3,
        warmup_steps=1,
        max_steps=2,
        validation_names=[],
    )
    for parameter in task.network.parameters():
        torch.nn.init.zeros_(parameter)
    checkpoint, table = tmp_path / "last.ckpt", tmp_path / "PAPER.md"
    torch.save({"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}, checkpoint)
    record = {"steps": 2, "hours": 0.1, "device": "CPU", "commit": "abc"}
    (tmp_path / "record.json").write_text(json.dumps(record))
    main([str(checkpoint), "--data", str(data), "--table", str(table)])
    text = table.read_text()
    assert capsys.readouterr().out.strip() in text
    set5, set14 = (text[text.index(f"| {name} |") :].split("\n\n")[0].splitlines() for name in ("Set5", "Set14"))
    bicubic, trained = (float(line.split("|")[2].split("/")[0]) for line in set5[2:4])
    assert trained == pytest.approx(bicubic, abs=0.05)
    assert [float(cell) for cell in set5[4].split("|")[2:5]] == [37.86, 33.96, 31.65]
    assert len(set14) == 4
    assert "x2: 2 steps in 0.1 h, CPU, commit abc." in text
