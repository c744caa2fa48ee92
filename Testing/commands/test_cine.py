"""``info`` and ``upscale`` on cines: DICOM folders, sequences and 4-D NIfTI, as a user meets them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import slicer
from numpy.testing import assert_allclose

from dicoms import image, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.core.network.memory import peak_memory_mib
from DURNSuperResLib.scene.cine import load_cine
from DURNSuperResLib.scene.dicom.stacks import choose_stack, contents_of
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.sequence_storage import read_sequence
from DURNSuperResLib.scene.sequences import add_browser, items_of, upscale_sequence

BICUBIC = ("--method", "bicubic")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small short-axis cine of three slices and four phases, each slice a series."""
    return write_cine(tmp_path / "in")


@pytest.fixture
def cine(data: Path) -> Path:
    return data / "cmr" / "cine_dicom"


def voxels_of(node: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    return slicer.util.arrayFromVolume(node)


def test_info_names_the_short_axis_stack_and_the_four_chamber_cine(cine: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["info", str(cine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"1 +short axis \(guess\) +256 x 208 +1\.406 +6 +17\.7 +25 +0 to 796 ", lines[1])
    assert re.match(r"2 +four-chamber +256 x 208 +1\.406 +1 +- +25 ", lines[2])
    assert "patient1" not in " ".join(lines)


def test_info_as_json(cine: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["info", str(cine), "--json"]) == 0
    text = capsys.readouterr().out
    short, four = json.loads(text)["stacks"]
    assert (short["view"], short["view_is_a_guess"], short["slices"], short["phases"]) == ("short axis", True, 6, 25)
    assert short["gap_mm"] == pytest.approx(17.7, abs=0.01)
    assert (four["view"], four["gap_mm"], four["rows"], four["columns"]) == ("four-chamber", None, 208, 256)
    assert "patient1" not in text


def test_info_names_a_ragged_cine_for_what_it_is(data: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["info", str(data / "cmr" / "sunnybrook_dicom" / "SC-N-02-ragged")]) == 0
    text = capsys.readouterr().out
    assert "incomplete: 4 slices with all 2 phases are left, 2 images left out" in text


def test_info_tells_what_is_set_aside_and_refused(folder: Path, capsys: pytest.CaptureFixture) -> None:
    plan = {"SeriesDescription": "localizer", "SeriesNumber": 9}
    for place in range(3):
        save(image(place, 0, "1.2.3.9", **plan), folder / "plan" / f"{place}.dcm")
    path = folder / "s1" / "1_2.dcm"
    path.write_bytes(path.read_bytes()[:-50])
    assert main(["info", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "set aside: 3 files of series 9 localizer: a localiser" in text
    assert "refused: 1_2.dcm is cut short" in text
    assert "secret" not in text.lower()


def test_info_of_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("a.seq.nrrd", "a.nii.gz"):
        assert main(["upscale", str(folder), "-o", str(tmp_path / name), *BICUBIC]) == 0
        assert main(["info", str(tmp_path / name)]) == 0
        assert "48 x 40 x 3 voxels of 0.625 x 0.750 x 8.000 mm, 4 phases" in capsys.readouterr().out
        assert main(["info", str(tmp_path / name), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["phases"] == 4
    assert main(["info", str(tmp_path / "none.nrrd")]) == 1


def test_the_real_cine_becomes_a_sequence_that_plays(
    cine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "out.seq.nrrd"
    caplog.set_level("INFO")
    assert main(["upscale", str(cine), "-o", str(output), *BICUBIC]) == 0
    result = read_sequence(output)
    source = load_cine(choose_stack(contents_of(cine)))
    assert result.GetNumberOfDataNodes() == 25
    assert all(voxels_of(item).shape == (6, 416, 512) for item in items_of(result))
    browser = add_browser(source)
    browser.AddSynchronizedSequenceNode(result)
    browser.SetSelectedItemNumber(1)
    coarse, fine = browser.GetProxyNode(source), browser.GetProxyNode(result)
    assert_allclose(ijk_to_ras_of(fine)[:3, :2] * 2, ijk_to_ras_of(coarse)[:3, :2], rtol=1e-9)
    seen = set()
    for step in range(browser.GetNumberOfItems()):
        browser.SetSelectedItemNumber(step)
        assert np.array_equal(voxels_of(coarse), voxels_of(items_of(source)[step]))
        assert np.array_equal(voxels_of(fine), voxels_of(items_of(result)[step]))
        seen.add(voxels_of(fine).tobytes())
        middle = voxels_of(fine)[3].reshape(208, 2, 256, 2).mean(axis=(1, 3))
        assert np.corrcoef(middle.ravel(), voxels_of(coarse)[3].ravel())[0, 1] > 0.99
    assert len(seen) == 25


def test_the_real_cine_becomes_a_dicom_series(cine: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert main(["upscale", str(cine), "-o", f"{output}/", *BICUBIC]) == 0
    stack = choose_stack(contents_of(output))
    source = choose_stack(contents_of(cine))
    assert (stack.slices, stack.phases, stack.first.matrix, stack.notes) == (6, 25, (416, 512), ())
    assert_allclose(stack.times, source.times)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(frame.path) for frame in stack.frames[7]])
    itk = reader.Execute()
    assert itk.GetSize() == (512, 416, 6)
    assert_allclose(itk.GetSpacing(), (0.703125, 0.703125, 17.7), atol=1e-3)
    played = load_cine(stack)
    assert np.array_equal(voxels_of(items_of(played)[7]).astype(int), sitk.GetArrayFromImage(itk).astype(int))


def test_the_ragged_cine_is_taken_in_part_with_a_warning(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-ragged"
    assert main(["upscale", str(folder), "-o", str(tmp_path / "a.nii.gz"), "--quiet", *BICUBIC]) == 0
    assert (
        "2 images left out (slice 1 of 6 has 1 of 2 phases; slice 6 of 6 has 1 of 2 phases)" in capsys.readouterr().err
    )
    assert sitk.ReadImage(str(tmp_path / "a.nii.gz")).GetSize() == (512, 512, 4, 2)


def test_time_and_peak_memory_are_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["upscale", str(folder), "-o", str(tmp_path / "out"), *BICUBIC]) == 0
    text = capsys.readouterr().err
    assert re.search(r"4 phases of 48 x 40 x 3 voxels .*, \d+\.\d s, peak memory \d+ MiB\. Research use only", text)
    assert "secret" not in text.lower()


def test_files_of_cines_are_upscaled_again(folder: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("a.nii", "b.seq.nrrd", "c.nii.gz"))
    assert main(["upscale", str(folder), "-o", str(first), "--keep-type", *BICUBIC]) == 0
    assert main(["upscale", str(first), "-o", str(second), *BICUBIC]) == 0
    assert main(["upscale", str(second), "-o", str(third), "--scale", "3", *BICUBIC]) == 0
    assert sitk.ReadImage(str(first)).GetPixelID() == sitk.sitkUInt16
    image = sitk.ReadImage(str(third))
    assert image.GetSize() == (288, 240, 3, 4)
    assert image.GetSpacing()[3] == pytest.approx(0.04)


def test_the_network_runs_over_a_cine_with_one_map(folder: Path, tmp_path: Path) -> None:
    assert main(["upscale", str(folder), "-o", str(tmp_path / "out"), "--scale", "2"]) == 0
    data = pydicom.dcmread(tmp_path / "out" / "IM_0002_0003.dcm")
    assert "SHA-256" in data.DerivationDescription
    sequence = load_cine(choose_stack(contents_of(folder)))
    wanted = voxels_of(items_of(upscale_sequence(sequence, 2, slice_axis="k"))[2])[1]
    stored = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
    assert_allclose(stored, wanted, atol=0.5 * float(data.RescaleSlope) + 1e-2)


@pytest.mark.parametrize("output", ["out.nrrd", "out", "out.nii.gz"])
def test_a_static_stack_goes_to_a_volume_or_to_dicom(data: Path, tmp_path: Path, output: str) -> None:
    folder = data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static"
    assert main(["upscale", str(folder), "-o", str(tmp_path / output), *BICUBIC]) == 0
    if output == "out":
        assert choose_stack(contents_of(tmp_path / output)).first.matrix == (512, 512)
    else:
        assert sitk.ReadImage(str(tmp_path / output)).GetSize() == (512, 512, 5)


def test_a_stack_is_chosen_by_number_or_name(cine: Path, tmp_path: Path) -> None:
    for n, series in enumerate(("2", "four-chamber", "CINE_TRUFI_RETRO 4CH")):
        output = tmp_path / f"{n}.nii"
        arguments = ["--series", series, "--keep-type", "--quiet", *BICUBIC]
        assert main(["upscale", str(cine / "Se6"), "-o", str(output), "--keep-type", "--quiet", *BICUBIC]) == 0
        assert sitk.ReadImage(str(output)).GetSize() == (512, 416, 1, 25)
        assert main(["upscale", str(cine), "-o", str(output), "--overwrite", *arguments]) == 0
        assert sitk.ReadImage(str(output)).GetSize() == (512, 416, 1, 25)


BAD_RUNS: dict[str, tuple[list[str], str]] = {
    "no such series": (
        ["in", "-o", "a.seq.nrrd", "--series", "lvot"],
        "no stack called 'lvot'; choose one with --series",
    ),
    "series of a file": (["in.nii", "-o", "a.seq.nrrd", "--series", "1"], "--series chooses from a DICOM folder"),
    "unknown ending": (["in", "-o", "a.jpg"], "must end in one of .seq.nrrd, .nii, .nii.gz, or be a DICOM folder"),
    "volume for a cine": (["in", "-o", "a.mha"], "the output a.mha of a cine must end in one of .seq.nrrd"),
    "folder for a file": (["in.nii", "-o", "out"], "of a cine must end in one of"),
    "not empty": (["in", "-o", "full"], "not empty; give --overwrite"),
    "not ours": (["in", "-o", "full", "--overwrite"], "holds other files than an earlier result"),
    "its own input": (["in", "-o", "in", "--overwrite"], "is the input"),
    "another plane": (["in", "-o", "out", "--slice-axis", "i"], "DICOM output keeps the planes"),
    "no images": (["full", "-o", "out"], "holds no DICOM image"),
    "damaged": (["damaged", "-o", "out"], "2_1.dcm is cut short"),
    "no parent": (["in", "-o", "no/out"], "does not exist"),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_bad_runs_say_one_line_and_leave_everything(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    arguments, reason = BAD_RUNS[name]
    monkeypatch.chdir(tmp_path)
    assert main(["upscale", "in", "-o", "in.nii", "--quiet", *BICUBIC]) == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    shutil.copytree(folder, tmp_path / "damaged")
    path = tmp_path / "damaged" / "s2" / "2_1.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["upscale", *arguments, *BICUBIC]) == 1
    text = capsys.readouterr().err
    assert reason in text
    assert text.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


MEASURED = """
import sys
import numpy as np
from pathlib import Path
from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network.memory import peak_memory_mib
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.scene.sequences import add_item, enlarge_sequence, new_sequence
from DURNSuperResLib.scene.sequence_storage import write_sequence

FOLDER = Path(sys.argv[1])
SHELF = FOLDER if sys.argv[3] == "shelf" else None

def run(phases, size, name):
    source = new_sequence("cine", "TriggerTime", "ms")
    draw = np.random.default_rng(0)
    for n in range(phases):
        add_item(source, draw.integers(0, 2000, (4, size, size), dtype=np.int16), np.diag([1.4, 1.4, 8, 1]), str(n))
    before = peak_memory_mib()
    output = enlarge_sequence(source, Upscaling(scale=4, method="bicubic"), Monitor(), shelf=SHELF)
    write_sequence(output, FOLDER / name, overwrite=True)
    return peak_memory_mib() - before

run(2, 32, "small." + sys.argv[2].partition(".")[2])
print(run(24, 112, sys.argv[2]))
"""
OUTPUT_MIB = 24 * 4 * 448 * 448 * 4 / 2**20


def growth(tmp_path: Path, name: str, place: str) -> float:
    """MiB by which the peak memory of a process grows with a cine of ``OUTPUT_MIB``."""
    if peak_memory_mib() is None:
        pytest.skip("this system does not tell the peak memory of a process")
    command = [sys.executable, "-c", MEASURED, str(tmp_path), name, place]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("name", ["large.seq.nrrd", "large.nii"])
def test_memory_stays_near_one_output_cine(tmp_path: Path, name: str) -> None:
    assert 0.8 * OUTPUT_MIB < growth(tmp_path, name, "memory") < 1.3 * OUTPUT_MIB


@pytest.mark.parametrize("name", ["large.seq.nrrd", "large.nii"])
def test_on_the_shelf_memory_stays_near_some_items(tmp_path: Path, name: str) -> None:
    assert growth(tmp_path, name, "shelf") < 6 * OUTPUT_MIB / 24
