"""The order of phases where the tags disagree, are of the enhanced kind, or say nothing; and choosing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset

from dicoms import enhanced, image, pixels_of, save, write_cine
from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.dicom.pixels import PixelReader
from DURNSuperResLib.scene.dicom.stacks import Stack, choose_stack, contents_of
from DURNSuperResLib.scene.sequence_storage import read_sequence

BICUBIC = ["--method", "bicubic", "--quiet"]
COUNT = 10
JITTER = np.random.default_rng(7).permutation(np.linspace(-5, 5, COUNT)).round(2)


def order_of(stack: Stack) -> list[int]:
    """The numbers that the phases' pixels carry."""
    reader = PixelReader(stack)
    return [int(reader.phase(n)[0, 0, 0]) // 100 for n in range(stack.phases)]


def perfusion(folder: Path, slices: int = 1, **tags: object) -> Path:
    """First pass: one image a beat, whose delay after the R wave varies a little."""
    for place in range(slices):
        for n in range(COUNT):
            own = {
                "InstanceNumber": n * slices + place + 1,
                "AcquisitionNumber": n + 1,
                "AcquisitionTime": f"1200{n:02d}.{100 * place:03d}",
                "TriggerTime": 112.5 + float(JITTER[n]),
                **tags,
            }
            save(image(place, n, "1.2.3.1", **own), folder / f"{place}_{n}.dcm")
    return folder


def real_time(folder: Path) -> Path:
    """A cine over two beats, whose trigger times start anew with each."""
    for n in range(COUNT):
        beat, phase = divmod(n, COUNT // 2)
        own = {"InstanceNumber": n + 1, "AcquisitionTime": f"1200{beat:02d}.{70 * phase:03d}"}
        save(image(0, n, "1.2.3.1", **own, TriggerTime=70.0 * phase + 3 * beat), folder / f"{n}.dcm")
    return folder


@pytest.mark.parametrize("make", [perfusion, real_time, lambda folder: perfusion(folder, 3)])
def test_the_order_of_acquisition_holds_where_trigger_times_scramble_it(
    tmp_path: Path, capsys: pytest.CaptureFixture, make: Callable[[Path], Path]
) -> None:
    folder = make(tmp_path / "in")
    stack = choose_stack(contents_of(folder))
    assert [number % 10 for number in order_of(stack)] == list(range(COUNT))
    assert stack.times[:2] == ((0.0, 70.0) if make is real_time else (0.0, 1000.0))
    assert any("TriggerTime gives another order" in note for note in stack.notes)
    output = tmp_path / "out.seq.nrrd"
    assert main(["upscale", str(folder), "-o", str(output), *BICUBIC]) == 0
    assert "another order" in capsys.readouterr().err
    sequence = read_sequence(output)
    assert float(sequence.GetNthIndexValue(1)) == stack.times[1]


def test_the_order_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = perfusion(tmp_path / "in")
    by_trigger = [int(n) for n in np.argsort(JITTER)]
    wanted = {"trigger": by_trigger, "acquisition": list(range(COUNT)), "instance": list(range(COUNT))}
    for name, order in wanted.items():
        assert order_of(choose_stack(contents_of(folder, name))) == order
        output = tmp_path / f"{name}.seq.nrrd"
        assert main(["upscale", str(folder), "-o", str(output), *BICUBIC, "--order", name]) == 0
        assert "as told" in capsys.readouterr().err
    assert main(["info", str(folder), "--order", "trigger"]) == 0
    assert "TriggerTime, as told" in capsys.readouterr().out
    out = tmp_path / "all"
    assert main(["upscale", str(folder), "-o", str(out), "--recursive", *BICUBIC, "--order", "instance"]) == 0
    (made,) = out.glob("*.seq.nrrd")
    assert read_sequence(made).GetNthIndexValue(1) == "1"


def test_an_order_that_nothing_tells_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_cine(tmp_path / "in")
    assert main(["upscale", str(folder), "-o", str(tmp_path / "a.seq.nrrd"), *BICUBIC, "--order", "acquisition"]) == 1
    assert "no tag that tells its phases apart" in capsys.readouterr().err


def test_trigger_times_are_followed_where_only_numbers_speak_against_them(tmp_path: Path) -> None:
    for phase in range(4):
        save(image(0, phase, "1.2.3.1", InstanceNumber=9 - phase), tmp_path / f"{phase}.dcm")
    stack = choose_stack(contents_of(tmp_path))
    assert order_of(stack) == [0, 1, 2, 3]
    assert any("different orders" in note for note in stack.notes)


def test_times_of_acquisition_count_where_there_are_no_trigger_times(tmp_path: Path) -> None:
    stack = choose_stack(contents_of(perfusion(tmp_path, TriggerTime=None)))
    assert (stack.times[:3], stack.timed) == ((0.0, 1000.0, 2000.0), True)


def content_of(frame: Dataset) -> Dataset:
    if "FrameContentSequence" not in frame:
        frame.FrameContentSequence = [Dataset()]
    return frame.FrameContentSequence[0]


def without_trigger(edit: Callable[[Dataset, int, int], None]) -> FileDataset:
    """The enhanced cine with another sign of time than the trigger delay."""
    data = enhanced()
    order = [(place, phase) for phase in range(4) for place in range(3)]
    for frame, (place, phase) in zip(data.PerFrameFunctionalGroupsSequence, order[1::2] + order[::2], strict=True):
        del frame.CardiacSynchronizationSequence
        edit(frame, place, phase)
    return data


def by_index(frame: Dataset, place: int, phase: int) -> None:
    content_of(frame).DimensionIndexValues = [1, place + 1, phase + 1]


def by_index_turned(frame: Dataset, place: int, phase: int) -> None:
    content_of(frame).DimensionIndexValues = [phase + 1, place + 1]


def by_position(frame: Dataset, _: int, phase: int) -> None:
    content_of(frame).TemporalPositionIndex = phase + 1


def by_reference_time(frame: Dataset, place: int, phase: int) -> None:
    content_of(frame).FrameReferenceDateTime = f"2020010123595{7 + place}.{200 * phase:03d}"


def by_acquisition_time(frame: Dataset, place: int, phase: int) -> None:
    content_of(frame).FrameAcquisitionDateTime = f"20200101120{place}00.{40 * phase:03d}+0100"


def by_offset(frame: Dataset, _: int, phase: int) -> None:
    frame.TemporalPositionSequence = [Dataset()]
    frame.TemporalPositionSequence[0].TemporalPositionTimeOffset = 0.04 * phase


def by_actual_delay(frame: Dataset, _: int, phase: int) -> None:
    frame.CardiacSynchronizationSequence = [Dataset()]
    frame.CardiacSynchronizationSequence[0].ActualCardiacTriggerDelayTime = 40.0 * phase


@pytest.mark.parametrize(
    ("edit", "step"),
    [
        (by_index, None),
        (by_index_turned, None),
        (by_position, None),
        (by_reference_time, 200.0),
        (by_acquisition_time, 40.0),
        (by_offset, None),
        (by_actual_delay, 40.0),
    ],
)
def test_enhanced_cines_are_ordered_by_whatever_tells_their_phases(
    tmp_path: Path, edit: Callable[[Dataset, int, int], None], step: float | None
) -> None:
    save(without_trigger(edit), tmp_path / "a.dcm")
    stack = choose_stack(contents_of(tmp_path))
    assert (stack.slices, stack.phases) == (3, 4)
    reader = PixelReader(stack)
    for phase in range(4):
        assert np.array_equal(reader.phase(phase), np.stack([pixels_of(place, phase) for place in range(3)]))
    assert stack.times == tuple(n * (step or 1.0) for n in range(4))
    assert stack.timed == (step is not None)


def test_the_dimension_that_is_of_space_orders_nothing(tmp_path: Path) -> None:
    """DimensionIndexSequence says what each index counts; the place in the stack may vary with time in its own way."""
    data = without_trigger(lambda frame, place, phase: by_index(frame, place + 3 * (4 - phase), phase))
    pointers = ((0x0020, 0x9056), (0x0020, 0x9057), (0x0020, 0x9128))  # stack, place in it, place in time
    data.DimensionIndexSequence = [Dataset() for _ in pointers]
    for item, pointer in zip(data.DimensionIndexSequence, pointers, strict=True):
        item.DimensionIndexPointer = pointer
    save(data, tmp_path / "a.dcm")
    assert order_of(choose_stack(contents_of(tmp_path))) == [0, 1, 2, 3]


def test_an_enhanced_cine_without_any_time_says_what_it_has(tmp_path: Path) -> None:
    save(without_trigger(lambda *_: None), tmp_path / "a.dcm")
    (stack,) = contents_of(tmp_path).stacks
    assert (stack.slices, stack.phases) == (3, 4)
    assert any("frame number" in note for note in stack.notes) or "no tag" in stack.refusal
