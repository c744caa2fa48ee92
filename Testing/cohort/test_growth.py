"""A batch costs each input what it costs alone, however many there are; counted in operations, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from numpy.typing import NDArray

from dicoms import image, save
from DURNSuperResLib.cli import main
from DURNSuperResLib.cohort.jobs import find_jobs
from DURNSuperResLib.version import LEDGER_FOLDER

from .conftest import BICUBIC, states, write_volume

FEW, MORE = 10, 30


def calls_on_paths(act: Callable[[], object]) -> int:
    """How many functions of ``pathlib`` are called within ``act()``."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and "pathlib" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def write_studies(folder: Path, count: int) -> Path:
    """Studies of two slices and a damaged file each."""
    for study in range(count):
        place = folder / f"patient{study}" / "study"
        for slice_number in range(2):
            uid = f"1.2.4.{study}"
            save(image(slice_number, 0, f"{uid}.1", uid, PatientID=str(study)), place / f"{slice_number}.dcm")
        (place / "damaged.dcm").write_bytes((place / "0.dcm").read_bytes()[:400])
    return folder


def test_finding_studies_grows_with_their_number(tmp_path: Path) -> None:
    calls = {}
    for count in (FEW, MORE):
        folder = write_studies(tmp_path / f"in{count}", count)
        assert len(find_jobs(folder, tmp_path / "out").jobs) == count
        calls[count] = calls_on_paths(lambda folder=folder: find_jobs(folder, tmp_path / "out"))
    assert calls[MORE] / calls[FEW] == pytest.approx(MORE / FEW, rel=0.1)


def test_each_record_of_the_ledger_is_read_once_a_batch(
    tmp_path: Path, voxels: NDArray[np.int16], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FEW):
        write_volume(tmp_path / "in" / f"{number}.nrrd", voxels + number)
    command = ["upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--recursive", "--quiet", *BICUBIC]
    read, read_text = [], Path.read_text

    def noted(path: Path, *how: object, **named: object) -> str:
        read.append(path)
        return read_text(path, *how, **named)

    monkeypatch.setattr(Path, "read_text", noted)
    for state in ("done", "skipped"):
        read.clear()
        assert main(command) == 0
        assert set(states(tmp_path / "out").values()) == {state}
        records = [path for path in read if LEDGER_FOLDER in path.parts]
        assert len(records) == FEW, state
