"""The page of evidence on analytic hearts: the same bytes each time, whole, and telling where DURN is no better."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from DURNSuperResLib.evaluation import summary
from DURNSuperResLib.evaluation.claim import ITEMS
from DURNSuperResLib.evaluation.evidence import DEGRADATION, SIEMENS, Evidence
from DURNSuperResLib.evaluation.evidence_page import page, write_page
from DURNSuperResLib.evaluation.findings import Finding, examine
from DURNSuperResLib.evaluation.methods import CLASSICAL, compared
from DURNSuperResLib.evaluation.motion import Steadiness
from DURNSuperResLib.evaluation.outlined import DIASTOLE, SYSTOLE, Outlined
from evaluation.hearts import heart, mask, pixel

HEARTS = (("SC-N-07", 25.0, DIASTOLE), ("SC-N-07", 18.0, SYSTOLE), ("SC-HYP-08", 22.0, DIASTOLE))


def outlined() -> tuple[Outlined, ...]:
    return tuple(
        Outlined(patient, f"{patient}-{n}", phase, heart(radius), mask(radius), pixel(256))
        for n, (patient, radius, phase) in enumerate(HEARTS)
    )


@pytest.fixture(scope="module")
def found() -> Evidence:
    slices = outlined()
    findings = examine(slices, 2, DEGRADATION, compared(2), 144)
    plain = [dataclasses.replace(one, patient=SIEMENS, mask=np.zeros_like(one.mask)) for one in slices]
    others = examine(plain, 2, DEGRADATION, compared(2), None)
    rows = (Steadiness("a cine", "before", 1.0, 0.5, 8.0), Steadiness("a cine", "bicubic", 0.9, 0.5, 8.0))
    return Evidence(slices, {2: findings}, {2: others}, rows, frozenset({"a cine"}))


def test_the_same_hearts_give_the_same_page_and_pictures(found: Evidence, tmp_path: Path) -> None:
    again = examine(outlined(), 2, DEGRADATION, compared(2), 144)
    repeated = dataclasses.replace(found, sunnybrook={2: again})
    for one, other in zip(write_page(found, tmp_path / "a"), write_page(repeated, tmp_path / "b"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_page_is_whole(found: Evidence) -> None:
    text = page(found)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:6] == ["In short", "How it was measured", "Borders", "Areas and volumes", "Invention", "Who"]
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)", text)) <= anchors
    assert len(ITEMS) == 44
    assert "| a cine | as stored | 1.00 |" in text
    assert "nan" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "*", "-"))) <= 120


def test_a_page_of_some_slices_says_so(found: Evidence) -> None:
    assert "A trial: one slice and one cine in 40" in page(dataclasses.replace(found, every=40))
    assert "A trial" not in page(found)


def test_every_method_has_a_border_near_the_truth(found: Evidence) -> None:
    for name, findings in found.sunnybrook[2].items():
        moved = summary.by_patient(findings, summary.SHIFT)
        assert list(moved) == ["SC-N-07", "SC-HYP-08"]
        assert max(moved.values()) < 0.3, name


def test_areas_and_ejection_fractions_are_those_of_the_circles(found: Evidence) -> None:
    truth = summary.ejection_fractions(found.sunnybrook[2]["bicubic"], true=True)
    assert truth == pytest.approx({"SC-N-07": 100 * (1 - (18 / 25) ** 2)}, abs=0.5)


def test_a_model_that_is_no_better_is_listed(found: Evidence) -> None:
    methods = found.sunnybrook[2]
    models = [name for name in methods if name not in CLASSICAL]
    worse = methods | {name: [spoilt(one) for one in methods[name]] for name in models}
    text = page(dataclasses.replace(found, sunnybrook={2: worse}))
    table = text[text.index("## Where DURN is no better") : text.index("## What this does not show")]
    assert all(f"| Sunnybrook | x2 | {name} | PSNR, dB | 10.00 |" in table for name in models)
    assert "0 of 2 patients" in text or "2 patients, p = " in text


def spoilt(one: Finding) -> Finding:
    return dataclasses.replace(one, psnr=10.0)


def test_a_comparison_counts_the_patients_in_which_a_model_wins(found: Evidence) -> None:
    methods = dict(found.sunnybrook[2])
    better = [dataclasses.replace(one, psnr=one.psnr + 30) for one in methods["linear"]]
    result = summary.compare({**methods, "a model": better}, "a model", summary.PSNR)
    assert (result.better, result.patients, result.p, result.wins) == (2, 2, 0.5, True)
