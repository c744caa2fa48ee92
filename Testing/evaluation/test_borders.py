"""Borders on the analytic phantom, whose ellipses say where they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.phantom import EDGE_BLUR_MM, FIELD_OF_VIEW_MM, Ellipse
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from DURNSuperResLib.evaluation.borders import Border, Rays, border_of, is_bright_inside
from evaluation.hearts import X, Y, heart, mask, pixel, rays


def measured(image: NDArray, outline: Rays | None = None) -> Border:
    return border_of(image, pixel(len(image)), outline or rays())


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("radius", [12.0, 25.0])
def test_the_border_lies_where_the_ellipse_ends(size: int, radius: float) -> None:
    outline = rays(radius)
    border = measured(heart(radius, size), outline)
    points = outline.centre + border.radius[:, None] * outline.directions
    distance = np.linalg.norm(points - FIELD_OF_VIEW_MM / 2 - (Y, X), axis=1)
    assert border.single.all()
    bend = EDGE_BLUR_MM**2 / (2 * radius)  # by which blur moves the half-way point of a curved edge inwards
    assert distance.mean() == pytest.approx(radius - bend, abs=0.01)
    assert np.abs(distance - radius).mean() < 0.03


@pytest.mark.parametrize("step", [-1.5, -0.4, 0.1, 0.7, 1.5])
def test_a_displacement_is_right_to_two_hundredths_of_a_mm(step: float) -> None:
    moved = measured(heart(25.0 + step)).radius - measured(heart(25.0)).radius
    assert moved.mean() == pytest.approx(step, abs=0.02)
    assert np.abs(measured(heart(25.0 + step, 512)).radius - measured(heart(25.0, 512)).radius - step).max() < 0.02


def test_a_cavity_that_moves_as_a_whole_moves_its_borders_by_the_cosine() -> None:
    moved = measured(heart(25.0, 512, x=18.5)).radius - measured(heart(25.0, 512)).radius
    assert moved == pytest.approx(0.5 * rays().directions[:, 1], abs=0.02)


def test_the_rise_of_a_blurred_edge_is_that_of_its_gaussian() -> None:
    outline = rays()
    sharp = measured(heart(25.0, 1024), outline)
    assert sharp.rise.mean() == pytest.approx(2 * 1.2816 * EDGE_BLUR_MM, abs=0.05)


def test_a_quarter_of_the_resolution_widens_the_rise_and_contrast_stays() -> None:
    truth = heart(25.0)
    border, coarse = measured(truth), measured(zero_fill(kspace_truncate(truth, 4), 4))
    assert coarse.rise.mean() > 2 * border.rise.mean()
    assert border.contrast.mean() == pytest.approx(0.75, abs=0.15)


def test_pixel_size_does_not_move_the_border() -> None:
    truth = kspace_truncate(heart(25.0), 2)
    coarse, fine = measured(truth), measured(bicubic_upscale(truth, 3))
    assert np.abs(coarse.radius - fine.radius).mean() < 0.1


def test_dark_cavities_are_measured_as_bright_ones() -> None:
    bright, outline = heart(25.0), rays()
    assert is_bright_inside(bright, pixel(256), outline)
    assert not is_bright_inside(1 - bright, pixel(256), outline)
    dark = border_of(1 - bright, pixel(256), outline, bright_inside=False)
    assert dark.radius == pytest.approx(measured(bright).radius, abs=1e-9)


def test_an_outline_drawn_too_wide_moves_to_the_border() -> None:
    truth, drawn = heart(25.0), rays(27.0)
    moved = drawn.moved_to(measured(truth, drawn))
    assert measured(truth, moved).radius.mean() == pytest.approx(measured(truth).radius.mean(), abs=0.005)


def test_rays_without_a_border_are_told() -> None:
    papillary = Ellipse(-0.75, X + 23.0, Y, 5.0, 4.0)
    border = measured(heart(25.0, more=(papillary,)))
    plain = measured(heart(25.0))
    assert plain.clear.all()
    moved = np.abs(border.radius - plain.radius) > 0.5
    assert moved.any()
    assert not (moved & border.clear & (rays().directions[:, 1] < 0.9)).any()


def test_masks_that_hold_no_centre_have_no_rays() -> None:
    assert Rays.of(np.zeros((16, 16), dtype=bool), (1.0, 1.0)) is None
    assert Rays.of(mask(25.0) & ~mask(15.0), pixel(256)) is None
    assert Rays.of(mask(2.0), pixel(256)) is None
