"""What the axes of a NRRD file are: time, or the values of a voxel; and odd ways to store voxels, in MetaImage too."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from niftis import heart
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.door import InputError
from DURNSuperResLib.scene.headers import facts_of
from DURNSuperResLib.scene.nodes import ijk_to_ras_of
from DURNSuperResLib.scene.sequence_storage import read_sequence
from DURNSuperResLib.scene.sequences import items_of
from DURNSuperResLib.scene.storage import read_volume

BICUBIC = ["--method", "bicubic", "--quiet"]
VOXELS = heart().astype(np.int16)
PHASES = np.stack([VOXELS + 10 * n for n in range(5)])  # list last: the slowest axis
STEPS = ["(1.4,0,0)", "(0,1.5,0)", "(0,0,8)"]
LPS = {"space": "left-posterior-superior", "space origin": "(10,20,30)"}
PLACE = np.array([[-1.4, 0, 0, -10], [0, -1.5, 0, -20], [0, 0, 8, 30], [0, 0, 0, 1.0]])
pytestmark = pytest.mark.usefixtures("scene")


def nrrd(path: Path, voxels: NDArray, fields: dict[str, str], pairs: dict[str, str] | None = None) -> Path:
    """A raw NRRD file; ``None`` for no ``space directions`` is left to ``fields``."""
    names = {"i2": "short", "u1": "uchar", "f4": "float", "i4": "int"}
    head = {"type": names[voxels.dtype.str[1:]], "dimension": str(voxels.ndim)}
    head |= {"sizes": " ".join(map(str, voxels.shape[::-1])), "endian": "little", "encoding": "raw", **fields}
    lines = [f"{key}: {value}" for key, value in head.items()]
    lines += [f"{key}:={value}" for key, value in (pairs or {}).items()]
    path.write_bytes("\n".join(["NRRD0005", *lines, "", ""]).encode() + np.ascontiguousarray(voxels).tobytes())
    return path


def last(kind: str) -> dict[str, str]:
    return {**LPS, "space directions": " ".join([*STEPS, "none"]), "kinds": f"domain domain domain {kind}"}


def first(kind: str) -> dict[str, str]:
    return {**LPS, "space directions": " ".join(["none", *STEPS]), "kinds": f"{kind} domain domain domain"}


def refused(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["upscale", str(path), "-o", str(tmp_path / "out.seq.nrrd"), *BICUBIC]) == 1
    assert main(["info", str(path)]) == 1
    one, other = capsys.readouterr().err.splitlines()
    assert one == other
    return one


def assert_is_the_cine(path: Path, times: list[str] | None = None, count: int = 5) -> None:
    assert facts_of(path).phases == count
    sequence = read_sequence(path)
    for n, item in enumerate(items_of(sequence)):
        assert np.array_equal(slicer.util.arrayFromVolume(item), PHASES[n])
        assert_allclose(ijk_to_ras_of(item), PLACE, atol=1e-6)
    found = [sequence.GetNthIndexValue(n) for n in range(sequence.GetNumberOfDataNodes())]
    assert found == (times or [str(n) for n in range(count)])


@pytest.mark.parametrize("kind", ["RGB-color", "HSV-color", "XYZ-color", "3-color"])
@pytest.mark.parametrize("name", ["a.nrrd", "a.seq.nrrd"])
def test_colours_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture, kind: str, name: str) -> None:
    colours = np.moveaxis(PHASES[:3], 0, -1).astype(np.uint8)
    assert "colour image" in refused(nrrd(tmp_path / name, colours, first(kind)), tmp_path, capsys)


@pytest.mark.parametrize("kind", ["vector", "covariant-vector", "3-vector", "3-gradient", "3-normal"])
def test_vectors_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture, kind: str) -> None:
    vectors = np.moveaxis(PHASES[:3], 0, -1).astype(np.float32)
    assert "3 values a voxel" in refused(nrrd(tmp_path / "a.nrrd", vectors, first(kind)), tmp_path, capsys)


@pytest.mark.parametrize(("kind", "count"), [("4-color", 4), ("RGBA-color", 4), ("3D-masked-symmetric-matrix", 7)])
def test_colours_with_alpha_and_tensors_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, kind: str, count: int
) -> None:
    values = np.moveaxis(np.stack([VOXELS] * count), 0, -1).astype(np.float32)
    assert "a grey-level volume is needed" in refused(nrrd(tmp_path / "a.nrrd", values, first(kind)), tmp_path, capsys)


@pytest.mark.parametrize("fields", [first("list"), last("list"), last("vector")], ids=["first", "last", "vector"])
def test_diffusion_weighted_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture, fields: dict) -> None:
    voxels = PHASES if fields["kinds"].startswith("domain") else np.moveaxis(PHASES, 0, -1)
    pairs = {"modality": "DWMRI", "DWMRI_b-value": "1000", "DWMRI_gradient_0000": "0 0 0"}
    path = nrrd(tmp_path / "a.seq.nrrd", voxels, fields, pairs)
    assert "diffusion-weighted" in refused(path, tmp_path, capsys)


@pytest.mark.parametrize(
    "fields",
    [
        {"kinds": "domain domain time", "spacings": "1.4 1.5 40"},
        {"kinds": "domain domain time", "space dimension": "2", "space directions": "(1.4,0) (0,1.5) none"},
        {"kinds": "domain domain list", **LPS, "space directions": "(1.4,0,0) (0,1.5,0) none"},
    ],
    ids=["spacings", "flat", "placed"],
)
def test_phases_of_a_slice_are_not_taken_for_slices(tmp_path: Path, capsys: pytest.CaptureFixture, fields) -> None:
    assert "phases of one slice" in refused(nrrd(tmp_path / "a.nrrd", PHASES[:, 0], fields), tmp_path, capsys)


@pytest.mark.parametrize("kind", ["list", "time", "vector", "none", "???"])
@pytest.mark.parametrize("at", ["first", "last"])
def test_phases_are_read_wherever_their_axis_is(tmp_path: Path, kind: str, at: str) -> None:
    voxels, fields = (PHASES, last(kind)) if at == "last" else (np.moveaxis(PHASES, 0, -1), first(kind))
    assert_is_the_cine(nrrd(tmp_path / "a.seq.nrrd", voxels, fields))


@pytest.mark.parametrize(
    ("extra", "pairs", "times"),
    [
        ({"units": '"" "" "" "ms"', "spacings": "nan nan nan 40"}, {}, ["0", "40", "80", "120", "160"]),
        (
            {"units": '"" "" "" "ms"'},
            {"axis 3 index type": "numeric", "axis 3 index values": "0 30 60 90 130"},
            ["0", "30", "60", "90", "130"],
        ),
        ({"spacings": "nan nan nan 40"}, {}, None),
        (
            {},
            {
                "MultiVolume.FrameIdentifyingDICOMTagName": "TriggerTime",
                "MultiVolume.FrameIdentifyingDICOMTagUnits": "ms",
                "MultiVolume.FrameLabels": "0,31,62,93,124",
                "MultiVolume.NumberOfFrames": "5",
            },
            ["0", "31", "62", "93", "124"],
        ),
    ],
    ids=["units", "index", "no unit", "multi-volume"],
)
def test_times_are_read_where_they_are_stated(tmp_path: Path, extra: dict, pairs: dict, times: list | None) -> None:
    path = nrrd(tmp_path / "a.nrrd", PHASES, {**last("list"), **extra}, pairs)
    assert_is_the_cine(path, times)
    assert read_sequence(path).GetIndexUnit() == ("ms" if times else "")


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_the_space_decides_over_the_place_and_slices_keep_their_order(tmp_path: Path, space: str, signs: tuple) -> None:
    path = nrrd(tmp_path / "a.seq.nrrd", PHASES, {**last("list"), "space": space})
    item = items_of(read_sequence(path))[0]
    wanted = np.diag([*signs, 1.0]) @ np.diag([-1.0, -1, 1, 1]) @ PLACE
    assert_allclose(ijk_to_ras_of(item), wanted, atol=1e-6)
    assert np.array_equal(slicer.util.arrayFromVolume(item), VOXELS)
    output = tmp_path / "out.seq.nrrd"
    assert main(["upscale", str(path), "-o", str(output), *BICUBIC]) == 0
    assert_allclose(ijk_to_ras_of(items_of(read_sequence(output))[0])[:3, 2], wanted[:3, 2], atol=1e-6)


def test_four_dimensional_files_of_simpleitk_are_cines(tmp_path: Path) -> None:
    volumes = [sitk.GetImageFromArray(voxels) for voxels in PHASES]
    for volume in volumes:
        volume.SetSpacing((1.4, 1.5, 8.0))
        volume.SetOrigin((10, 20, 30))
    sitk.WriteImage(sitk.JoinSeries(volumes), str(tmp_path / "four.nrrd"))
    sitk.WriteImage(sitk.Compose(volumes), str(tmp_path / "vector.seq.nrrd"))
    sitk.WriteImage(sitk.JoinSeries(volumes), str(tmp_path / "four.mha"))
    for name in ("four.nrrd", "vector.seq.nrrd", "four.mha"):
        assert_is_the_cine(tmp_path / name)


def stored(voxels: NDArray, encoding: str) -> bytes:
    raw = voxels.tobytes()
    if encoding in ("ascii", "text"):
        return " ".join(map(str, voxels.ravel())).encode()
    squeeze = {"raw": bytes, "gzip": gzip.compress, "gz": gzip.compress, "bzip2": bz2.compress}
    return raw.hex().encode() if encoding == "hex" else squeeze[encoding](raw)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "gz", "bzip2", "hex", "ascii", "text"])
@pytest.mark.parametrize("lines", [0, 2])
def test_every_encoding_of_a_cine_is_read(tmp_path: Path, encoding: str, lines: int) -> None:
    path = nrrd(tmp_path / "a.nrrd", PHASES, {**last("time"), "encoding": encoding, "line skip": str(lines)})
    head = path.read_bytes().partition(b"\n\n")[0] + b"\n\n" + b"skipped\n" * lines
    path.write_bytes(head + stored(PHASES, encoding))
    assert_is_the_cine(path)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_skipped_lines_and_bytes_of_a_volume_are_no_voxels(tmp_path: Path, encoding: str) -> None:
    fields = {**LPS, "space directions": " ".join(STEPS), "kinds": "domain domain domain", "encoding": encoding}
    path = nrrd(tmp_path / "a.nrrd", VOXELS, {**fields, "line skip": "2"})
    path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n\nskipped\n\n" + stored(VOXELS, encoding))
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(path)), VOXELS)


@pytest.mark.parametrize(("space", "told"), [("LPS", False), ("right-anterior-superior", False), ("scanner-xyz", True)])
def test_a_place_in_no_anatomical_space_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, space: str, told: bool
) -> None:
    read_volume(nrrd(tmp_path / "a.nrrd", VOXELS, {**LPS, "space": space, "space directions": " ".join(STEPS)}))
    assert ("states no anatomical space" in caplog.text) == told
    caplog.clear()
    read_volume(nrrd(tmp_path / "b.nrrd", VOXELS, {"spacings": "1.4 1.5 8"}))
    assert "states no anatomical space" in caplog.text


def test_a_volume_compressed_by_bzip2_is_read_in_full_or_refused(tmp_path: Path) -> None:
    fields = {**LPS, "space directions": " ".join(STEPS), "encoding": "bzip2", "endian": "big"}
    head = nrrd(tmp_path / "a.nrrd", VOXELS, fields).read_bytes().partition(b"\n\n")[0] + b"\n\n"
    content = bz2.compress(VOXELS.astype(">i2").tobytes())
    path = tmp_path / "b.nrrd"
    path.write_bytes(head + content)
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(path)), VOXELS)
    assert_allclose(ijk_to_ras_of(read_volume(path)), PLACE, atol=1e-6)
    path.write_bytes(head + content[:-9])
    with pytest.raises(InputError, match="cut short"):
        read_volume(path)


@pytest.mark.parametrize(("endian", "order"), [("Little", "<"), ("BIG", ">")])
def test_words_of_the_header_may_have_capitals(tmp_path: Path, endian: str, order: str) -> None:
    path = nrrd(tmp_path / "a.nrrd", PHASES, {**last("list"), "endian": endian, "type": "Short"})
    path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n\n" + PHASES.astype(f"{order}i2").tobytes())
    assert_is_the_cine(path)


def test_a_cine_with_detached_voxels_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    nrrd(tmp_path / "a.nhdr", PHASES, {**last("list"), "data file": "a.raw"})
    (tmp_path / "a.raw").write_bytes(PHASES.tobytes())
    assert main(["upscale", str(tmp_path / "a.nhdr"), "-o", str(tmp_path / "out.nrrd"), *BICUBIC]) == 1
    assert "is a cine with its voxels in another file, which is not read" in capsys.readouterr().err


def test_index_values_of_words_are_kept(tmp_path: Path) -> None:
    pairs = {"axis 3 index type": "text", "axis 3 index values": "rest a%20beat%20later stress 100%25 gr%C3%B6%C3%9Fer"}
    sequence = read_sequence(nrrd(tmp_path / "a.seq.nrrd", PHASES, last("list"), pairs))
    found = [sequence.GetNthIndexValue(n) for n in range(5)]
    assert sorted(found) == sorted(["rest", "a beat later", "stress", "100%", "größer"])
    assert sequence.GetIndexTypeAsString() == "text"


def test_a_cine_cut_short_or_with_times_twice_is_refused(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", PHASES, last("time"))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match="cut short"):
        read_sequence(path)
    nrrd(path, PHASES, last("list"), {"axis 3 index values": "0 1 2 3 3"})
    with pytest.raises(InputError, match="occur twice"):
        read_sequence(path)


@pytest.mark.parametrize("size", [None, 0])
def test_a_compressed_metaimage_need_not_state_its_size(tmp_path: Path, size: int | None) -> None:
    path = tmp_path / "a.mha"
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))
    head = (
        path.read_bytes().partition(b"ElementDataFile")[0].replace(b"CompressedData = False", b"CompressedData = True")
    )
    stated = b"" if size is None else b"CompressedDataSize = %d\n" % size
    content = zlib.compress(VOXELS.tobytes())
    path.write_bytes(head + stated + b"ElementDataFile = LOCAL\n" + content)
    assert np.array_equal(slicer.util.arrayFromVolume(read_volume(path)), VOXELS)
    path.write_bytes(head + stated + b"ElementDataFile = LOCAL\n" + content[:-9])
    with pytest.raises(InputError, match=r"no end|cut short"):
        read_volume(path)
