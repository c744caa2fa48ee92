"""Damaged and mixed DICOM folders: always an answer, never a scrambled stack, never a missing slice without a word."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.random import Generator

from dicoms import GAP, NORMAL, ORIGIN, enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib.scene.dicom.frames import TRIGGER_TAGS as TRIGGERS
from DURNSuperResLib.scene.dicom.frames import quiet_pydicom
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.plain import DicomError
from DURNSuperResLib.scene.dicom.stacks import Stack, contents_of

SLICES, PHASES = 4, 5
TAGS = (
    *("TriggerTime", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows"),
    *("SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "BitsAllocated", "ImageType", "PixelData", "Modality"),
    *("StudyInstanceUID", "FrameOfReferenceUID", "SeriesNumber", "SliceThickness", "PixelRepresentation"),
)
ODD_VALUES: dict[str, tuple] = {
    "TriggerTime": (0, -5, 1e9),
    "InstanceNumber": (0, 1, 99),
    "PixelSpacing": ([0, 0], [1.5, 1.6], [-1, 1]),
    "ImageOrientationPatient": ([0] * 6, [1, 0, 0, 0, 1, 0], [2, 0, 0, 0, 2, 0]),
    "ImagePositionPatient": ([0, 0, 0], [1e6, 0, 0], [0, 0]),
    "Rows": (0, 7, 60000),
    "BitsAllocated": (0, 8, 12, 64),
    "NumberOfFrames": (0, 2, 1000),
    "RescaleSlope": (0, 2),
    "SamplesPerPixel": (3,),
    "SOPInstanceUID": ("1.2.3.4.5",),
}


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def some(folder: Path, draw: Generator) -> list[Path]:
    """One to five files of a folder."""
    chosen = draw.permutation(files(folder))[: draw.integers(1, 6)]
    return [Path(path) for path in chosen]


def truncate(folder: Path, draw: Generator) -> None:
    for path in some(folder, draw):
        content = path.read_bytes()
        path.write_bytes(content[: draw.integers(0, len(content))])


def garble(folder: Path, draw: Generator) -> None:
    for path in some(folder, draw):
        content = bytearray(path.read_bytes())
        for place in draw.integers(0, max(1, len(content) - 2 * 480), 12 if content else 0):  # the header
            content[place] = draw.integers(0, 256)
        path.write_bytes(bytes(content))


def readable(paths: list[Path]) -> Iterator[tuple[Path, pydicom.Dataset]]:
    """The files that an earlier damage has left readable."""
    for path in paths:
        with contextlib.suppress(Exception), quiet_pydicom():
            yield path, pydicom.dcmread(path)


def drop_tags(folder: Path, draw: Generator) -> None:
    for path, data in readable(some(folder, draw)):
        for name in draw.choice(TAGS, 2, replace=False):
            if name in data:
                delattr(data, str(name))
        write_as_is(data, path)


def spoil_tags(folder: Path, draw: Generator) -> None:
    for path, data in readable(some(folder, draw)):
        name = str(draw.choice(list(ODD_VALUES)))
        setattr(data, name, ODD_VALUES[name][draw.integers(len(ODD_VALUES[name]))])
        write_as_is(data, path)


def write_as_is(data: pydicom.Dataset, path: Path) -> None:
    """Write what an earlier damage has left, if that can be written."""
    content = path.read_bytes()
    try:
        with quiet_pydicom():
            pydicom.dcmwrite(path, data)
    except Exception:
        path.write_bytes(content)


def remove(folder: Path, draw: Generator) -> None:
    for path in some(folder, draw):
        path.unlink()


def duplicate(folder: Path, draw: Generator) -> None:
    for n, path in enumerate(some(folder, draw)):
        shutil.copy(path, folder / f"copy{n}.dcm")


def shuffle(folder: Path, draw: Generator) -> None:
    paths = files(folder)
    content = [path.read_bytes() for path in paths]
    for path, n in zip(paths, draw.permutation(len(paths)), strict=True):
        path.write_bytes(content[n])


def mix_in_another_study(folder: Path, draw: Generator) -> None:
    for place in range(2):
        for phase in range(PHASES):
            data = image(place, phase, "1.9.1", study="1.9", PixelData=pixels_of(place + 20, phase).tobytes())
            save(data, folder / f"other_{place}_{phase}.dcm")


def mix_in_other_files(folder: Path, draw: Generator) -> None:
    (folder / "thumbs.db").write_bytes(draw.bytes(2000))
    (folder / "empty").write_bytes(b"")
    save(enhanced(SLICES, PHASES), folder / "enhanced.dcm")


DAMAGES: tuple[Callable[[Path, Generator], None], ...] = (
    *(truncate, garble, drop_tags, spoil_tags, remove, duplicate, shuffle, mix_in_another_study, mix_in_other_files),
)


def check_stack(stack: Stack, damaged: bool) -> None:
    """What is not refused is in order, in place, and either whole or spoken of."""
    try:
        reader = PixelReader(stack)
        phases = [reader.phase(number) for number in range(stack.phases)]
    except DicomError:
        return
    assert np.isfinite(stack.ijk_to_ras).all()
    assert list(stack.times) == sorted(set(stack.times))
    assert stack.gap > 0
    told = bool(stack.notes)
    for phase in stack.frames:
        depths = [frame.depth for frame in phase]
        assert depths == sorted(depths)
        assert len(phase) == stack.slices
        assert np.ptp(np.diff(depths)) <= 0.02 * stack.gap if len(depths) > 2 else True
    if told or damaged:
        return
    for voxels, phase in zip(phases, stack.frames, strict=True):
        for pixels, frame in zip(voxels, phase, strict=True):
            place = round(float((frame.position - ORIGIN) @ NORMAL) / GAP)
            times = [frame.times[tag] for tag in TRIGGERS if tag in frame.times]
            numbers = [round(times[0] / 40)] if times else range(PHASES)
            either = [pixels_of(place + study, number) for number in numbers for study in (0, 20)]
            assert any(np.array_equal(pixels, wanted) for wanted in either)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_folders_are_answered_and_never_scrambled(tmp_path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    folder = write_cine(tmp_path / "in", SLICES, PHASES, series_a_slice=bool(draw.integers(2)), CardiacNumberOfImages=5)
    kinds = draw.choice(len(DAMAGES), draw.integers(1, 4), replace=False)
    for kind in kinds:
        if files(folder):
            DAMAGES[kind](folder, draw)
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}
    if not any(path.suffix == ".dcm" for path in files(folder)):
        return
    contents = contents_of(folder)
    spoiled = {garble, spoil_tags} & {DAMAGES[kind] for kind in kinds}
    taken = [stack for stack in contents.stacks if not stack.refusal]
    for stack in taken:
        check_stack(stack, bool(spoiled))
    for stack in taken:  # a cine that lost slices or phases is told of, unless whole slices at its ends are gone
        if stack.phases < PHASES and stack.phases > 1 and not spoiled:
            assert stack.notes
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)} == before


@pytest.mark.parametrize("damage", [truncate, garble, drop_tags, spoil_tags])
@pytest.mark.parametrize("seed", range(3))
def test_damaged_enhanced_images_are_answered(tmp_path: Path, damage: Callable, seed: int) -> None:
    draw = np.random.default_rng(100 + seed)
    save(enhanced(), tmp_path / "multi.dcm")
    damage(tmp_path, draw)
    try:
        stacks = contents_of(tmp_path).stacks
    except DicomError:
        return
    for stack in stacks:
        if not stack.refusal:
            check_stack(stack, damaged=True)
