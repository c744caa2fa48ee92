"""Areas, volumes and ejection fraction of contours that are known."""

from __future__ import annotations

import numpy as np
import pytest

from DURNSuperResLib.evaluation.areas import area_of, closed, ejection_fraction
from DURNSuperResLib.evaluation.borders import border_of
from evaluation.hearts import heart, pixel, rays


@pytest.mark.parametrize("radius", [16.0, 25.0])
def test_the_area_of_a_round_cavity_is_that_of_its_circle(radius: float) -> None:
    border = border_of(heart(radius), pixel(256), rays(radius))
    assert area_of(border.radius) == pytest.approx(np.pi * radius**2, rel=0.005)


def test_gaps_are_filled_as_far_from_the_outline_as_their_neighbours() -> None:
    outline = rays()
    radius, valid = outline.radius + 1.5, np.ones(72, dtype=bool)
    radius[10:20], valid[10:20], valid[0] = np.nan, False, False
    assert closed(outline, radius, valid) == pytest.approx(outline.radius + 1.5)


def test_a_gap_over_the_first_ray_is_filled_around_the_circle() -> None:
    outline = rays()
    offset = np.where(np.arange(72) < 36, 2.0, 0.0)
    valid = (np.arange(72) > 3) & (np.arange(72) < 68)
    filled = closed(outline, outline.radius + offset, valid) - outline.radius
    assert np.all(np.diff(np.concatenate([filled[68:], filled[:4]])) > 0)
    assert filled[4] == pytest.approx(2.0)
    assert filled[67] == pytest.approx(0.0)


def test_nothing_measured_is_the_outline_itself() -> None:
    outline = rays()
    assert closed(outline, np.full(72, np.nan), np.zeros(72, dtype=bool)) == pytest.approx(outline.radius)


def test_ejection_fraction() -> None:
    assert ejection_fraction(120.0, 48.0) == pytest.approx(60.0)
    with pytest.raises(ValueError, match="end-diastolic"):
        ejection_fraction(0.0, 0.0)
