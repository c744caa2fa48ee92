"""The benchmark runs, counts operations right and reports what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from DURNSuperResLib.core.network.network import Durn, DurnConfig
from Testing.Benchmarks import benchmark, cost_picture, rivals


@pytest.mark.parametrize(("scale", "giga"), [(2, 8.76), (3, 8.82), (4, 8.93)])
def test_multiply_adds_of_the_literal_network(scale: int, giga: float) -> None:
    counted = benchmark.multiply_adds(Durn(DurnConfig(scale)), torch.rand(1, 1, 32, 32))
    assert 16 * counted / 1e9 == pytest.approx(giga, abs=0.006)  # stated for 128 x 128


def test_rivals_have_the_published_sizes() -> None:
    networks = rivals.edsr_baseline, rivals.rcan, rivals.lkmn_tiny, rivals.lkfmixer_tiny
    parameters = [sum(p.numel() for p in network(2).parameters()) / 1e6 for network in networks]
    assert parameters == pytest.approx([1.37, 15.4, 0.206, 0.194], rel=0.02)  # with three colours


def test_a_trial_run_prints_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    benchmark.main(["--quick", "--json", str(tmp_path / "f.json"), "--output", str(tmp_path / "f.md")])
    figures = json.loads((tmp_path / "f.json").read_text())
    assert capsys.readouterr().out == (tmp_path / "f.md").read_text()
    spline = figures["slice"]["SimpleITK B-spline"]["seconds"]
    for name, entry in figures["slice"].items():
        assert (
            f"| {name} | {1000 * entry['seconds']:.1f} | {entry['seconds'] / spline:.1f} |"
            in (tmp_path / "f.md").read_text()
        )
    assert 0 < figures["command"]["network"] < figures["command"]["seconds"]


def test_the_picture_of_costs_shows_what_is_scored_and_what_is_only_timed(tmp_path: Path) -> None:
    seconds = {"bicubic": 0.01, "durn-light, float32": 0.2, "durn-light, best quality": 1.6, "LKMN-T": 0.9}
    decibels = {"bicubic": 35.7, "durn-light": 38.6, "durn-light, best quality": 38.7}
    cost_picture._draw(seconds, decibels, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
