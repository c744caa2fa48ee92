"""What the command line says of trust: consistency, uncertainty files, domain, reports, and runs that repeat."""

from __future__ import annotations

import hashlib
import html.parser
import json
import re
import struct
import subprocess
import sys
import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from dicoms import write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.core.engine import enlarge
from DURNSuperResLib.core.signal.consistency import ConsistencyMeter
from DURNSuperResLib.core.signal.measured import Measured
from DURNSuperResLib.core.upscaling import Upscaling
from DURNSuperResLib.evaluation.ranking import EIGHT_PASSES, GRADIENT, HALF_WIDTH, TRUE_ERROR, rank_uncertainty
from DURNSuperResLib.evaluation.test_sets import TestSet, sunnybrook_validation
from DURNSuperResLib.report import png, sha256_of, sha256_of_voxels
from DURNSuperResLib.scene.sequence_storage import read_sequence
from DURNSuperResLib.scene.sequences import items_of


def save_volume(path: Path, voxels: NDArray, spacing: tuple[float, float, float] = (3.0, 3.0, 8.0)) -> Path:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def voxels_in(path: Path) -> NDArray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.fixture
def heart(tmp_path: Path, heart_slices: NDArray) -> Path:
    return save_volume(tmp_path / "heart.nrrd", heart_slices[:, 8:56, 4:60].astype(np.int16))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small DICOM cine of three slices and four phases."""
    return write_cine(tmp_path / "in")


def test_the_log_line_tells_how_well_the_measured_is_kept(heart: Path, capsys: pytest.CaptureFixture) -> None:
    for option, least, most in (("--keep-measured", 0, 0.001), ("--no-keep-measured", 0.1, 100)):
        output = heart.with_name(f"out{option}.nrrd")
        assert main(["upscale", str(heart), "-o", str(output), option]) == 0
        pattern = (
            r"what was measured is kept to within ([\d.]+) % of the range (-?\d+) to (\d+) \(at most ([\d.e-]+), PSNR"
        )
        found = re.search(pattern, capsys.readouterr().err)
        assert found is not None
        source = voxels_in(heart).astype(float)
        assert (int(found[2]), int(found[3])) == (source.min(), source.max())
        meter = ConsistencyMeter()
        meter.add(voxels_in(output), source, 2, Measured.of([source]))
        assert least <= meter.result.percent <= most
        assert float(found[1]) == pytest.approx(meter.result.percent, abs=0.006)


def test_the_uncertainty_is_written_beside_the_best_image(heart: Path) -> None:
    output, bars = heart.with_name("out.nrrd"), heart.with_name("bars.nii.gz")
    assert main(["upscale", str(heart), "-o", str(output), "--best-quality", "--uncertainty", str(bars)]) == 0
    expected = enlarge(voxels_in(heart), Upscaling(best_quality=True, uncertainty=True))
    assert expected.half_width is not None
    assert_allclose(voxels_in(output), expected.image, atol=0.01)
    assert_allclose(voxels_in(bars), expected.half_width, atol=0.01)
    assert_allclose(sitk.ReadImage(str(bars)).GetSpacing(), (1.5, 1.5, 8.0), rtol=1e-5)


@pytest.mark.parametrize("output", ["out.seq.nrrd", "dicom_out"])
def test_the_uncertainty_of_a_cine_is_a_cine(folder: Path, output: str) -> None:
    bars = folder.with_name("bars.seq.nrrd")
    arguments = ["upscale", str(folder), "-o", str(folder.with_name(output)), "--uncertainty", str(bars)]
    assert main(arguments) == 0
    items = items_of(read_sequence(bars))
    assert len(items) == 4
    assert all(slicer.util.arrayFromVolume(item).max() > 0 for item in items)


def test_outputs_that_exist_are_kept_and_nothing_is_computed(heart: Path, capsys: pytest.CaptureFixture) -> None:
    for option, name in (("--uncertainty", "u.nrrd"), ("--report", "r.json"), ("--report", "page.json")):
        kept = heart.with_name("page.html" if name == "page.json" else name)
        kept.write_bytes(b"precious")
        arguments = ["upscale", str(heart), "-o", str(heart.with_name("out.nrrd")), option, str(heart.with_name(name))]
        assert main(arguments) == 1
        assert "--overwrite" in capsys.readouterr().err
        assert kept.read_bytes() == b"precious"
        assert not heart.with_name("out.nrrd").exists()


ONE_FILE = {  # output, uncertainty, and how the two that are one are called
    "the input": ("heart.nrrd", None, "the output", "is the input"),
    "a link to the input": ("link.nrrd", None, "the output", "is the input"),
    "the input's bars": ("out.nrrd", "heart.nrrd", "the uncertainty", "is the input"),
    "one file for both": ("out.nrrd", "sub/../out.nrrd", "the output", "is the uncertainty"),
}


@pytest.mark.parametrize("case", ONE_FILE)
def test_no_output_takes_the_place_of_the_input_or_of_another(
    case: str, heart: Path, capsys: pytest.CaptureFixture
) -> None:
    output, bars, first, second = ONE_FILE[case]
    heart.with_name("sub").mkdir()
    heart.with_name("link.nrrd").symlink_to(heart)
    before = heart.read_bytes()
    more = [] if bars is None else ["--uncertainty", str(heart.parent / bars)]
    assert main(["upscale", str(heart), "-o", str(heart.with_name(output)), *more, "--overwrite"]) == 1
    said = capsys.readouterr().err
    assert first in said
    assert second in said
    assert heart.read_bytes() == before
    assert not heart.with_name("out.nrrd").exists()


def test_a_derived_series_is_not_replaced_by_its_own_enlargement(folder: Path, capsys: pytest.CaptureFixture) -> None:
    series = folder.with_name("x2")
    assert main(["upscale", str(folder), "-o", str(series), "--method", "bicubic"]) == 0
    before = sorted(path.read_bytes() for path in series.iterdir())
    assert main(["upscale", str(series), "-o", str(series), "--method", "bicubic", "--overwrite"]) == 1
    assert "is the input" in capsys.readouterr().err
    assert sorted(path.read_bytes() for path in series.iterdir()) == before


def test_masks_are_refused_and_taken_when_asked_for(
    tmp_path: Path, heart_slices: NDArray, capsys: pytest.CaptureFixture
) -> None:
    mask = save_volume(tmp_path / "mask.nrrd", (heart_slices > 300).astype(np.uint8))
    arguments = ["upscale", str(mask), "-o", str(tmp_path / "out.nrrd"), "--method", "bicubic"]
    assert main(arguments) == 1
    assert "a mask, not a grey-level image" in capsys.readouterr().err
    assert main([*arguments, "--any-image"]) == 0


def test_one_warning_names_all_that_is_outside_the_domain(
    tmp_path: Path, heart_slices: NDArray, capsys: pytest.CaptureFixture
) -> None:
    path = save_volume(tmp_path / "a.nrrd", heart_slices, (0.8, 0.8, 8.0))
    assert main(["upscale", str(path), "-o", str(tmp_path / "b.nrrd"), "--modality", "ct"]) == 0
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("outside")]
    assert "pixels of 0.80 mm are finer than" in warning
    assert "the modality is CT, not MR" in warning


def test_a_dicom_phase_series_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    import pydicom

    for path in sorted((data / "cmr" / "sunnybrook_dicom" / "SC-N-02-static").glob("*.dcm")):
        header = pydicom.dcmread(path)
        header.ImageType = ["ORIGINAL", "PRIMARY", "P"]
        (tmp_path / "phase").mkdir(exist_ok=True)
        header.save_as(tmp_path / "phase" / path.name)
    assert main(["upscale", str(tmp_path / "phase"), "-o", str(tmp_path / "a.nrrd"), "--method", "bicubic"]) == 1
    assert "phase image (by its DICOM Image Type)" in capsys.readouterr().err


def test_info_states_the_effective_resolution(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture) -> None:
    slices = np.stack([image for _, image in sunnybrook_validation(data).images[:3]])
    spectrum = np.fft.fft2(slices)
    spectrum[:, 96:160] = 0
    spectrum[:, :, 96:160] = 0
    filled = save_volume(
        tmp_path / "filled.nrrd", np.rint(np.abs(np.fft.ifft2(spectrum))).astype(np.int16), (1.41, 1.41, 8.0)
    )
    plain = save_volume(tmp_path / "plain.nrrd", slices.astype(np.int16), (1.41, 1.41, 8.0))
    assert main(["info", str(filled)]) == 0
    assert "stored 1.41 mm, measured about 1.9 mm (from the spectrum)" in capsys.readouterr().out
    assert main(["info", str(plain)]) == 0
    assert "measured about" not in capsys.readouterr().out
    assert main(["info", str(filled), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effective_pixel_mm"] == pytest.approx([1.88, 1.88], abs=0.04)


class Page(html.parser.HTMLParser):
    """Tags, attributes and text of a page; fails on tags that are not closed in order."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("kind", ["volume", "cine"])
def test_a_report_and_its_page_tell_the_run(kind: str, heart: Path, folder: Path) -> None:
    source = heart if kind == "volume" else folder
    output = heart.with_name("out.nrrd" if kind == "volume" else "out.seq.nrrd")
    bars = output.with_name(output.name.replace("out", "bars"))
    report = heart.with_name("report.json")
    arguments = ["upscale", str(source), "-o", str(output), "--uncertainty", str(bars), "--report", str(report)]
    assert main(arguments) == 0
    found = json.loads(report.read_text())
    assert found["input"]["phases"] == (1 if kind == "volume" else 4)
    assert found["run"]["model"] == "durn-light-x2"
    assert found["run"]["computed_by"].startswith("durn-light-x2 on ")
    assert found["run"]["seconds"] > 0
    assert found["consistency"]["psnr_db"] > 20
    assert found["uncertainty"]["name"] == bars.name
    assert "90 % of the pixels are within" in found["uncertainty"]["summary"]
    assert 0 < found["uncertainty"]["body_within"] < 300
    assert 0 < found["uncertainty"]["rims_within"] < 300
    assert "motion" in found["uncertainty"]["not_covered"]
    assert found["versions"]["numpy"] == np.__version__
    if kind == "volume":
        assert found["input"]["sha256"] == hashlib.sha256(heart.read_bytes()).hexdigest()
        assert found["output"]["voxels_sha256"] == sha256_of_voxels([voxels_in(output)])
        assert found["domain"]["inside"] is True
    text = report.with_suffix(".html").read_text(encoding="utf-8")
    page = Page(text)
    assert "http" not in text
    assert "//" not in re.sub(r"base64,[^\"]*", "", text)
    assert not {name for name, _ in page.attributes} & {"href", "srcset", "action"}
    sources = [value for name, value in page.attributes if name == "src" and value]
    assert len(sources) == 9 if kind == "volume" else len(sources) % 3 == 0
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert "Research use only" in " ".join(page.words)
    assert found["output"]["voxels_sha256"] in page.words
    rows, columns = (found["output"]["size"][1], found["output"]["size"][0])
    for value in sources:
        assert struct.unpack(">2I", b64decode(value.partition(",")[2])[16:24]) == (columns, rows)


def test_the_input_of_a_report_is_what_was_there_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash does not hold what the run itself writes into the folder, and it has a name from within, too."""
    monkeypatch.chdir(folder)
    before = sha256_of(folder)
    for _ in range(2):
        words = ["upscale", ".", "-o", "x2.seq.nrrd", "--report", "r.json", "--overwrite", "--method", "bicubic"]
        assert main(words) == 0
        found = json.loads(Path("r.json").read_text())["input"]
        assert (found["name"], found["sha256"]) == (folder.name, before)
    Path("other.txt").write_text("not of the run")
    assert sha256_of(folder, without=[folder / "x2.seq.nrrd", folder / "r.json", folder / "r.html"]) != before


@pytest.mark.parametrize("ending", [".nrrd", ".seq.nrrd"])
def test_two_deterministic_runs_give_the_same_bytes(heart: Path, folder: Path, ending: str) -> None:
    source = folder if ending == ".seq.nrrd" else heart
    made = []
    for name in ("first", "second"):
        report = heart.with_name(f"{name}.json")
        output = heart.with_name(f"out{ending}")
        arguments = ["upscale", str(source), "-o", str(output), "--deterministic", "--report", str(report)]
        command = [sys.executable, "-m", "DURNSuperResLib.cli", *arguments, "--overwrite"]
        subprocess.run(command, check=True, capture_output=True)
        made.append((output.read_bytes(), json.loads(report.read_text())["output"]["voxels_sha256"]))
    assert made[0] == made[1]


def test_deterministic_excludes_what_is_not(heart: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["upscale", str(heart), "-o", str(heart.with_name("a.nrrd")), "--deterministic"]
    for option in (["--device", "cuda"], ["--precision", "bfloat16"]):
        assert main([*arguments, *option]) == 1
        assert "float32 on the CPU" in capsys.readouterr().err


def test_a_name_with_markup_stays_text(heart: Path) -> None:
    odd = heart.rename(heart.with_name("<b>&heart.nrrd"))
    report = heart.with_name("r.json")
    assert (
        main(
            ["upscale", str(odd), "-o", str(heart.with_name("a.nrrd")), "--report", str(report), "--method", "bicubic"]
        )
        == 0
    )
    page = Page(report.with_suffix(".html").read_text(encoding="utf-8"))
    assert "<b>&heart.nrrd" in page.words


def test_pngs_are_what_other_readers_read(tmp_path: Path) -> None:
    grey = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7)
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    for name, pixels in (("grey.png", grey), ("colour.png", colour)):
        (tmp_path / name).write_bytes(png(pixels))
        assert np.array_equal(voxels_in(tmp_path / name), pixels)
    assert zlib.crc32(b"IEND").to_bytes(4, "big") == png(grey)[-4:]


@pytest.mark.parametrize("degradation", ["bicubic", "kspace"])
def test_the_uncertainty_tells_where_the_errors_are(data: Path, degradation: str) -> None:
    """Better than chance and better than the gradient, on two slices of each validation patient."""
    whole = sunnybrook_validation(data)
    subset = TestSet(whole.name, whole.images[::9], whole.crop)
    assert len({patient for patient, _ in subset.images}) == 5
    rows, coverage = rank_uncertainty(subset, 2, degradation)
    by_name = {row.name: row for row in rows}
    bars, passes, gradient, error = (by_name[name] for name in (HALF_WIDTH, EIGHT_PASSES, GRADIENT, TRUE_ERROR))
    assert bars.correlation.mean() > gradient.correlation.mean() + 0.03
    assert bars.correlation.mean() > passes.correlation.mean()
    assert bars.area.mean() < passes.area.mean() < gradient.area.mean()
    assert bars.area.max() < 0.8  # random: 1
    assert error.area.mean() < bars.area.mean()
    assert coverage.left_out
    assert 0.86 < coverage.mean < 0.94
    assert min(coverage.patients.values()) > 0.82


def test_evaluate_prints_uncertainty_and_variants(
    tmp_path: Path, capsys: pytest.CaptureFixture, heart_slices: NDArray
) -> None:
    path = save_volume(tmp_path / "a.nrrd", heart_slices[:1])
    output = tmp_path / "figures.json"
    assert main(["evaluate", str(path), "--scale", "2", "--uncertainty", "--json", str(output)]) == 0
    text = capsys.readouterr().out
    found = json.loads(output.read_text())
    rows = found["own volumes"]["bicubic"]["x2"]
    assert {"durn", "durn x8", "durn, all kept"} <= set(rows)
    assert rows["durn, all kept"]["psnr_db"] < rows["durn"]["psnr_db"]  # bicubic reduction keeps no band
    figures = found["uncertainty"]["own volumes bicubic x2"][HALF_WIDTH]
    assert f"{figures['rank_correlation']:.3f}  {figures['sparsification_area']:.3f}" in text
    coverage = found["uncertainty"]["own volumes bicubic x2"]["coverage"]
    assert coverage["mean"] == coverage["patients"]["a.nrrd"]
    assert f"{coverage['places']['rims']:.3f}" in text
