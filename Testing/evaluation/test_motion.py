"""Flicker and border motion of a heart that beats as it is told to."""

from __future__ import annotations

import numpy as np
import pytest

from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.phantom import FIELD_OF_VIEW_MM
from DURNSuperResLib.evaluation.motion import Cine, flicker, outlines, steadiness, still_tissue, swine_cine, track
from evaluation.hearts import X, Y, heart, pixel

PHASES = 8
RADII = 25 + 3 * np.cos(2 * np.pi * np.arange(PHASES) / PHASES)


@pytest.fixture(scope="module")
def cine() -> Cine:
    frames = np.stack([heart(radius) for radius in RADII])
    return Cine("beating", frames, pixel(256), (FIELD_OF_VIEW_MM / 2 + Y, FIELD_OF_VIEW_MM / 2 + X))


def test_the_border_travels_as_far_as_the_heart_beats_and_jitters_as_its_cosine(cine: Cine) -> None:
    found = track(cine.frames, cine.pixel_mm, outlines(cine))
    assert found.clear.all()
    assert found.travel(found.clear) == pytest.approx(6.0, abs=0.05)
    expected = np.abs(np.roll(RADII, 1) - 2 * RADII + np.roll(RADII, -1)).mean()
    assert found.jitter(found.clear) == pytest.approx(expected, abs=0.03)


def test_flicker_of_still_frames_is_none_and_of_one_bright_frame_is_known() -> None:
    frames, where = np.ones((PHASES, 8, 8)), np.ones((8, 8), dtype=bool)
    assert flicker(frames, where) == 0.0
    frames[3] += 1
    assert flicker(frames, where) == pytest.approx(4 / PHASES)


def test_a_method_that_flickers_is_told_from_one_that_does_not(cine: Cine) -> None:
    random = np.random.default_rng(0).normal(0, 0.02, cine.frames.shape)
    wall = Cine(cine.name, 0.3 + 0 * cine.frames + random, cine.pixel_mm, cine.mark)
    assert still_tissue(wall).any()
    low = kspace_truncate(cine.frames, 2)
    noisy = Cine(cine.name, cine.frames + 0.3 + random, cine.pixel_mm, cine.mark)
    bright = 1 + 0.1 * (np.arange(PHASES) % 2)[:, None, None]
    ways = {"calm": zero_fill, "restless": lambda frames, scale: bright * zero_fill(frames, scale)}
    before, calm, restless = steadiness(noisy, noisy.frames, low + 0.3, 2, ways)
    assert before.flicker == 1.0
    assert calm.flicker < 0.5 < 1.0 < restless.flicker
    assert calm.travel == pytest.approx(before.travel, abs=0.3)


def test_the_middle_slice_of_the_swine_is_read_in_the_order_of_its_phases(data) -> None:
    cine = swine_cine(data)
    assert cine.frames.shape == (20, 256, 256)
    assert cine.pixel_mm == pytest.approx((0.8203, 0.8203), abs=1e-4)
    assert len(outlines(cine)) == 20
