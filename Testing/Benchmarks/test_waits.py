"""What users wait for can be measured: a trial run of each part prints the figures that it took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Testing.Benchmarks import waits


def figures_of(part: str, folder: Path, capsys: pytest.CaptureFixture) -> tuple[dict, str]:
    """Figures and page of a trial run of one part; what that prints is the page."""
    if reason := waits.PARTS[part].missing():
        pytest.skip(reason)
    waits.main(["--quick", "--only", part, "--json", str(folder / "f.json"), "--output", str(folder / "f.md")])
    page = (folder / "f.md").read_text()
    assert capsys.readouterr().out == page
    return json.loads((folder / "f.json").read_text())[part], page


def test_the_viewers_waits_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    figures, page = figures_of("viewer", tmp_path, capsys)
    for kind in ("single", "stream"):
        assert all(0 < wait < 10_000 for waits_of_kind in figures[kind].values() for wait in waits_of_kind)
    assert 0 < figures["cine"]["shown"] <= figures["cine"]["asked"] * 1.5
    assert f"| {figures['cine']['asked']:.0f} | {figures['cine']['shown']:.1f} |" in page
    assert all(held > 0 for row in figures["memory"].values() for held in row)


def test_the_panels_waits_are_measured_and_torch_comes_when_idle(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    figures, page = figures_of("panel", tmp_path, capsys)
    imported = figures["when idle"]["imported"]
    assert [when for when, torch in imported.items() if torch] == ["window idle"]
    assert not any(figures["at once"]["imported"].values())
    assert figures["when idle"]["engine"] < figures["when idle"]["first"] < figures["at once"]["first"]
    assert f"| second | {figures['when idle']['second']:.2f} |" in page


def test_batches_waits_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    figures, page = figures_of("batch", tmp_path, capsys)
    for method, cohorts in figures.items():
        for count, entry in cohorts.items():
            assert 0 < entry["look up"] < entry["do"]
            assert f"| {method}, {count} files | " in page


def test_a_part_without_its_needs_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits.viewer_waits, "CHROMIUM", tmp_path / "chromium")
    waits.main(["--quick", "--only", "viewer"])
    assert f"Not measured: there is no {tmp_path / 'chromium'}." in capsys.readouterr().out
