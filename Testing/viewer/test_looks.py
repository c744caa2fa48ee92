"""What is drawn ahead and kept: nothing twice, within bounds, and without a change to what the page is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import slicer
from numpy.typing import NDArray

pytest.importorskip("trame_rca", reason="the viewer's packages are not installed")

from DURNSuperResLib.viewer.frames import Frames
from DURNSuperResLib.viewer.looks import Kept, Look, Sent, likely_after
from DURNSuperResLib.viewer.session import Session

LOOK = Look(0, 5, 0, 100.0, 50.0, 1.0, (0.0, 0.0), "none")
SLICES, PHASES = 9, 4


def step(**change: int) -> list[tuple[int, int]]:
    """Slices and phases that are drawn ahead after a change that led to ``LOOK``."""
    ahead = likely_after(LOOK, replace(LOOK, **change), SLICES, PHASES)
    return [(look.slice, look.phase) for look in ahead]


def test_the_same_step_again_or_back_is_likely() -> None:
    assert step(slice=4) == [(6, 0), (4, 0)]
    assert step(slice=7) == [(3, 0), (7, 0)]
    assert step(phase=3) == [(5, 1)]
    assert step(phase=1) == [(5, 3)]
    assert step(drawing=-1) == [(6, 0), (4, 0)]
    assert likely_after(LOOK, None, 6, PHASES) == [replace(LOOK, slice=4)]


def test_nothing_is_drawn_ahead_while_window_or_zoom_change() -> None:
    assert step(window=90, level=40) == []
    assert step(zoom=2) == []


def test_what_is_kept_is_bounded_and_what_was_asked_for_last_stays() -> None:
    kept, picture = Kept(most_bytes=300), [Sent(bytes(50), 1, 1), Sent(bytes(50), 1, 1)]
    looks = [replace(LOOK, slice=n) for n in range(SLICES)]
    for look in looks:
        kept.put(look, picture)
        assert kept.get(looks[0]) is not None
    assert [look.slice for look in looks if kept.get(look)] == [0, SLICES - 2, SLICES - 1]


class Drawn:
    """A session of slices that notes which are drawn."""

    slices, phases = SLICES, 1

    def __init__(self) -> None:
        self.at = 0
        self.slices_drawn: list[int] = []

    def look(self) -> Look:
        return replace(LOOK, slice=self.at)

    def pictures(self, look: Look) -> list[NDArray[np.uint8]]:
        self.slices_drawn.append(look.slice)
        return [np.full((4, 4, 3), look.slice, dtype=np.uint8)] * 2


class Page:
    """An area that notes what it is sent."""

    def __init__(self) -> None:
        self.pictures: list[Sent] = []

    def show(self, picture: Sent) -> None:
        self.pictures.append(picture)


def test_to_and_fro_through_the_slices_draws_each_of_them_once() -> None:
    session, pages = Drawn(), [Page(), Page()]

    async def look_through() -> None:
        frames = Frames(session, pages, lambda error: pytest.fail(str(error)))
        running = asyncio.get_running_loop().create_task(frames.run())
        for session.at in (*range(SLICES), *reversed(range(SLICES))):
            await frames.shown(frames.ask())
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(look_through())
    assert sorted(session.slices_drawn) == list(range(SLICES))
    for page in pages:
        assert len({picture.png for picture in page.pictures}) == SLICES


@pytest.fixture
def cine(scene: slicer.vtkMRMLScene, files) -> Iterator[Session]:
    session = Session()
    session.resize(160, 160)
    session.open(files.cine, files.cine_x2)
    yield session
    session.close()


def test_what_was_drawn_ahead_changes_no_answer(cine: Session) -> None:
    cine.pictures()
    ahead = replace(cine.look(), phase=2, slice=0)

    def answers() -> list[object]:
        return [cine.value_at(0.4, 0.5), cine.automatic_window(), cine.intensities, cine.look()]

    before = answers()
    other = cine.pictures(ahead)
    assert answers() == before
    assert any((a != b).any() for a, b in zip(other, cine.pictures(), strict=True))


def test_a_look_draws_the_same_as_going_there(cine: Session) -> None:
    ahead = cine.pictures(replace(cine.look(), phase=1, slice=2, zoom=2.0))
    cine.scroll(5)
    cine.phase = 1
    cine.zoom_by(2.0)
    for a, b in zip(ahead, cine.pictures(), strict=True):
        np.testing.assert_array_equal(a, b)
